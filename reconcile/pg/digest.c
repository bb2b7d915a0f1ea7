#include "pg/digest.h"

#include "base/buf.h"
#include "base/digest.h"
#include "pg/query.h"
#include "pg/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bot_order(const void *left, const void *right)
{
	return strcmp(((const struct pg_bot *)left)->name, ((const struct pg_bot *)right)->name);
}

struct pg_bot *pg_bots_find(const struct pg_bots *bots, const char *name)
{
	struct pg_bot key = {.name = name};

	if (bots->count == 0)
		return NULL;
	return bsearch(&key, bots->items, bots->count, sizeof(key), bot_order);
}

/* The server's exact sum of signed 64-bit numbers, in decimal, modulo 2^64: unsigned arithmetic wraps just so. */
static uint64_t decimal_wrap(const char *text)
{
	bool negative = *text == '-';
	uint64_t value = 0;

	for (text += negative; *text != '\0'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return negative ? 0 - value : value;
}

/* Rows of (bot, count) or of (bot, count, sum, sum). */
static int bots_read(const PGresult *result, struct arena *arena, struct pg_bots *bots, struct error *err)
{
	bool digests = PQnfields(result) == 4;
	int row;

	bots->count = (size_t)PQntuples(result);
	bots->items = arena_array(arena, bots->count, sizeof(*bots->items));
	for (row = 0; row < PQntuples(result); row++) {
		struct pg_bot *bot = &bots->items[row];

		bot->name = pg_query_text(result, row, 0, arena);
		if (bot->name == NULL)
			bot->name = PG_BOT_NULL;
		else if (strcmp(bot->name, PG_BOT_NULL) == 0)
			return error_set(err, ERROR_STATE,
			                 "a botid is spelled %s, which stands for rows without a botid", PG_BOT_NULL);
		bot->rows = pg_query_int(result, row, 1);
		if (digests) {
			struct pg_digest digest = {decimal_wrap(PQgetvalue(result, row, 2)),
			                           decimal_wrap(PQgetvalue(result, row, 3))};

			pg_digest_format(&digest, bot->digest);
		}
	}
	if (bots->count > 1)
		qsort(bots->items, bots->count, sizeof(*bots->items), bot_order);
	return 0;
}

static int bots_query(struct pg_session *session, struct arena *arena, const char *sql, struct pg_bots *bots,
                      struct error *err)
{
	PGresult *result;
	int status;

	if (pg_query(session, sql, NULL, 0, &result, err) < 0)
		return -1;
	status = bots_read(result, arena, bots, err);
	PQclear(result);
	return status;
}

int pg_count_bots(struct pg_session *session, struct arena *arena, const char *table, struct pg_bots *bots,
                  struct error *err)
{
	struct pg_fill fills[] = {{"table", NULL}, {NULL, NULL}};

	if (pg_query_table(arena, table, &fills[0].value, err) < 0)
		return -1;
	if (bots_query(session, arena, pg_query_fill(arena, sql_count_bots, fills), bots, err) < 0)
		return error_context(err, "counting rows of %s", table);
	return 0;
}

int pg_digest_bots(struct pg_session *session, struct arena *arena, const char *table, const struct pg_bots *wanted,
                   struct pg_bots *bots, struct error *err)
{
	struct pg_fill fills[] = {{"table", NULL}, {"vector", NULL}, {"bots", "true"}, {NULL, NULL}};

	if (pg_query_table(arena, table, &fills[0].value, err) < 0 ||
	    pg_query_vector_schema(session, arena, &fills[1].value, err) < 0)
		return -1;
	if (wanted != NULL)
		fills[2].value = pg_query_bots(session, arena, wanted);
	if (bots_query(session, arena, pg_query_fill(arena, sql_digest_bots, fills), bots, err) < 0)
		return error_context(err, "computing digests of %s", table);
	return 0;
}

static uint64_t big_endian_64(const unsigned char *bytes)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

void pg_digest_add(struct pg_digest *digest, const void *framed, size_t length)
{
	unsigned char hash[DIGEST_SHA256_SIZE];

	digest_sha256(framed, length, hash);
	digest->first += big_endian_64(hash);
	digest->second += big_endian_64(hash + 8);
}

void pg_digest_format(const struct pg_digest *digest, char out[PG_DIGEST_SIZE])
{
	snprintf(out, PG_DIGEST_SIZE, "%016" PRIx64 "%016" PRIx64, digest->first, digest->second);
}
