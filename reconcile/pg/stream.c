#include "pg/stream.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "pg/compare.h"
#include "pg/query.h"
#include "pg/sql.h"
#include "pg/tuple.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECE_SIZE = 256 * 1024,   /* what is sent at once */
	STALL_MS = 10 * 60 * 1000, /* neither side moved: given up */
	ATTEMPTS = 3,
	RETRY_MS = 1000,
};

struct stream {
	struct stream_job *job;
	struct pg_session *source;
	struct pg_session *target;
	struct buf piece;
	struct stream_batch *batch; /* under way */
	struct stream_bot *latest;  /* the bot of the last row: most often of the next, too */
	int64_t rows;               /* of the batch, so far */
	bool started;               /* the first message was seen */
	pthread_t thread;
};

/* Both connections, the source's at the job's snapshot. */
static int stream_open(struct stream *stream, struct error *err)
{
	const struct stream_job *job = stream->job;
	struct pg_settings source = *job->request->source, target = *job->request->target;

	source.writes = false;
	target.writes = true;
	source.stop = target.stop = job->request->stop;
	if (pg_session_open(&source, &stream->source, err) < 0)
		return error_context(err, "source");
	if (pg_session_open(&target, &stream->target, err) < 0)
		return error_context(err, "target");
	/* A batch is found by index, and its rows are toasted: workers would only take connections' places. */
	if (pg_query_run(stream->source, "SET max_parallel_workers_per_gather = 0", err) < 0)
		return -1;
	if (PQsetnonblocking(stream->target->conn, 1) != 0)
		return pg_query_error(stream->target, NULL, err);
	return pg_snapshot_import(stream->source, job->snapshot, err);
}

static void stream_close(struct stream *stream)
{
	pg_session_close(stream->source);
	pg_session_close(stream->target);
	stream->source = stream->target = NULL;
}

static int batch_bot_order(const void *key, const void *item)
{
	const struct pg_field *field = key;
	const char *name = ((const struct stream_bot *)item)->bot->name;
	size_t length = strlen(name), shorter = (size_t)field->length < length ? (size_t)field->length : length;
	int order = memcmp(field->bytes, name, shorter);

	return order != 0 ? order : ((size_t)field->length > length) - ((size_t)field->length < length);
}

static struct stream_bot *batch_bot_find(struct stream *stream, const struct pg_field *field)
{
	static const struct pg_field null = {PG_BOT_NULL, sizeof(PG_BOT_NULL) - 1};
	const struct pg_field *key = field->length < 0 ? &null : field;

	if (stream->latest == NULL || batch_bot_order(key, stream->latest) != 0)
		stream->latest = bsearch(key, stream->batch->bots, stream->batch->count, sizeof(*stream->batch->bots),
		                         batch_bot_order);
	return stream->latest;
}

/* Count and digest the rows of a message on its way. */
static int message_note(struct stream *stream, const char *message, size_t length, struct error *err)
{
	struct pg_tuples tuples;
	struct pg_tuple tuple;
	int got;

	if (stream->job->text) {
		stream->rows++;
		return 0;
	}
	if (pg_tuples_begin(&tuples, message, length, !stream->started, err) < 0)
		return -1;
	stream->started = true;
	while ((got = pg_tuples_next(&tuples, &tuple, err)) > 0) {
		struct stream_bot *bot = tuple.count == 5 ? batch_bot_find(stream, &tuple.fields[0]) : NULL;
		const char *framed = tuple.fields[1].bytes - 4;

		if (bot == NULL)
			return error_set(err, ERROR_PROTOCOL, "the source sent a row that was not asked for");
		pg_digest_add(&bot->digest, framed, (size_t)(tuples.cursor - framed));
		bot->rows++;
		stream->rows++;
	}
	return got;
}

