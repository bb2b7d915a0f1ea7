-- $1: the table's quoted, qualified name. The third is the type without its
-- modifier; the fourth the modifier, which for a vector is its dimension.
SELECT a.attname,
       format_type(a.atttypid, a.atttypmod),
       t.typname,
       a.atttypmod
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
