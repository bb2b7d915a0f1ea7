-- For each bot, the first of its rows that can stand for a question. The
-- concatenation keeps the planner from walking through the primary key for it.
SELECT (SELECT i.id::text
        FROM {table} AS i
        WHERE i.botid = v.bot::bpchar AND i.embedding IS NOT NULL
        ORDER BY i.id || ''
        LIMIT 1)
FROM (VALUES {questions}) AS v (number, bot, id)
ORDER BY v.number