/* Read what the source has, until the piece is full. Returns 1 at its end, 0 if there is more to come, or -1. */
static int source_read(struct stream *stream, struct error *err)
{
	while (stream->piece.length < PIECE_SIZE) {
		char *message;
		int length = PQgetCopyData(stream->source->conn, &message, 1), status;

		if (length == 0)
			return 0;
		if (length == -1)
			return 1;
		if (length < 0)
			return pg_query_error(stream->source, NULL, err);
		status = message_note(stream, message, (size_t)length, err);
		buf_append(&stream->piece, message, (size_t)length);
		PQfreemem(message);
		if (status < 0)
			return -1;
	}
	return 0;
}

/* Wait until either side can go on. The target is written to only if something waits to be sent. */
static int sockets_wait(struct stream *stream, bool sending, struct error *err)
{
	bool room = stream->piece.length < PIECE_SIZE;
	struct pollfd waits[2] = {
	    {.fd = PQsocket(stream->source->conn), .events = POLLIN},
	    {.fd = PQsocket(stream->target->conn), .events = (short)(POLLIN | (sending ? POLLOUT : 0))},
	};
	int64_t deadline = clock_monotonic_ms() + STALL_MS;
	int ready;

	/* A full piece: what else the source has must wait, so do not wake up for it. */
	if (!room)
		waits[0].fd = -1;
	do {
		ready = poll(waits, 2, PG_QUERY_TICK_MS);
		if (ready < 0 && errno != EINTR)
			return error_errno(err, "waiting for the databases");
		if (stream->source->stop != NULL && *stream->source->stop)
			return error_set(err, ERROR_STATE, "stopped on request");
		if (clock_monotonic_ms() > deadline)
			return error_set(err, ERROR_TIMEOUT, "neither database moved for %d minutes", STALL_MS / 60000);
	} while (ready <= 0);
	if (waits[0].revents != 0 && !PQconsumeInput(stream->source->conn))
		return pg_query_error(stream->source, NULL, err);
	if ((waits[1].revents & ~POLLOUT) != 0 && !PQconsumeInput(stream->target->conn))
		return pg_query_error(stream->target, NULL, err);
	return 0;
}

/* Hand the piece to libpq, whose buffer is empty. */
static int piece_send(struct stream *stream, struct error *err)
{
	struct pg_copy_progress *progress = stream->job->progress;

	if (stream->piece.overflow)
		return error_set(err, ERROR_SYSTEM, "a row is larger than a row can be");
	if (PQputCopyData(stream->target->conn, stream->piece.bytes, (int)stream->piece.length) != 1)
		return pg_query_error(stream->target, NULL, err);
	atomic_fetch_add(&progress->bytes_done, (int64_t)stream->piece.length);
	buf_clear(&stream->piece);
	return 0;
}

/* Carry the rows from the source's COPY to the target's, till both have everything. */
static int rows_pump(struct stream *stream, struct error *err)
{
	int ended = 0;

	for (;;) {
		int64_t before = stream->rows;
		int pending;

		if (!ended && (ended = source_read(stream, err)) < 0)
			return -1;
		atomic_fetch_add(&stream->job->progress->rows_done, stream->rows - before);
		pending = PQflush(stream->target->conn);
		if (pending < 0)
			return pg_query_error(stream->target, NULL, err);
		if (pending == 0 && (stream->piece.length >= PIECE_SIZE || (ended && stream->piece.length > 0))) {
			if (piece_send(stream, err) < 0)
				return -1;
			continue;
		}
		if (ended && pending == 0 && stream->piece.length == 0)
			return 0;
		if (sockets_wait(stream, pending > 0, err) < 0)
			return -1;
	}
}

/* Both sides' last word, and whether they mean the same rows. */
static int rows_finish(struct stream *stream, struct error *err)
{
	PGresult *result;
	int64_t written;
	int ended;

	if (pg_query_finish(stream->source, NULL, err) < 0)
		return error_context(err, "source");
	while ((ended = PQputCopyEnd(stream->target->conn, NULL)) == 0)
		if (sockets_wait(stream, true, err) < 0)
			return -1;
	if (ended < 0)
		return pg_query_error(stream->target, NULL, err);
	if (pg_query_finish(stream->target, &result, err) < 0)
		return error_context(err, "target");
	written = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	if (written != stream->rows || stream->rows != stream->batch->rows)
		return error_set(err, ERROR_PROTOCOL, "%lld rows were counted, %lld read and %lld written",
		                 (long long)stream->batch->rows, (long long)stream->rows, (long long)written);
	return 0;
}

