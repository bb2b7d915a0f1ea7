#include "pg/search.h"
#include "base/buf.h"
#include "pg/query.h"
#include "pg/schema.h"
#include "pg/sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a transaction is told about the way that its searches take. */
#define OWN_WAY "SET LOCAL parallel_setup_cost = 1000; SET LOCAL parallel_tuple_cost = 0.1" /* PostgreSQL's own */
/* Nothing else than the vector index gives rows in the order of their distance. */
#define THROUGH_INDEX "SET LOCAL enable_sort = off"
/* Every row of the bot is looked at; by a bitmap of botid where that is indexed. */
#define EXACT "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"

/* Distances of one row may differ in the last digits by the way that they are computed. */
#define TOLERANCE 1e-6

/* A statement in a transaction that goes the given way; its result, which the caller clears. */
static int search(struct pg_session *session, const char *way, const char *sql, const char *const *params, int count,
                  PGresult **result, struct error *err)
{
	char begin[160];
	struct error ignored;

	snprintf(begin, sizeof(begin), "BEGIN; %s", way);
	if (pg_query_run(session, begin, err) < 0 || pg_query(session, sql, params, count, result, err) < 0) {
		pg_query_abandon(session);
		return -1;
	}
	if (pg_query_run(session, "COMMIT", &ignored) < 0)
		pg_query_abandon(session);
	return 0;
}

/* "(1, 'bot', 'row'), …". A bot without a row stands there with NULL. */
static const char *list_questions(struct pg_session *session, struct arena *arena, const struct pg_question *questions,
                                  size_t count)
{
	struct buf out = {0};
	const char *list;
	size_t i;

	for (i = 0; i < count; i++)
		buf_printf(&out, "%s(%zu, %s, %s)", i > 0 ? ", " : "", i,
		           pg_query_literal(session, arena, questions[i].bot),
		           questions[i].id != NULL ? pg_query_literal(session, arena, questions[i].id) : "NULL::text");
	list = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return list;
}

/* The names that all statements need. `fills` has room for them and for two more. */
static int begin_fills(struct pg_session *session, struct arena *arena, const char *table, struct pg_fill fills[5],
                       struct error *err)
{
	fills[0].name = "table";
	fills[1].name = "vector";
	if (pg_query_table(arena, table, &fills[0].value, err) < 0)
		return -1;
	return pg_query_vector_schema(session, arena, &fills[1].value, err);
}

int pg_search_pick(struct pg_session *session, struct arena *arena, const char *table, struct pg_question *questions,
                   size_t count, struct error *err)
{
	struct pg_fill fills[] = {{"table", NULL}, {"questions", NULL}, {NULL, NULL}};
	PGresult *result;
	size_t i;

	if (count == 0)
		return 0;
	fills[1].value = list_questions(session, arena, questions, count);
	if (pg_query_table(arena, table, &fills[0].value, err) < 0 ||
	    pg_query(session, pg_query_fill(arena, sql_search_pick, fills), NULL, 0, &result, err) < 0)
		return error_context(err, "choosing rows of %s to search with", table);
	for (i = 0; i < count; i++)
		questions[i].id = pg_query_text(result, (int)i, 0, arena);
	PQclear(result);
	return 0;
}

/* The statement that gives the distances of what is nearest. others: but the questions' own rows. */
static int make_distances(struct pg_session *session, struct arena *arena, const char *table, const char *questions,
                          bool others, int limit, const char **sql, struct error *err)
{
	struct pg_fill fills[6] = {{NULL, NULL}, {NULL, NULL}};

	if (begin_fills(session, arena, table, fills, err) < 0)
		return -1;
	fills[2] = (struct pg_fill){"questions", questions};
	fills[3] = (struct pg_fill){"rows", others ? "n.id <> i.id" : "true"};
	fills[4] = (struct pg_fill){"limit", arena_printf(arena, "%d", limit)};
	*sql = pg_query_fill(arena, sql_search_distances, fills);
	return 0;
}

/* What is nearest to a question, one way. */
struct nearest {
	int64_t count;
	double farthest;
};

/* For each question, how many rows came back and how far they are. within: NULL, or what counts as found. */
static void read_nearest(const PGresult *result, const struct nearest *within, struct nearest *out)
{
	int row;

	for (row = 0; row < PQntuples(result); row++) {
		size_t number = (size_t)pg_query_int(result, row, 0);
		double distance = strtod(PQgetvalue(result, row, 1), NULL);

		if (within != NULL && distance > within[number].farthest * (1 + TOLERANCE))
			continue;
		out[number].count++;
		if (distance > out[number].farthest)
			out[number].farthest = distance;
	}
}

int pg_search_ask(struct pg_session *session, struct arena *arena, const char *table, struct pg_question *questions,
                  size_t count, struct error *err)
{
	const char *sql;
	PGresult *result;
	int row;

	if (count == 0)
		return 0;
	if (make_distances(session, arena, table, list_questions(session, arena, questions, count), false, 1, &sql,
	                   err) < 0 ||
	    search(session, THROUGH_INDEX, sql, NULL, 0, &result, err) < 0)
		return error_context(err, "searching %s", table);
	for (row = 0; row < PQntuples(result); row++)
		questions[pg_query_int(result, row, 0)].answered = strtod(PQgetvalue(result, row, 1), NULL) < TOLERANCE;
	PQclear(result);
	return 0;
}

/* Whether PostgreSQL sends a search with the question through the index of that name. */
static int goes_through(struct pg_session *session, struct arena *arena, const char *table, const char *way,
                        const struct pg_question *question, int limit, const char *index, bool *through,
                        struct error *err)
{
	struct pg_fill fills[5] = {{NULL, NULL}, {NULL, NULL}};
	const char *params[] = {question->bot, question->id}, *sql;
	PGresult *result;

