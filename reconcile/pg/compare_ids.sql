-- In the order of bytes, which is the same on every server.
COPY (
    SELECT convert_to(coalesce(botid::text, '(null)'), 'UTF8') AS bot,
           convert_to(coalesce(id::text, ''), 'UTF8') AS id
    FROM {table}
    WHERE {bots}
    ORDER BY 1, 2
) TO STDOUT (FORMAT binary)