static struct pg_bots batch_names(const struct stream *stream, struct arena *arena)
{
	struct pg_bots bots = {arena_array(arena, stream->batch->count, sizeof(struct pg_bot)), stream->batch->count};
	size_t i;

	for (i = 0; i < bots.count; i++)
		bots.items[i].name = stream->batch->bots[i].bot->name;
	return bots;
}

static const char *batch_condition(struct stream *stream, struct pg_session *session, struct arena *arena)
{
	struct pg_bots bots = batch_names(stream, arena);

	return pg_query_bots(session, arena, &bots);
}

/* Leave those out that have rows which only the target has; they are not this transaction's. */
static void batch_keep(struct stream *stream, const struct pg_comparison *comparison)
{
	struct stream_batch *batch = stream->batch;
	size_t i, count = 0;

	for (i = 0; i < batch->count; i++) {
		struct pg_copy_bot *bot = batch->bots[i].bot;

		bot->target_only = comparison->items[i].target_only;
		if (bot->target_only == 0) {
			batch->bots[count++] = batch->bots[i];
			continue;
		}
		bot->state = PG_COPY_KEPT;
		batch->rows -= bot->rows;
		atomic_fetch_sub(&stream->job->progress->rows_total, bot->rows);
		atomic_fetch_sub(&stream->job->progress->bots_total, 1);
	}
	batch->count = count;
}

/* What would be lost? Looked at in the very snapshot that the deletion will see. */
static int batch_look(struct stream *stream, struct arena *arena, struct error *err)
{
	const struct pg_copy_request *request = stream->job->request;
	struct pg_side source = {stream->source, request->source_table},
	               target = {stream->target, request->target_table};
	struct pg_bots bots = batch_names(stream, arena);
	struct pg_comparison comparison = {.count = bots.count};
	size_t i;

	comparison.items = arena_array(arena, bots.count, sizeof(*comparison.items));
	for (i = 0; i < bots.count; i++)
		comparison.items[i].bot = bots.items[i].name; /* sorted, as the batch is */
	if (pg_compare_ids(&source, &target, &bots, &comparison, err) < 0)
		return -1;
	batch_keep(stream, &comparison);
	return 0;
}

/* Open the target's transaction. Where it has rows of these bots that may not be lost, see which bots may go. */
static int target_begin(struct stream *stream, struct arena *arena, struct error *err)
{
	struct pg_fill fills[] = {{"table", stream->job->target_table},
	                          {"bots", batch_condition(stream, stream->target, arena)},
	                          {NULL, NULL}};
	PGresult *result;
	int64_t rows;

	if (pg_query(stream->target, pg_query_fill(arena, sql_copy_begin, fills), NULL, 0, &result, err) < 0)
		return error_context(err, "target");
	rows = pg_query_int(result, 0, 0);
	PQclear(result);
	return rows == 0 || stream->job->request->may_lose ? 0 : batch_look(stream, arena, err);
}

/* The source first: it fills the sockets while the target deletes. */
static int batch_begin(struct stream *stream, struct arena *arena, struct error *err)
{
	const char *format = stream->job->text ? "text" : "binary";
	struct pg_fill read[] = {{"table", stream->job->source_table},
	                         {"bots", batch_condition(stream, stream->source, arena)},
	                         {"format", format},
	                         {NULL, NULL}};
	struct pg_fill write[] = {{"table", stream->job->target_table},
	                          {"bots", batch_condition(stream, stream->target, arena)},
	                          {"format", format},
	                          {NULL, NULL}};

	if (pg_query_run(stream->source, pg_query_fill(arena, sql_copy_read, read), err) < 0)
		return error_context(err, "source");
	if (pg_query_run(stream->target, pg_query_fill(arena, sql_copy_delete, write), err) < 0 ||
	    pg_query_run(stream->target, pg_query_fill(arena, sql_copy_write, write), err) < 0)
		return error_context(err, "target");
	return 0;
}

