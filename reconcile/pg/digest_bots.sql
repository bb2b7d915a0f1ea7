-- The digest v1 of pg/digest.h. An array's binary form is 20 bytes of header,
-- then each element framed by its length, NULL as -1: the frame we want.
-- convert_to() in place of textsend(): a parallel worker knows no client
-- encoding. OFFSET 0 keeps the planner from computing each hash twice.
SELECT bot, count(*), sum(first), sum(second)
FROM (
    SELECT bot,
           ('x' || encode(substr(hash, 1, 8), 'hex'))::bit(64)::bigint AS first,
           ('x' || encode(substr(hash, 9, 8), 'hex'))::bit(64)::bigint AS second
    FROM (
        SELECT botid::text AS bot,
               sha256(substr(array_send(ARRAY[
                   convert_to(id::text, 'UTF8'),
                   convert_to(content, 'UTF8'),
                   convert_to(source, 'UTF8'),
                   {vector}.vector_send(embedding)]), 21)) AS hash
        FROM {table}
        WHERE {bots}
        OFFSET 0
    ) AS hashed
) AS halved
GROUP BY bot
