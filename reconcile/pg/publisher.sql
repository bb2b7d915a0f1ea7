-- $1: the table's quoted, qualified name. $2: the name of all that is made.
-- RDS knows a setting of its own, and a role that stands for the attribute
-- REPLICATION, which only superusers can give.
WITH me AS (
    SELECT rolsuper, rolcreaterole, rolsuper OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') AS leads
    FROM pg_roles
    WHERE rolname = current_user
), slot AS (
    SELECT *
    FROM pg_replication_slots
    WHERE slot_name = $2
), old_slot AS (
    SELECT *
    FROM pg_replication_slots
    WHERE slot_name = $2 || '_old'
)
SELECT (current_setting('rds.logical_replication', true) IS NOT NULL)::int,
       (current_setting('wal_level') = 'logical')::int,
       current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
       (c.relreplident IN ('f', 'i')
        OR c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary))::int,
       (SELECT string_agg(attname, ', ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
              AND attname NOT IN ('id', 'botid', 'content', 'source', 'embedding')),
       CASE WHEN NOT pg_has_role(c.relowner, 'USAGE')
            THEN format('%s must own the table', current_user)
            WHEN NOT has_database_privilege(current_database(), 'CREATE')
            THEN format('%s must be granted CREATE on the database %s', current_user, current_database())
            WHEN NOT (me.rolsuper OR me.rolcreaterole)
            THEN format('%s must be given CREATEROLE', current_user)
            WHEN NOT me.leads
            THEN format('%s must be a superuser: nobody else can give a role REPLICATION', current_user)
       END,
       (SELECT count(*) FROM pg_publication WHERE pubname = $2),
       (SELECT count(*) FROM pg_roles WHERE rolname = $2),
       (SELECT count(*) FROM slot),
       coalesce((SELECT active FROM slot), false)::int,
       coalesce((SELECT wal_status = 'lost' FROM slot), false)::int,
       (SELECT count(*) FROM old_slot),
       coalesce((SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))
                 FROM (SELECT restart_lsn FROM slot UNION ALL SELECT restart_lsn FROM old_slot) AS both_slots), 0)::bigint,
       coalesce((SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) FROM slot), 0)::bigint,
       coalesce((SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0') FROM slot), 0)::bigint
FROM me, pg_class AS c
WHERE c.oid = to_regclass($1)