static void batch_reset(struct stream *stream)
{
	size_t i;

	for (i = 0; i < stream->batch->count; i++) {
		stream->batch->bots[i].rows = 0;
		stream->batch->bots[i].digest = (struct pg_digest){0};
	}
	buf_clear(&stream->piece);
	stream->latest = NULL;
	stream->started = false;
	stream->rows = 0;
}

static void batch_note(struct stream *stream)
{
	size_t i;

	for (i = 0; i < stream->batch->count; i++) {
		struct stream_bot *bot = &stream->batch->bots[i];

		if (!stream->job->text)
			pg_digest_format(&bot->digest, bot->bot->digest);
		bot->bot->state = PG_COPY_COPIED;
	}
	atomic_fetch_add(&stream->job->progress->bots_done, (int64_t)stream->batch->count);
}

/* One transaction of the target: these bots, whole, or nothing. */
static int batch_copy(struct stream *stream, struct error *err)
{
	struct arena *arena = arena_new();
	int status = -1;

	batch_reset(stream);
	if (target_begin(stream, arena, err) == 0 &&
	    (stream->batch->count == 0 ||
	     (batch_begin(stream, arena, err) == 0 && rows_pump(stream, err) == 0 && rows_finish(stream, err) == 0)))
		status = pg_query_run(stream->target, "COMMIT", err);
	arena_free(arena);
	if (status < 0) {
		/* The connections are closed next, which rolls the transaction back. */
		atomic_fetch_sub(&stream->job->progress->rows_done, stream->rows);
		return -1;
	}
	batch_note(stream);
	return 0;
}

/*
 * What may pass is tried again, on new connections. If it was the answer to a
 * COMMIT that was lost, the bots are there already: the next run finds them.
 */
static int batch_insist(struct stream *stream, struct error *err)
{
	int attempt;

	for (attempt = 1;; attempt++) {
		if ((stream->target != NULL || stream_open(stream, err) == 0) && batch_copy(stream, err) == 0)
			return 0;
		stream_close(stream);
		if (!err->retryable || attempt == ATTEMPTS)
			return error_context(err, "copying bot %s%s", stream->batch->bots[0].bot->name,
			                     stream->batch->count > 1 ? " and others" : "");
		log_warn("copying bot %s: %s; trying again", stream->batch->bots[0].bot->name, err->message);
		clock_sleep_ms(RETRY_MS, stream->job->request->stop);
	}
}

static struct stream_batch *batch_take(struct stream_job *job)
{
	struct stream_batch *batch = NULL;

	pthread_mutex_lock(&job->lock);
	if (!job->failed && job->next < job->batch_count)
		batch = &job->batches[job->next++];
	pthread_mutex_unlock(&job->lock);
	return batch;
}

static void *stream_main(void *context)
{
	struct stream *stream = context;
	struct stream_job *job = stream->job;
	struct error err;

	while ((stream->batch = batch_take(job)) != NULL) {
		if (batch_insist(stream, &err) == 0)
			continue;
		pthread_mutex_lock(&job->lock);
		if (!job->failed)
			job->err = err;
		job->failed = true;
		pthread_mutex_unlock(&job->lock);
	}
	stream_close(stream);
	buf_free(&stream->piece);
	return NULL;
}

int pg_stream_run(struct stream_job *job, int count, struct error *err)
{
	struct stream *streams = calloc((size_t)count, sizeof(*streams));
	int started, i;

	if (streams == NULL)
		abort();
	pthread_mutex_init(&job->lock, NULL);
	for (started = 0; started < count; started++) {
		streams[started].job = job;
		streams[started].piece.limit = (size_t)INT_MAX;
		if (pthread_create(&streams[started].thread, NULL, stream_main, &streams[started]) != 0)
			break; /* fewer do as well, only slower */
	}
	for (i = 0; i < started; i++)
		pthread_join(streams[i].thread, NULL);
	pthread_mutex_destroy(&job->lock);
	free(streams);
	if (started == 0)
		return error_set(err, ERROR_SYSTEM, "no thread could be started");
	if (job->failed)
		*err = job->err;
	return job->failed ? -1 : 0;
}
