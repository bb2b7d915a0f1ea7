#include "pg/schema.h"

#include "pg/query.h"
#include "pg/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The columns of Bedrock Chat's table, each with the types that hold the same values. */
static const struct {
	const char *name;
	const char *types; /* pg_type.typname, between blanks */
} wanted_columns[] = {
    {"id", " bpchar varchar text "},     {"botid", " bpchar varchar text "}, {"content", " bpchar varchar text "},
    {"source", " bpchar varchar text "}, {"embedding", " vector "},
};

enum { WANTED_COLUMNS = sizeof(wanted_columns) / sizeof(wanted_columns[0]) };

static int facts_observe(struct pg_session *session, struct arena *arena, const char *quoted, struct pg_schema *schema,
                         struct error *err)
{
	PGresult *result;

	if (pg_query(session, sql_schema_facts, &quoted, 1, &result, err) < 0)
		return -1;
	schema->server_version = (int)pg_query_int(result, 0, 0);
	schema->vector_installed = pg_query_text(result, 0, 1, arena);
	schema->vector_available = pg_query_text(result, 0, 2, arena);
	schema->pgcrypto_installed = pg_query_int(result, 0, 3) > 0;
	schema->table_exists = pg_query_int(result, 0, 4) > 0;
	PQclear(result);
	return 0;
}

/* The first wanted column that is not there, or has another type, in words; NULL if all fit. */
static const char *columns_mismatch(const PGresult *result, struct arena *arena)
{
	int row, i;

	for (i = 0; i < WANTED_COLUMNS; i++) {
		char type[80];

		for (row = 0; row < PQntuples(result); row++)
			if (strcmp(PQgetvalue(result, row, 0), wanted_columns[i].name) == 0)
				break;
		if (row == PQntuples(result))
			return arena_printf(arena, "the column %s is missing", wanted_columns[i].name);
		snprintf(type, sizeof(type), " %s ", PQgetvalue(result, row, 2));
		if (strstr(wanted_columns[i].types, type) == NULL)
			return arena_printf(arena, "the column %s is %s", wanted_columns[i].name,
			                    PQgetvalue(result, row, 1));
	}
	return NULL;
}

static int columns_observe(struct pg_session *session, struct arena *arena, const char *quoted,
                           struct pg_schema *schema, struct error *err)
{
	PGresult *result;
	int row;

	if (pg_query(session, sql_schema_columns, &quoted, 1, &result, err) < 0)
		return -1;
	schema->dimension = -1;
	for (row = 0; row < PQntuples(result); row++) {
		struct pg_column *column = ARENA_PUSH(arena, schema->columns, schema->column_count);

		column->name = pg_query_text(result, row, 0, arena);
		column->type = pg_query_text(result, row, 1, arena);
		if (strcmp(column->name, "embedding") == 0)
			schema->dimension = (int)pg_query_int(result, row, 3);
	}
	schema->mismatch = columns_mismatch(result, arena);
	PQclear(result);
	return 0;
}

static void index_note(const PGresult *result, int row, struct arena *arena, struct pg_schema *schema)
{
	bool valid = pg_query_int(result, row, 4) != 0;
	const char *method = PQgetvalue(result, row, 1);
	const char *column = PQgetvalue(result, row, 5); /* the first; "" for an expression */
	struct pg_index *index;

	if (strcmp(column, "id") == 0 && pg_query_int(result, row, 6) != 0 && pg_query_int(result, row, 7) == 1)
		schema->primary_key = true;
	if (strcmp(column, "botid") == 0 && strcmp(method, "btree") == 0 && valid)
		schema->botid_index = true;
	if (strcmp(column, "embedding") != 0 || (strcmp(method, "ivfflat") != 0 && strcmp(method, "hnsw") != 0))
		return;
	index = ARENA_PUSH(arena, schema->vector_indexes, schema->vector_index_count);
	index->name = pg_query_text(result, row, 0, arena);
	index->method = pg_query_text(result, row, 1, arena);
	index->opclass = pg_query_text(result, row, 2, arena);
	index->lists = pg_query_int(result, row, 3);
	index->trained = pg_query_int(result, row, 8);
	index->valid = valid;
	/* ivfflat's own default, where the option was not given. */
	if (index->lists == 0 && strcmp(method, "ivfflat") == 0)
		index->lists = 100;
}

