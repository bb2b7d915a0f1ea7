DELETE FROM {table} WHERE {bots}
