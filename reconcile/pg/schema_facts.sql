-- What the server and the database offer, and whether the table is there.
-- $1: the table's quoted, qualified name.
SELECT current_setting('server_version_num'),
       (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'),
       (SELECT count(*) FROM pg_extension WHERE extname = 'pgcrypto'),
       (SELECT count(*) FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p'))
