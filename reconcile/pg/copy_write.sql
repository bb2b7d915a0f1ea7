BEGIN;
DELETE FROM {table} WHERE {bots};
COPY {table} (botid, id, content, source, embedding) FROM STDIN (FORMAT {format})
