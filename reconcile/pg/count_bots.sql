-- An index-only scan of the index on botid, once the table was vacuumed.
SELECT botid::text, count(*)
FROM {table}
GROUP BY botid
