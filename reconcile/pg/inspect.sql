-- As whom a session works, and what it may do with the table.
-- $1: the table's quoted, qualified name.
SELECT current_user, split_part(current_setting('server_version'), ' ', 1), current_setting('transaction_read_only') = 'on',
       (SELECT extversion FROM pg_extension WHERE extname = 'vector'), t.oid IS NOT NULL,
       has_table_privilege(t.oid, 'SELECT'), has_table_privilege(t.oid, 'INSERT'), has_table_privilege(t.oid, 'DELETE'),
       pg_has_role(t.relowner, 'USAGE')
  FROM (VALUES (to_regclass($1))) AS named (oid)
  LEFT JOIN pg_class AS t ON t.oid = named.oid
