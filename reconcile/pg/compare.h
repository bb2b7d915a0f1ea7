/*
 * compare.h - two tables, bot by bot.
 */
#ifndef TRUEUP_PG_COMPARE_H
#define TRUEUP_PG_COMPARE_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"
#include "pg/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One side: a session and the table in it. */
struct pg_side {
	struct pg_session *session;
	const char *table;
};

struct pg_difference {
	const char *bot;
	int64_t source_rows; /* 0: the bot is not there */
	int64_t target_rows;
	char source_digest[PG_DIGEST_SIZE]; /* "" where the counts differ, which says enough */
	char target_digest[PG_DIGEST_SIZE];
	int64_t target_only; /* rows of the target whose id this bot has not on the source: what replacing loses */
	bool equal;
};

struct pg_comparison { /* every bot of either side, sorted by name */
	struct pg_difference *items;
	size_t count;
	size_t unequal;
	size_t target_only_bots; /* bots that the source does not have */
};

/*
 * Whether both sides are in one database, whatever names and tunnels led there:
 * what is compared with itself is always equal, and proves nothing.
 */
int pg_compare_places(const struct pg_side *source, const struct pg_side *target, struct arena *arena, bool *one,
                      struct error *err);

/*
 * Compare the tables, each as one moment sees it. Counts first; digests, on
 * both servers at once, only for bots whose counts agree; ids, merged as they
 * stream, only for bots that differ. Both sessions must be outside of a
 * transaction, or in that of pg_snapshot_import(). Memory grows with bots only.
 */
int pg_compare(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
               struct pg_comparison *comparison, struct error *err);

/*
 * Which rows has the target alone? Fills target_only of the bots of a
 * comparison, from ids merged as they stream. Each session sees the moment of
 * the transaction that it is in.
 */
int pg_compare_ids(const struct pg_side *source, const struct pg_side *target, const struct pg_bots *bots,
                   struct pg_comparison *comparison, struct error *err);

/*
 * The same without ids: target_only stays 0. Digests are had only for the bots
 * of `only` (sorted; NULL: all); what the others are equal to is not known, and
 * `equal` says false.
 */
int pg_compare_rows(const struct pg_side *source, const struct pg_side *target, const struct pg_bots *only,
                    struct arena *arena, struct pg_comparison *comparison, struct error *err);

#endif
