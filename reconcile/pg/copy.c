#include "pg/copy.h"

#include "base/clock.h"
#include "pg/compare.h"
#include "pg/query.h"
#include "pg/schema.h"
#include "pg/sql.h"
#include "pg/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BATCH_ROWS = 2000, /* small bots share a transaction up to this */
	MOST_STREAMS = 16,
	LOCK_WAIT_MS = 5000, /* for the server to notice that a killed copy's client is gone */
};

/* A copy under way: the sessions that hold the snapshot and the lock, and what is known. */
struct copy {
	const struct pg_copy_request *request;
	struct arena *arena;
	struct pg_copy_result *result;
	struct pg_copy_progress unwatched; /* where the caller does not look */
	struct pg_session *source;
	struct pg_session *target;
	struct stream_job job;
	struct pg_bots only; /* the caller's bots, sorted; empty: all */
};

static void phase_set(struct copy *copy, enum pg_copy_phase phase)
{
	atomic_store(&copy->job.progress->phase, (int)phase);
}

static int sessions_open(struct copy *copy, struct error *err)
{
	struct pg_settings source = *copy->request->source, target = *copy->request->target;

	source.writes = false;
	target.writes = true;
	source.stop = target.stop = copy->request->stop;
	if (pg_session_open(&source, &copy->source, err) < 0)
		return error_context(err, "source");
	if (pg_session_open(&target, &copy->target, err) < 0)
		return error_context(err, "target");
	if (pg_query_table(copy->arena, copy->request->source_table, &copy->job.source_table, err) < 0 ||
	    pg_query_table(copy->arena, copy->request->target_table, &copy->job.target_table, err) < 0)
		return -1;
	if (copy->request->snapshot == NULL)
		return pg_snapshot_export(copy->source, copy->job.snapshot, err);
	snprintf(copy->job.snapshot, sizeof(copy->job.snapshot), "%s", copy->request->snapshot);
	return pg_snapshot_import(copy->source, copy->job.snapshot, err);
}

/* A table that is compared with itself is always equal, and proves nothing. */
static int sides_differ(struct copy *copy, struct error *err)
{
	struct pg_side source = {copy->source, copy->request->source_table};
	struct pg_side target = {copy->target, copy->request->target_table};
	bool one;

	if (pg_compare_places(&source, &target, copy->arena, &one, err) < 0)
		return -1;
	if (one && strcmp(copy->job.source_table, copy->job.target_table) == 0)
		return error_set(err, ERROR_INVALID, "source and target are one database");
	return 0;
}

/* Held by the session, so that it ends with it, however that ends. */
static int target_lock(struct copy *copy, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + LOCK_WAIT_MS;

	for (;;) {
		PGresult *result;
		bool held;

		if (pg_query(copy->target, sql_copy_lock, &copy->job.target_table, 1, &result, err) < 0)
			return -1;
		held = pg_query_int(result, 0, 0) != 0;
		PQclear(result);
		if (held)
			return 0;
		if (clock_monotonic_ms() > deadline)
			break;
		clock_sleep_ms(PG_QUERY_TICK_MS, copy->request->stop);
	}
	error_set(err, ERROR_BUSY, "another copy to %s is under way", copy->request->target_table);
	err->retryable = true;
	strcpy(err->service_code, "copy-lock");
	return -1;
}

static const char *columns_extra(const struct pg_schema *schema, struct arena *arena)
{
	static const char ours[] = " id botid content source embedding ";
	const char *extra = NULL;
	size_t i;

	for (i = 0; i < schema->column_count; i++) {
		const char *name = schema->columns[i].name;

		if (strstr(ours, arena_printf(arena, " %s ", name)) == NULL)
			extra = extra == NULL ? name : arena_printf(arena, "%s, %s", extra, name);
	}
	return extra;
}

static int side_check(const char *side, const char *table, const struct pg_schema *schema, struct error *err)
{
	if (!schema->table_exists)
		return error_set(err, ERROR_STATE, "%s: there is no table %s", side, table);
	if (schema->vector_installed == NULL)
		return error_set(err, ERROR_STATE, "%s: the database does not have the extension vector", side);
	if (schema->mismatch != NULL)
		return error_set(err, ERROR_STATE, "%s: %s is not Bedrock Chat's table: %s", side, table,
		                 schema->mismatch);
	return 0;
}

static long version_major(const char *version)
{
	return strtol(version, NULL, 10);
}

/*
 * The binary form of a vector has been the same since pgvector 0.1, but is
 * promised for no longer than a major version.
 */
