-- The distances of what is nearest to each question among the rows of its bot:
-- the application's search (backend/app/vector_search.py), many in one statement.
SELECT v.number, d.distance
FROM (VALUES {questions}) AS v (number, bot, id)
JOIN {table} AS i ON i.id = v.id::bpchar
CROSS JOIN LATERAL (
    SELECT n.embedding OPERATOR({vector}.<->) i.embedding AS distance
    FROM {table} AS n
    WHERE n.botid = v.bot::bpchar AND {rows} AND n.embedding IS NOT NULL
    ORDER BY n.embedding OPERATOR({vector}.<->) i.embedding
    LIMIT {limit}
) AS d
