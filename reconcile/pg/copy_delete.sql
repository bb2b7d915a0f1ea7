BEGIN;
DELETE FROM {table} WHERE {bots}
