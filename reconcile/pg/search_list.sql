-- How many rows the lists hold that a search with this row ($1) reads, counted
-- up to {limit}.
SELECT count(*)
FROM (
    SELECT 1
    FROM {table}
    ORDER BY embedding OPERATOR({vector}.<->) (SELECT embedding FROM {table} WHERE id = $1)
    LIMIT {limit}
) AS probed
