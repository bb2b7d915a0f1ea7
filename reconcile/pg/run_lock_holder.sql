-- $1: the deployment. Of whoever has its lock: what the session calls itself, and from where.
SELECT a.application_name, coalesce(host(a.client_addr), 'an unknown address')
FROM pg_locks l
JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('trueup run ' || $1, 0)
