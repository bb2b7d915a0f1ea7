#include "pg/compare.h"

#include "pg/query.h"
#include "pg/sql.h"
#include "pg/tuple.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one server computes while the other does, in an arena of its own. */
struct digest_task {
	const struct pg_side *side;
	const struct pg_bots *wanted;
	struct arena *arena;
	struct pg_bots bots;
	struct error err;
	int status;
};

static void *digest_run(void *context)
{
	struct digest_task *task = context;

	task->status =
	    pg_digest_bots(task->side->session, task->arena, task->side->table, task->wanted, &task->bots, &task->err);
	return NULL;
}

/* Merge two sorted lists of bots into one of differences. */
static void bots_merge(const struct pg_bots *source, const struct pg_bots *target, struct arena *arena,
                       struct pg_comparison *comparison)
{
	size_t s = 0, t = 0;

	comparison->items = arena_array(arena, source->count + target->count, sizeof(*comparison->items));
	while (s < source->count || t < target->count) {
		struct pg_difference *item = &comparison->items[comparison->count++];
		int order = s == source->count   ? 1
		            : t == target->count ? -1
		                                 : strcmp(source->items[s].name, target->items[t].name);

		if (order <= 0) {
			item->bot = source->items[s].name;
			item->source_rows = source->items[s++].rows;
		}
		if (order >= 0) {
			item->bot = target->items[t].name;
			item->target_rows = target->items[t++].rows;
		}
	}
}

static void digest_take(const struct pg_bots *bots, const char *name, char out[PG_DIGEST_SIZE])
{
	const struct pg_bot *bot = pg_bots_find(bots, name);

	if (bot != NULL)
		memcpy(out, bot->digest, PG_DIGEST_SIZE);
}

/* Digests of these bots on both servers at once, into the comparison. */
static int digests_fetch(const struct pg_side *source, const struct pg_side *target, const struct pg_bots *wanted,
                         struct pg_comparison *comparison, struct error *err)
{
	struct digest_task tasks[] = {{.side = source, .wanted = wanted}, {.side = target, .wanted = wanted}};
	pthread_t other;
	size_t i;
	int status = 0;

	for (i = 0; i < 2; i++)
		tasks[i].arena = arena_new();
	if ((errno = pthread_create(&other, NULL, digest_run, &tasks[0])) != 0) {
		status = error_errno(err, "starting a thread");
	} else {
		digest_run(&tasks[1]);
		pthread_join(other, NULL);
	}
	for (i = 0; i < 2 && status == 0; i++) {
		status = tasks[i].status;
		if (status < 0)
			*err = tasks[i].err;
	}
	for (i = 0; i < comparison->count && status == 0; i++) {
		digest_take(&tasks[0].bots, comparison->items[i].bot, comparison->items[i].source_digest);
		digest_take(&tasks[1].bots, comparison->items[i].bot, comparison->items[i].target_digest);
	}
	arena_free(tasks[0].arena);
	arena_free(tasks[1].arena);
	return status;
}

static void comparison_sum(struct pg_comparison *comparison)
{
	size_t i;

	for (i = 0; i < comparison->count; i++) {
		struct pg_difference *item = &comparison->items[i];

		item->equal = item->source_digest[0] != '\0' && item->source_rows == item->target_rows &&
		              strcmp(item->source_digest, item->target_digest) == 0;
		comparison->unequal += !item->equal;
		comparison->target_only_bots += item->source_rows == 0;
	}
}

int pg_compare_rows(const struct pg_side *source, const struct pg_side *target, const struct pg_bots *only,
                    struct arena *arena, struct pg_comparison *comparison, struct error *err)
{
	struct pg_bots source_bots, target_bots, same = {0};
	size_t i;

	memset(comparison, 0, sizeof(*comparison));
	if (pg_count_bots(source->session, arena, source->table, &source_bots, err) < 0)
		return error_context(err, "source");
	if (pg_count_bots(target->session, arena, target->table, &target_bots, err) < 0)
		return error_context(err, "target");
	bots_merge(&source_bots, &target_bots, arena, comparison);
	for (i = 0; i < comparison->count; i++) {
		const struct pg_difference *item = &comparison->items[i];

		if (item->source_rows == item->target_rows && (only == NULL || pg_bots_find(only, item->bot) != NULL))
			ARENA_PUSH(arena, same.items, same.count)->name = item->bot;
	}
	if (same.count > 0 && digests_fetch(source, target, &same, comparison, err) < 0)
		return -1;
	comparison_sum(comparison);
	return 0;
}

/* The (bot, id) pairs of a side, in order, as they stream. */
struct id_stream {
	struct pg_session *session;
	struct pg_tuples tuples;
	struct pg_tuple tuple; /* the present row */
	char *message;         /* what `tuples` reads */
	bool started;
	bool ended;
};

static int ids_begin(const struct pg_side *side, struct arena *arena, const struct pg_bots *bots,
                     struct id_stream *stream, struct error *err)
{
	struct pg_fill fills[] = {{"table", NULL}, {"bots", NULL}, {NULL, NULL}};

	if (pg_query_table(arena, side->table, &fills[0].value, err) < 0)
		return -1;
	fills[1].value = pg_query_bots(side->session, arena, bots);
	stream->session = side->session;
	return pg_query_run(side->session, pg_query_fill(arena, sql_compare_ids, fills), err);
}

