-- The application's search, $1: its bot, $2: the question's embedding; $3: a
-- row that is looked for among the answers.
SELECT count(*), count(*) FILTER (WHERE id = $3)
FROM (
    SELECT id
    FROM {table}
    WHERE botid = $1
    ORDER BY embedding OPERATOR({vector}.<->) $2::{vector}.vector
    LIMIT {limit}
) AS answers