static void format_choose(struct copy *copy, const struct pg_schema *source, const struct pg_schema *target)
{
	copy->job.text = copy->request->format == PG_COPY_TEXT;
	if (copy->job.text)
		copy->result->text_reason = "it was asked for";
	if (copy->request->format != PG_COPY_AUTO ||
	    version_major(source->vector_installed) == version_major(target->vector_installed))
		return;
	copy->job.text = true;
	copy->result->text_reason = arena_printf(copy->arena, "pgvector is %s on the source and %s on the target",
	                                         source->vector_installed, target->vector_installed);
}

static int schemas_check(struct copy *copy, struct error *err)
{
	const struct pg_copy_request *request = copy->request;
	struct pg_schema source, target;

	if (pg_schema_observe(copy->source, copy->arena, request->source_table, &source, err) < 0 ||
	    side_check("source", request->source_table, &source, err) < 0 ||
	    pg_schema_observe(copy->target, copy->arena, request->target_table, &target, err) < 0 ||
	    side_check("target", request->target_table, &target, err) < 0)
		return -1;
	if (source.dimension > 0 && target.dimension > 0 && source.dimension != target.dimension)
		return error_set(err, ERROR_STATE, "vectors have %d dimensions on the source and %d on the target",
		                 source.dimension, target.dimension);
	format_choose(copy, &source, &target);
	copy->result->extra_columns = columns_extra(&source, copy->arena);
	return 0;
}

static int name_order(const void *left, const void *right)
{
	return strcmp(((const struct pg_bot *)left)->name, ((const struct pg_bot *)right)->name);
}

static void only_sort(struct copy *copy)
{
	size_t i;

	for (i = 0; i < copy->request->bot_count; i++)
		ARENA_PUSH(copy->arena, copy->only.items, copy->only.count)->name = copy->request->bots[i];
	if (copy->only.count > 1)
		qsort(copy->only.items, copy->only.count, sizeof(*copy->only.items), name_order);
}

static void bot_plan(struct copy *copy, const struct pg_difference *item)
{
	struct pg_copy_bot *bot;

	if (item->source_rows == 0 && copy->request->bots == NULL) {
		*ARENA_PUSH(copy->arena, copy->result->extra, copy->result->extra_count) = item->bot;
		return;
	}
	if (copy->request->bots != NULL && pg_bots_find(&copy->only, item->bot) == NULL)
		return;
	bot = ARENA_PUSH(copy->arena, copy->result->bots, copy->result->bot_count);
	bot->name = item->bot;
	bot->rows = item->source_rows;
	bot->state = item->source_rows == 0 ? PG_COPY_ABSENT : item->equal ? PG_COPY_EQUAL : PG_COPY_PENDING;
	memcpy(bot->digest, item->source_digest, sizeof(bot->digest));
}

/* What is to be done, by bot. */
static int bots_plan(struct copy *copy, struct error *err)
{
	struct pg_side source = {copy->source, copy->request->source_table};
	struct pg_side target = {copy->target, copy->request->target_table};
	struct pg_comparison comparison;
	size_t i;

	only_sort(copy);
	if (pg_compare_rows(&source, &target, copy->request->bots != NULL ? &copy->only : NULL, copy->arena,
	                    &comparison, err) < 0)
		return -1;
	for (i = 0; i < comparison.count; i++)
		bot_plan(copy, &comparison.items[i]);
	return 0;
}

/* Largest first; by name where they are equal, so that two runs do the same. */
static int size_order(const void *left, const void *right)
{
	const struct pg_copy_bot *a = ((const struct stream_bot *)left)->bot,
	                         *b = ((const struct stream_bot *)right)->bot;

	if (a->rows != b->rows)
		return a->rows < b->rows ? 1 : -1;
	return strcmp(a->name, b->name);
}

static int stream_bot_name_order(const void *left, const void *right)
{
	return strcmp(((const struct stream_bot *)left)->bot->name, ((const struct stream_bot *)right)->bot->name);
}

static void batches_plan(struct copy *copy)
{
	struct pg_copy_result *result = copy->result;
	struct stream_job *job = &copy->job;
	struct stream_bot *bots = arena_array(copy->arena, result->bot_count, sizeof(*bots));
	struct stream_batch *batch = NULL;
	size_t count = 0, i;

	for (i = 0; i < result->bot_count; i++)
		if (result->bots[i].state == PG_COPY_PENDING)
			bots[count++].bot = &result->bots[i];
	if (count > 1)
		qsort(bots, count, sizeof(*bots), size_order);
	for (i = 0; i < count; i++) {
		if (batch == NULL || batch->rows >= BATCH_ROWS) {
			batch = ARENA_PUSH(copy->arena, job->batches, job->batch_count);
			batch->bots = &bots[i];
		}
		batch->count++;
		batch->rows += bots[i].bot->rows;
		atomic_fetch_add(&job->progress->rows_total, bots[i].bot->rows);
	}
	/* The streams look bots up by name. */
	for (i = 0; i < job->batch_count; i++)
		qsort(job->batches[i].bots, job->batches[i].count, sizeof(*bots), stream_bot_name_order);
	atomic_store(&job->progress->bots_total, (int64_t)count);
}

