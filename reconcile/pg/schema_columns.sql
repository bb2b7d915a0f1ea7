-- $1: the table's quoted, qualified name. The fourth is the type without its
-- modifier; the fifth the modifier, which for a vector is its dimension.
SELECT a.attname,
       format_type(a.atttypid, a.atttypmod),
       a.attnotnull::int,
       t.typname,
       a.atttypmod
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