	if (begin_fills(session, arena, table, fills, err) < 0)
		return -1;
	fills[2] = (struct pg_fill){"limit", arena_printf(arena, "%d", limit)};
	sql = arena_printf(arena, "EXPLAIN (FORMAT JSON, COSTS OFF) %s", pg_query_fill(arena, sql_search_row, fills));
	if (search(session, way, sql, params, 2, &result, err) < 0)
		return -1;
	*through = strstr(PQgetvalue(result, 0, 0), arena_printf(arena, "\"Index Name\": \"%s\"", index)) != NULL;
	PQclear(result);
	return 0;
}

int pg_search_index(struct pg_session *session, struct arena *arena, const char *table, const char **name,
                    struct error *err)
{
	static const struct pg_question nobody = {.bot = "", .id = ""};
	struct pg_schema schema;
	bool through = false;
	size_t i;

	*name = NULL;
	if (pg_schema_observe(session, arena, table, &schema, err) < 0)
		return -1;
	for (i = 0; i < schema.vector_index_count && !through; i++) {
		if (goes_through(session, arena, table, THROUGH_INDEX, &nobody, 1, schema.vector_indexes[i].name,
		                 &through, err) < 0)
			return error_context(err, "explaining searches of %s", table);
		if (through)
			*name = schema.vector_indexes[i].name;
	}
	return 0;
}

static int find_nearest(struct pg_session *session, const char *way, const char *sql, const struct nearest *within,
                        struct nearest *out, struct error *err)
{
	PGresult *result;

	if (search(session, way, sql, NULL, 0, &result, err) < 0)
		return -1;
	read_nearest(result, within, out);
	PQclear(result);
	return 0;
}

int pg_search_recall(struct pg_session *session, struct arena *arena, const char *table, const char *index,
                     const struct pg_question *questions, size_t count, int limit, struct pg_recall *recall,
                     struct error *err)
{
	struct nearest *exact = arena_array(arena, count, sizeof(*exact));
	struct nearest *found = arena_array(arena, count, sizeof(*found));
	const char *list = list_questions(session, arena, questions, count), *sql;
	size_t i;

	*recall = (struct pg_recall){0};
	if (count == 0)
		return 0;
	if (make_distances(session, arena, table, list, true, limit, &sql, err) < 0 ||
	    find_nearest(session, EXACT, sql, NULL, exact, err) < 0 ||
	    find_nearest(session, THROUGH_INDEX, sql, exact, found, err) < 0)
		return error_context(err, "searching %s", table);
	for (i = 0; i < count; i++) {
		bool through;

		if (exact[i].count == 0)
			continue;
		if (goes_through(session, arena, table, OWN_WAY, &questions[i], limit, index, &through, err) < 0)
			return error_context(err, "explaining searches of %s", table);
		recall->questions++;
		recall->expected += exact[i].count;
		recall->found += found[i].count;
		recall->indexed += through;
	}
	return 0;
}

int pg_search_content(struct pg_session *session, struct arena *arena, const char *table, const char *id,
                      int characters, const char **content, struct error *err)
{
	const char *quoted;
	PGresult *result;

	if (pg_query_table(arena, table, &quoted, err) < 0 ||
	    pg_query(session, arena_printf(arena, "SELECT left(content, %d) FROM %s WHERE id = $1", characters, quoted),
	             &id, 1, &result, err) < 0)
		return error_context(err, "reading a row of %s", table);
	*content = PQntuples(result) > 0 ? pg_query_text(result, 0, 0, arena) : NULL;
	PQclear(result);
	return 0;
}

int pg_search_text(struct pg_session *session, struct arena *arena, const char *table,
                   const struct pg_question *question, const char *embedding, int limit, struct pg_answers *answers,
                   struct error *err)
{
	const char *params[] = {question->bot, embedding, question->id};
	struct pg_fill fills[5] = {{NULL, NULL}, {NULL, NULL}};
	PGresult *result;

	if (begin_fills(session, arena, table, fills, err) < 0)
		return -1;
	fills[2] = (struct pg_fill){"limit", arena_printf(arena, "%d", limit)};
	if (search(session, OWN_WAY, pg_query_fill(arena, sql_search_text, fills), params, 3, &result, err) < 0)
		return error_context(err, "searching %s", table);
	answers->answers = pg_query_int(result, 0, 0);
	answers->found = pg_query_int(result, 0, 1) > 0;
	PQclear(result);
	return 0;
}

int pg_search_is_crowded(struct pg_session *session, struct arena *arena, const char *table,
                         const struct pg_sample *sample, bool *crowded, struct error *err)
{
	struct pg_fill fills[5] = {{NULL, NULL}, {NULL, NULL}};
	int64_t left = ((int64_t)sample->count * sample->rows + 3) / 4; /* reads that make it crowded */
	size_t i;

	*crowded = false;
	if (begin_fills(session, arena, table, fills, err) < 0)
		return -1;
	for (i = 0; i < sample->count && left > 0; i++) {
		PGresult *result;

		fills[2] = (struct pg_fill){"limit", arena_printf(arena, "%" PRId64, left)};
		if (search(session, THROUGH_INDEX, pg_query_fill(arena, sql_search_list, fills),
		           &sample->questions[i].id, 1, &result, err) < 0)
			return error_context(err, "searching %s", table);
		left -= pg_query_int(result, 0, 0);
		PQclear(result);
	}
	*crowded = sample->count > 0 && left <= 0;
	return 0;
}
