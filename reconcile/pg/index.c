/*
 * index.c - building and dropping the vector index (declared in schema.h).
 *
 * The new index is made under a name of its own and takes its place only once
 * it is whole. What a killed CREATE INDEX CONCURRENTLY leaves under that name
 * is invalid, and dropped by the next build.
 */
#include "pg/query.h"
#include "pg/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAINTENANCE_MB = 256, DEFAULT_WORKERS = 2 };

int64_t pg_index_lists(int64_t rows)
{
	int64_t lists = rows <= 1000000 ? rows / 1000 : (int64_t)sqrt((double)rows);

	if (lists < 1)
		return 1;
	return lists > 32768 ? 32768 : lists;
}

/*
 * What ivfflat's k-means takes (pgvector, ivfkmeans.c): 50 samples a list, the
 * centres, and the bounds of each sample to each centre. It refuses to start
 * with less, so that a fixed figure would fail on a large table.
 */
static int64_t kmeans_mb(int64_t lists, int dimension)
{
	int64_t samples = lists < 200 ? 10000 : lists * 50;
	int64_t dimensions = dimension > 0 ? dimension : PG_EMBEDDING_DIMENSION;
	int64_t vector = 8 + 4 * dimensions;
	int64_t bytes = (samples + 3 * lists) * vector + 4 * samples * lists + 4 * lists * lists + 16 * samples;

	return (bytes >> 20) * 5 / 4 + 32;
}

static int rows_count(struct pg_session *session, struct arena *arena, const char *quoted, int64_t *rows,
                      struct error *err)
{
	PGresult *result;

	if (pg_query(session, arena_printf(arena, "SELECT count(*) FROM %s", quoted), NULL, 0, &result, err) < 0)
		return -1;
	*rows = pg_query_int(result, 0, 0);
	PQclear(result);
	return 0;
}

/* The schema of the table, as a prefix for the names of its indexes. */
static const char *index_qualify(struct arena *arena, const char *table, const char *name)
{
	const char *dot = strchr(table, '.');
	const char *schema = dot == NULL ? "public" : arena_strndup(arena, table, (size_t)(dot - table));

	return arena_printf(arena, "%s.%s", pg_query_identifier(arena, schema), pg_query_identifier(arena, name));
}

/* Drop the vector indexes: all, or (with `only`) the one of that name, or (with `but`) all others. */
static int indexes_drop(struct pg_session *session, struct arena *arena, const char *table, const char *only,
                        const char *but, struct error *err)
{
	struct pg_schema schema;
	size_t i;

	if (pg_schema_observe(session, arena, table, &schema, err) < 0)
		return -1;
	for (i = 0; i < schema.vector_index_count; i++) {
		const char *name = schema.vector_indexes[i].name;

		if ((only != NULL && strcmp(name, only) != 0) || (but != NULL && strcmp(name, but) == 0))
			continue;
		name = index_qualify(arena, table, name);
		if (pg_query_run(session, arena_printf(arena, "DROP INDEX IF EXISTS %s", name), err) < 0)
			return error_context(err, "dropping the index %s", name);
	}
	return 0;
}

static int session_prepare(struct pg_session *session, struct arena *arena, const struct pg_index_request *request,
                           int64_t needed_mb, struct error *err)
{
	int workers = request->workers > 0 ? request->workers : DEFAULT_WORKERS;
	int64_t memory = request->maintenance_mb > 0 ? request->maintenance_mb : DEFAULT_MAINTENANCE_MB;

	if (request->maintenance_mb == 0 && needed_mb > memory)
		memory = needed_mb;
	/* A concurrent build waits for every older transaction: the statement's own timeout bounds it. */
	return pg_query_run(session,
	                    arena_printf(arena,
	                                 "SET maintenance_work_mem = '%lldMB';"
	                                 "SET max_parallel_maintenance_workers = %d;"
	                                 "SET lock_timeout = '%s'",
	                                 (long long)memory, workers, request->concurrently ? "0" : "30s"),
	                    err);
}

static int session_restore(struct pg_session *session, struct error *err)
{
	return pg_query_run(
	    session, "RESET maintenance_work_mem; RESET max_parallel_maintenance_workers; RESET lock_timeout", err);
}

/* The statements of one build. */
struct build {
	const char *building; /* the name that the index has until it is whole */
	const char *create;
	const char *settle; /* once the others are gone: its name, and what is written down at it */
};

