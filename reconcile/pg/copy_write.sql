COPY {table} (botid, id, content, source, embedding) FROM STDIN (FORMAT {format})
