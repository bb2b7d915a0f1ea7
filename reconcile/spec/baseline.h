/*
 * baseline.h - the rows that each bot should have, kept in git beside the spec.
 *
 * `trueup capture` writes one; a spec's vectors.counts names it. The file is
 * YAML, one line a bot, sorted, so that a diff of it reads well and the same
 * content always gives the same bytes.
 */
#ifndef TRUEUP_SPEC_BASELINE_H
#define TRUEUP_SPEC_BASELINE_H

#include <stdint.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define BASELINE_BOTS_MAX 100000
#define BASELINE_FILE_MAX ((size_t)16 * 1024 * 1024)

struct desired_baseline_bot {
	const char *id;     /* as pg/digest.h names bots: at most DESIRED_BOT_ID_LENGTH characters */
	int64_t rows;       /* 0 or more */
	const char *digest; /* 32 lower-case hexadecimal digits */
};

struct desired_baseline {
	const char *name; /* the deployment's metadata.name */
	time_t captured_at;
	const char *cluster;               /* identifier of the cluster that was read; NULL: not known */
	const char *digest;                /* version of the digest, "v1" */
	struct desired_baseline_bot *bots; /* sorted by id after a read */
	size_t bot_count;
};

/*
 * Read and check a baseline file. Strict: an unknown or duplicate key, a wrong
 * type, more than BASELINE_BOTS_MAX bots or BASELINE_FILE_MAX bytes are
 * ERROR_INVALID, with file, line and column in the message. ERROR_NOT_FOUND if
 * there is no such file.
 */
int baseline_read(struct arena *arena, const char *file, struct desired_baseline *out, struct error *err);

/* The same from text; `file` is only for messages. */
int baseline_parse(struct arena *arena, const char *file, const char *text, size_t length, struct desired_baseline *out,
                   struct error *err);

/*
 * The file's text, bots sorted by id whatever their order in the struct.
 * ERROR_INVALID if baseline_parse() would refuse the outcome: an id twice, a
 * digest that is none.
 */
int baseline_format(const struct desired_baseline *baseline, struct buf *out, struct error *err);

/* Replace `file`, as a whole, by baseline_format()'s text. */
int baseline_write(const struct desired_baseline *baseline, const char *file, struct error *err);

/* The bot's row, by binary search (so `bots` must be sorted, as it is after a read), or NULL. */
const struct desired_baseline_bot *baseline_find_bot(const struct desired_baseline *baseline, const char *id);

#endif
