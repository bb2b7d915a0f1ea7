-- $1: the table's quoted, qualified name. An ivfflat build counts tuples while
-- it loads them; what goes before (k-means) has no figure and shows as 0.
SELECT CASE WHEN tuples_total > 0 THEN (100 * tuples_done / tuples_total)
            WHEN blocks_total > 0 THEN (100 * blocks_done / blocks_total)
            ELSE 0 END
FROM pg_stat_progress_create_index
WHERE relid = to_regclass($1)
LIMIT 1
