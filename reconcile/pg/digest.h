/*
 * digest.h - how many rows each bot has, and which.
 *
 * The digest "v1" of a bot is defined so that it is the same on every
 * PostgreSQL version, machine, encoding and order of rows, and can be computed
 * in SQL as well as from a binary COPY stream as it passes:
 *
 *   field   id, content, source as UTF-8 (of char(n) without the blanks that
 *           pad it), embedding as pgvector's binary form: int16 dimension,
 *           int16 zero, then each number as an IEEE 754 single, all big-endian
 *   framed  int32 big-endian length and the bytes; NULL is the length -1
 *   row     SHA-256 of the framed id, content, source and embedding, in that
 *           order; of it the first and the second 8 bytes, as big-endian
 *           64-bit numbers
 *   bot     the sums of each of these over its rows, modulo 2^64: 16 lower-case
 *           hexadecimal digits of the first, then 16 of the second
 *
 * So rows that stand there twice count twice, NULL is not the empty string,
 * negative zero is not zero, and a bot without rows is 32 zeros. botid itself
 * is not covered: it is what the rows are grouped by.
 *
 * Rows whose botid is NULL belong to no bot, but they are rows: they are
 * counted and copied as a bot of the name PG_BOT_NULL. A botid that is spelled
 * so is refused, with ERROR_STATE.
 */
#ifndef TRUEUP_PG_DIGEST_H
#define TRUEUP_PG_DIGEST_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <stddef.h>
#include <stdint.h>

#define PG_DIGEST_VERSION "v1"
#define PG_DIGEST_SIZE 33 /* 32 hexadecimal digits and a NUL */
#define PG_BOT_NULL "(null)"

struct pg_bot {
	const char *name; /* without the blanks that pad char(26) */
	int64_t rows;
	char digest[PG_DIGEST_SIZE]; /* "" from pg_count_bots() */
};

struct pg_bots { /* sorted by name, as by strcmp() */
	struct pg_bot *items;
	size_t count;
};

/*
 * Rows per bot of table ("items", "schema.items"): from the index on botid
 * alone, where the table has one and was vacuumed.
 * ERROR_NOT_FOUND if there is no such table.
 */
int pg_count_bots(struct pg_session *session, struct arena *arena, const char *table, struct pg_bots *bots,
                  struct error *err);

/*
 * Rows and digests, computed by the server, in parallel where it can. `wanted`
 * (may be NULL: all) names the bots; those without rows are left out of *bots.
 */
int pg_digest_bots(struct pg_session *session, struct arena *arena, const char *table, const struct pg_bots *wanted,
                   struct pg_bots *bots, struct error *err);

/* The bot of that name, or NULL. */
struct pg_bot *pg_bots_find(const struct pg_bots *bots, const char *name);

/* The same digest, row by row in C. Zeroed: no rows. */
struct pg_digest {
	uint64_t first;
	uint64_t second;
};

/* Add a row, given its four framed fields: what a binary COPY stream holds of these columns. */
void pg_digest_add(struct pg_digest *digest, const void *framed, size_t length);

void pg_digest_format(const struct pg_digest *digest, char out[PG_DIGEST_SIZE]);

#endif