/* The next message of the stream, or its end. */
static int ids_receive(struct id_stream *stream, struct error *err)
{
	int length;

	PQfreemem(stream->message);
	stream->message = NULL;
	while ((length = PQgetCopyData(stream->session->conn, &stream->message, 1)) == 0)
		if (pg_query_wait(stream->session, err) < 0)
			return -1;
	if (length == -1) {
		stream->ended = true;
		return pg_query_finish(stream->session, NULL, err);
	}
	if (length < 0)
		return pg_query_error(stream->session, NULL, err);
	if (pg_tuples_begin(&stream->tuples, stream->message, (size_t)length, !stream->started, err) < 0)
		return -1;
	stream->started = true;
	return 0;
}

static int ids_next(struct id_stream *stream, struct error *err)
{
	int got = stream->message != NULL ? pg_tuples_next(&stream->tuples, &stream->tuple, err) : 0;

	while (got == 0 && !stream->ended) {
		if (ids_receive(stream, err) < 0)
			return -1;
		if (!stream->ended)
			got = pg_tuples_next(&stream->tuples, &stream->tuple, err);
	}
	return got < 0 ? -1 : 0;
}

static int field_order(const struct pg_field *left, const struct pg_field *right)
{
	int32_t shorter = left->length < right->length ? left->length : right->length;
	int order = memcmp(left->bytes, right->bytes, (size_t)shorter);

	return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

static int ids_order(const struct id_stream *source, const struct id_stream *target)
{
	int order;

	if (source->ended || target->ended)
		return (int)source->ended - (int)target->ended;
	order = field_order(&source->tuple.fields[0], &target->tuple.fields[0]);
	return order != 0 ? order : field_order(&source->tuple.fields[1], &target->tuple.fields[1]);
}

static void target_only_note(const struct id_stream *target, struct pg_comparison *comparison)
{
	const struct pg_field *bot = &target->tuple.fields[0];
	size_t low = 0, high = comparison->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct pg_difference *item = &comparison->items[middle];
		struct pg_field name = {item->bot, (int32_t)strlen(item->bot)};
		int order = field_order(bot, &name);

		if (order == 0) {
			item->target_only++;
			return;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
}

static int ids_merge(struct id_stream *source, struct id_stream *target, struct pg_comparison *comparison,
                     struct error *err)
{
	if (ids_next(source, err) < 0 || ids_next(target, err) < 0)
		return -1;
	while (!source->ended || !target->ended) {
		int order = ids_order(source, target);

		if (order > 0)
			target_only_note(target, comparison);
		if (order <= 0 && ids_next(source, err) < 0)
			return -1;
		if (order >= 0 && ids_next(target, err) < 0)
			return -1;
	}
	return 0;
}

int pg_compare_ids(const struct pg_side *source, const struct pg_side *target, const struct pg_bots *bots,
                   struct pg_comparison *comparison, struct error *err)
{
	struct id_stream streams[2] = {{0}, {0}};
	struct arena *arena = arena_new();
	int status = -1;

	if (ids_begin(source, arena, bots, &streams[0], err) == 0 &&
	    ids_begin(target, arena, bots, &streams[1], err) == 0)
		status = ids_merge(&streams[0], &streams[1], comparison, err);
	PQfreemem(streams[0].message);
	PQfreemem(streams[1].message);
	arena_free(arena);
	if (status < 0) {
		pg_query_abandon(source->session);
		pg_query_abandon(target->session);
		return error_context(err, "comparing ids");
	}
	return 0;
}

static int moment_begin(const struct pg_side *side, bool *begun, struct error *err)
{
	*begun = PQtransactionStatus(side->session->conn) == PQTRANS_IDLE;
	return *begun ? pg_query_run(side->session,
	                             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL "
	                             "idle_in_transaction_session_timeout = 0",
	                             err)
	              : 0;
}

static int differences_find(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
                            struct pg_comparison *comparison, struct error *err)
{
	struct pg_bots differing = {0};
	size_t i;

	if (pg_compare_rows(source, target, NULL, arena, comparison, err) < 0)
		return -1;
	for (i = 0; i < comparison->count; i++) {
		struct pg_difference *item = &comparison->items[i];

		if (item->source_rows == 0)
			item->target_only = item->target_rows;
		else if (!item->equal && item->target_rows > 0)
			ARENA_PUSH(arena, differing.items, differing.count)->name = item->bot;
	}
	return differing.count > 0 ? pg_compare_ids(source, target, &differing, comparison, err) : 0;
}

int pg_compare(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
               struct pg_comparison *comparison, struct error *err)
{
	bool source_begun = false, target_begun = false;
	int status = -1;

	if (moment_begin(source, &source_begun, err) == 0 && moment_begin(target, &target_begun, err) == 0)
		status = differences_find(source, target, arena, comparison, err);
	/* Nothing was written: to roll back is to end. */
	if (source_begun)
		pg_query_abandon(source->session);
	if (target_begun)
		pg_query_abandon(target->session);
	return status;
}

static int identify(struct pg_session *session, struct arena *arena, const char **identity, struct error *err)
{
	PGresult *result;

	if (pg_query(session, sql_copy_identity, NULL, 0, &result, err) < 0)
		return -1;
	*identity = pg_query_text(result, 0, 0, arena);
	PQclear(result);
	return 0;
}

int pg_compare_places(const struct pg_side *source, const struct pg_side *target, struct arena *arena, bool *one,
                      struct error *err)
{
	const char *there, *here;

	if (identify(source->session, arena, &there, err) < 0 || identify(target->session, arena, &here, err) < 0)
		return -1;
	*one = strcmp(there, here) == 0;
	return 0;
}