static int indexes_observe(struct pg_session *session, struct arena *arena, const char *quoted,
                           struct pg_schema *schema, struct error *err)
{
	PGresult *result;
	int row;

	if (pg_query(session, sql_schema_indexes, &quoted, 1, &result, err) < 0)
		return -1;
	for (row = 0; row < PQntuples(result); row++)
		index_note(result, row, arena, schema);
	PQclear(result);
	return 0;
}

int pg_schema_observe(struct pg_session *session, struct arena *arena, const char *table, struct pg_schema *schema,
                      struct error *err)
{
	const char *quoted;

	memset(schema, 0, sizeof(*schema));
	if (pg_query_table(arena, table, &quoted, err) < 0)
		return -1;
	if (facts_observe(session, arena, quoted, schema, err) < 0 ||
	    (schema->table_exists && (columns_observe(session, arena, quoted, schema, err) < 0 ||
	                              indexes_observe(session, arena, quoted, schema, err) < 0)))
		return error_context(err, "looking at the table %s", table);
	return 0;
}

const struct pg_index *pg_schema_vector_index(const struct pg_schema *schema)
{
	size_t i;

	for (i = 0; i < schema->vector_index_count; i++)
		if (schema->vector_indexes[i].valid)
			return &schema->vector_indexes[i];
	return NULL;
}

static int extensions_create(struct pg_session *session, const struct pg_schema *schema, struct error *err)
{
	/* The path would have them made in pg_catalog. */
	if (schema->vector_installed == NULL &&
	    pg_query_run(session, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public", err) < 0)
		return -1;
	if (!schema->pgcrypto_installed &&
	    pg_query_run(session, "CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public", err) < 0)
		return -1;
	return 0;
}

static int table_create(struct pg_session *session, struct arena *arena, const char *quoted, int dimension,
                        struct error *err)
{
	struct pg_fill fills[] = {
	    {"table", quoted}, {"vector", NULL}, {"dimension", arena_printf(arena, "%d", dimension)}, {NULL, NULL}};

	if (pg_query_vector_schema(session, arena, &fills[1].value, err) < 0)
		return -1;
	return pg_query_run(session, pg_query_fill(arena, sql_create_table, fills), err);
}

static int missing_create(struct pg_session *session, struct arena *arena, const char *table, int dimension,
                          struct error *err)
{
	struct pg_schema schema;
	const char *quoted, *name;

	if (pg_query_table(arena, table, &quoted, err) < 0 ||
	    pg_schema_observe(session, arena, table, &schema, err) < 0)
		return -1;
	if (schema.vector_installed == NULL && schema.vector_available == NULL)
		return error_set(err, ERROR_NOT_FOUND,
		                 "the server does not offer the extension vector: install pgvector");
	if (extensions_create(session, &schema, err) < 0)
		return -1;
	if (!schema.table_exists && table_create(session, arena, quoted, dimension, err) < 0)
		return -1;
	if (schema.mismatch != NULL)
		return error_set(err, ERROR_STATE, "%s is not Bedrock Chat's table: %s", table, schema.mismatch);
	if (!schema.primary_key &&
	    pg_query_run(session, arena_printf(arena, "ALTER TABLE %s ADD PRIMARY KEY (id)", quoted), err) < 0)
		return error_context(err, "the primary key (id) of %s", table);
	name = pg_query_index_name(arena, table, "botid");
	if (!schema.botid_index &&
	    pg_query_run(session, arena_printf(arena, "CREATE INDEX %s ON %s (botid)", name, quoted), err) < 0)
		return error_context(err, "the index on botid of %s", table);
	return 0;
}

int pg_schema_create(struct pg_session *session, const char *table, int dimension, struct error *err)
{
	struct arena *arena;
	int status;

	if (pg_query_run(session, "BEGIN", err) < 0)
		return -1;
	arena = arena_new();
	status = missing_create(session, arena, table, dimension, err);
	arena_free(arena);
	if (status < 0) {
		pg_query_abandon(session);
		return error_context(err, "creating what is missing of %s", table);
	}
	return pg_query_run(session, "COMMIT", err);
}
