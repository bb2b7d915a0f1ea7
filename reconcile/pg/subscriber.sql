-- $1: the name. The columns of pg_subscription that anybody may read. AWS wants
-- rds.logical_replication on both ends; PostgreSQL itself only on the source.
SELECT CASE WHEN current_setting('rds.logical_replication', true) = 'off'
            THEN 'rds.logical_replication must be 1 in its cluster parameter group, and its writer be rebooted'
            WHEN NOT (me.rolsuper
                      OR EXISTS (SELECT FROM pg_roles
                                 WHERE rolname IN ('rds_superuser', 'pg_create_subscription')
                                       AND pg_has_role(current_user, oid, 'MEMBER')))
            THEN format('%s must be a superuser, or a member of rds_superuser or pg_create_subscription', current_user)
            WHEN NOT has_database_privilege(here.oid, 'TEMP')
            THEN format('%s must be granted TEMP on the database %s', current_user, here.datname)
       END,
       (SELECT count(*) FROM pg_subscription WHERE subname = $1 AND subdbid = here.oid),
       (SELECT count(*) FROM pg_subscription WHERE subname = $1 AND subdbid = here.oid AND subenabled)
FROM pg_roles AS me, pg_database AS here
WHERE me.rolname = current_user AND here.datname = current_database()
