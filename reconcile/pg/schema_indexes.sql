-- $1: the table's quoted, qualified name. An index with a predicate does not
-- serve each row, so it is no index of ours.
SELECT c.relname,
       am.amname,
       (SELECT o.opcname FROM pg_opclass AS o WHERE o.oid = i.indclass[0]),
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'lists'), '0'),
       (i.indisvalid AND i.indisready)::int,
       a.attname,
       i.indisprimary::int,
       i.indnkeyatts,
       substring(obj_description(c.oid, 'pg_class') FROM '^trueup: built on ([0-9]{1,15}) rows$')
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS am ON am.oid = c.relam
LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass($1) AND i.indpred IS NULL
ORDER BY c.relname