static int streams_count(const struct copy *copy)
{
	int count = copy->request->streams;

	/* Three reach what the target can write even on two processors: facts in contrib/bench. */
	if (count <= 0)
		count = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 3 : 2;
	if (count > MOST_STREAMS)
		count = MOST_STREAMS;
	return (size_t)count > copy->job.batch_count ? (int)copy->job.batch_count : count;
}

/* The bots that were committed just now. */
static struct pg_bots bots_copied(struct copy *copy)
{
	struct pg_bots bots = {0};
	size_t i;

	for (i = 0; i < copy->result->bot_count; i++)
		if (copy->result->bots[i].state == PG_COPY_COPIED) {
			ARENA_PUSH(copy->arena, bots.items, bots.count)->name = copy->result->bots[i].name;
			copy->result->rows_copied += copy->result->bots[i].rows;
		}
	return bots;
}

static int copy_bot_order(const void *left, const void *right)
{
	return strcmp(((const struct pg_copy_bot *)left)->name, ((const struct pg_copy_bot *)right)->name);
}

/* A text stream shows no digests on its way: the source computes them, at the snapshot that was copied. */
static int text_digests(struct copy *copy, const struct pg_bots *copied, struct error *err)
{
	struct pg_bots bots;
	size_t i;

	if (pg_digest_bots(copy->source, copy->arena, copy->request->source_table, copied, &bots, err) < 0)
		return error_context(err, "source");
	for (i = 0; i < bots.count; i++) {
		struct pg_copy_bot key = {.name = bots.items[i].name};
		struct pg_copy_bot *bot =
		    bsearch(&key, copy->result->bots, copy->result->bot_count, sizeof(key), copy_bot_order);

		if (bot != NULL)
			memcpy(bot->digest, bots.items[i].digest, sizeof(bot->digest));
	}
	return 0;
}

/* Read back what the target has now, and hold it against what was sent. */
static int bots_verify(struct copy *copy, const struct pg_bots *copied, struct error *err)
{
	struct pg_bots there;
	const char *wrong = NULL;
	size_t i;

	if (copy->job.text && text_digests(copy, copied, err) < 0)
		return -1;
	if (pg_digest_bots(copy->target, copy->arena, copy->request->target_table, copied, &there, err) < 0)
		return error_context(err, "target");
	for (i = 0; i < copy->result->bot_count; i++) {
		struct pg_copy_bot *bot = &copy->result->bots[i];
		const struct pg_bot *found = pg_bots_find(&there, bot->name);

		if (bot->state != PG_COPY_COPIED)
			continue;
		if (found != NULL && found->rows == bot->rows && strcmp(found->digest, bot->digest) == 0)
			bot->state = PG_COPY_VERIFIED;
		else if (wrong == NULL)
			wrong = bot->name;
	}
	if (wrong != NULL)
		return error_set(err, ERROR_PROTOCOL,
		                 "bot %s was copied, but what the target has now is not what was sent: does something "
		                 "else write there?",
		                 wrong);
	return 0;
}

static int copy_run(struct copy *copy, struct error *err)
{
	struct pg_bots copied;
	int status = 0;

	phase_set(copy, PG_COPY_CONNECTING);
	if (sessions_open(copy, err) < 0 || sides_differ(copy, err) < 0 || schemas_check(copy, err) < 0 ||
	    target_lock(copy, err) < 0)
		return -1;
	phase_set(copy, PG_COPY_COMPARING);
	if (bots_plan(copy, err) < 0)
		return -1;
	batches_plan(copy);
	if (copy->job.batch_count == 0)
		return 0;
	phase_set(copy, PG_COPY_STREAMING);
	status = pg_stream_run(&copy->job, streams_count(copy), err);
	copied = bots_copied(copy);
	copy->result->bytes_copied = atomic_load(&copy->job.progress->bytes_done);
	if (status < 0)
		return -1;
	phase_set(copy, PG_COPY_VERIFYING);
	return bots_verify(copy, &copied, err);
}

int pg_copy(const struct pg_copy_request *request, struct arena *arena, struct pg_copy_result *result,
            struct error *err)
{
	struct copy copy = {.request = request, .arena = arena, .result = result};
	int status;

	memset(result, 0, sizeof(*result));
	copy.job.request = request;
	copy.job.progress = request->progress != NULL ? request->progress : &copy.unwatched;
	status = copy_run(&copy, err);
	pg_session_close(copy.source);
	pg_session_close(copy.target);
	phase_set(&copy, PG_COPY_FINISHED);
	return status;
}
