/*
 * stream.h - the streams of a copy: for copy.c alone.
 *
 * A stream is a thread with a connection a side. It takes one batch of whole
 * bots after the other and carries each over in one transaction of the target.
 * One thread serves both sockets: reading and writing overlap in the sockets'
 * buffers, and while one stream waits for its COMMIT, others read.
 */
#ifndef TRUEUP_PG_STREAM_H
#define TRUEUP_PG_STREAM_H

#include "pg/copy.h"

#include <pthread.h>

/* A bot, as the plan has it and as it came by. */
struct stream_bot {
	struct pg_copy_bot *bot; /* of the result */
	struct pg_digest digest;
	int64_t rows;
};

struct stream_batch {
	struct stream_bot *bots; /* by name */
	size_t count;
	int64_t rows; /* of the source */
};

struct stream_job {
	const struct pg_copy_request *request;
	char snapshot[PG_SNAPSHOT_SIZE];
	const char *source_table; /* quoted */
	const char *target_table;
	bool text;
	struct stream_batch *batches; /* in the order in which they are to go */
	size_t batch_count;
	struct pg_copy_progress *progress; /* never NULL */

	pthread_mutex_t lock; /* of what follows */
	size_t next;
	bool failed;
	struct error err; /* of the first that failed */
};

/* Run all batches in `count` streams. Bots are COPIED as they are committed. */
int pg_stream_run(struct stream_job *job, int count, struct error *err);

#endif
