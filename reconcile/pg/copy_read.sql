-- botid first: what follows it is, as it stands in the stream, what the digest covers.
COPY (
    SELECT botid::text, id::text, content::text, source::text, embedding
    FROM {table}
    WHERE {bots}
) TO STDOUT (FORMAT {format})
