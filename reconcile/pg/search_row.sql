-- The application's search, $1: its bot, $2: the row that stands for the question.
SELECT id, botid, content, source, embedding
FROM {table}
WHERE botid = $1
ORDER BY embedding OPERATOR({vector}.<->) (SELECT embedding FROM {table} WHERE id = $2)
LIMIT {limit}
