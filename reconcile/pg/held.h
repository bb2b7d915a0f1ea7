/*
 * held.h - rows that another database holds, too, and that may go for that.
 */
#ifndef TRUEUP_PG_HELD_H
#define TRUEUP_PG_HELD_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/compare.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_held {
	size_t bots;  /* whose rows went */
	int64_t rows; /* that went */
	const char **kept;
	size_t kept_count; /* bots of which rows are on the target only: if there is one, nothing went at all */
};

/*
 * Make room for a load that adds every row of the source: delete the target's
 * rows of all bots that the source has. Rows that only the target holds keep
 * everything where it is, unless they may be lost; bots that the source does not
 * have stay either way. One transaction, whose snapshot both the comparison and
 * the deletion see, so that rows written meanwhile stay, too.
 */
int pg_delete_held(const struct pg_side *source, const struct pg_side *target, bool may_lose, struct arena *arena,
                   struct pg_held *held, struct error *err);

/*
 * What would keep everything where it is, without a change, and without reading
 * much: bots that have as many rows here as there are not looked into.
 */
int pg_look_for_held(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
                     struct pg_held *held, struct error *err);

#endif