static const char *create_statement(struct arena *arena, const struct pg_index_request *request, const char *building,
                                    int64_t lists, const char *const names[2])
{
	const char *options = strcmp(request->method, "ivfflat") == 0
	                          ? arena_printf(arena, " WITH (lists = %lld)", (long long)lists)
	                          : "";

	return arena_printf(arena, "CREATE INDEX %s%s ON %s USING %s (embedding %s.vector_l2_ops)%s",
	                    request->concurrently ? "CONCURRENTLY " : "", pg_query_identifier(arena, building),
	                    names[0], request->method, names[1], options);
}

static const char *settle_statements(struct arena *arena, const char *table, const char *building, int64_t rows)
{
	const char *qualified = index_qualify(arena, table, building);

	return arena_printf(arena, "COMMENT ON INDEX %s IS 'trueup: built on %lld rows'; ALTER INDEX %s RENAME TO %s",
	                    qualified, (long long)rows, qualified, pg_query_index_name(arena, table, "embedding"));
}

/* Searches have an index at any moment: the others go in the transaction in which the new one takes their place. */
static int index_create(struct pg_session *session, struct arena *arena, const struct pg_index_request *request,
                        const struct build *build, struct error *err)
{
	if (indexes_drop(session, arena, request->table, build->building, NULL, err) < 0)
		return -1;
	/* CREATE INDEX CONCURRENTLY may not stand in a transaction; the other had better. */
	if (request->concurrently && pg_query_run(session, build->create, err) < 0)
		return -1;
	if (pg_query_run(session, "BEGIN", err) < 0 ||
	    (!request->concurrently && pg_query_run(session, build->create, err) < 0) ||
	    indexes_drop(session, arena, request->table, NULL, build->building, err) < 0 ||
	    pg_query_run(session, build->settle, err) < 0 || pg_query_run(session, "COMMIT", err) < 0) {
		pg_query_abandon(session);
		return -1;
	}
	return 0;
}

static int index_build(struct pg_session *session, struct arena *arena, const struct pg_index_request *request,
                       struct error *err)
{
	struct build build = {.building = pg_query_index_plain(arena, request->table, "embedding_building")};
	int64_t lists = request->lists, rows;
	struct pg_schema schema;
	const char *names[2]; /* the table, the schema of the extension */
	int status;

	if (pg_query_table(arena, request->table, &names[0], err) < 0 ||
	    pg_query_vector_schema(session, arena, &names[1], err) < 0 ||
	    pg_schema_observe(session, arena, request->table, &schema, err) < 0 ||
	    rows_count(session, arena, names[0], &rows, err) < 0)
		return -1;
	if (lists == 0)
		lists = pg_index_lists(rows);
	build.create = create_statement(arena, request, build.building, lists, names);
	build.settle = settle_statements(arena, request->table, build.building, rows);
	if (session_prepare(session, arena, request, kmeans_mb(lists, schema.dimension), err) < 0)
		return -1;
	status = index_create(session, arena, request, &build, err);
	if (status == 0)
		status = session_restore(session, err);
	return status;
}

int pg_index_build(struct pg_session *session, const struct pg_index_request *request, struct error *err)
{
	struct arena *arena;
	int status;

	if (strcmp(request->method, "ivfflat") != 0 && strcmp(request->method, "hnsw") != 0)
		return error_set(err, ERROR_INVALID, "\"%s\" is not a kind of vector index: ivfflat or hnsw",
		                 request->method);
	arena = arena_new();
	status = index_build(session, arena, request, err);
	arena_free(arena);
	if (status < 0)
		return error_context(err, "building the vector index of %s", request->table);
	return 0;
}

int pg_index_drop(struct pg_session *session, const char *table, struct error *err)
{
	struct arena *arena = arena_new();
	int status = indexes_drop(session, arena, table, NULL, NULL, err);

	arena_free(arena);
	return status;
}

int pg_table_vacuum(struct pg_session *session, const char *table, struct error *err)
{
	struct arena *arena = arena_new();
	const char *quoted;
	int status = pg_query_table(arena, table, &quoted, err);

	if (status == 0)
		status = pg_query_run(session, arena_printf(arena, "VACUUM (ANALYZE) %s", quoted), err);
	arena_free(arena);
	return status < 0 ? error_context(err, "vacuuming %s", table) : 0;
}
