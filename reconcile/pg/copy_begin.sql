-- One snapshot for the look and for the deletion that follows it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM {table} WHERE {bots}
