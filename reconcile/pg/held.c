#include "pg/held.h"
#include "pg/digest.h"
#include "pg/query.h"

#include <stdlib.h>

#define MOMENT "BEGIN ISOLATION LEVEL REPEATABLE READ"
#define NO_HURRY "SET LOCAL idle_in_transaction_session_timeout = 0"

static int delete_bots(const struct pg_side *target, struct arena *arena, const struct pg_bots *bots, int64_t *rows,
                       struct error *err)
{
	PGresult *result = NULL;
	const char *quoted;

	if (pg_query_table(arena, target->table, &quoted, err) != 0)
		return -1;
	if (pg_query(
	        target->session,
	        arena_printf(arena, "DELETE FROM %s WHERE %s", quoted, pg_query_bots(target->session, arena, bots)),
	        NULL, 0, &result, err) != 0)
		return -1;
	*rows = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return 0;
}

/* Bots of both sides, as a comparison without results. */
struct pairs {
	struct pg_bots bots;
	struct pg_comparison comparison;
};

static int pair_bots(const struct pg_side *source, const struct pg_side *target, bool all, struct arena *arena,
                     struct pairs *pairs, struct error *err)
{
	struct pg_bots there, here;
	size_t i;

	*pairs = (struct pairs){0};
	if (pg_count_bots(source->session, arena, source->table, &there, err) != 0 ||
	    pg_count_bots(target->session, arena, target->table, &here, err) != 0)
		return -1;
	for (i = 0; i < here.count; i++) {
		const struct pg_bot *other = pg_bots_find(&there, here.items[i].name);

		if (other == NULL || (!all && other->rows == here.items[i].rows))
			continue;
		ARENA_PUSH(arena, pairs->bots.items, pairs->bots.count)->name = other->name;
		ARENA_PUSH(arena, pairs->comparison.items, pairs->comparison.count)->bot = other->name;
	}
	return 0;
}

static int find_kept(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
                     struct pairs *pairs, struct pg_held *held, struct error *err)
{
	size_t i;

	if (pairs->bots.count == 0)
		return 0;
	if (pg_compare_ids(source, target, &pairs->bots, &pairs->comparison, err) != 0)
		return -1;
	for (i = 0; i < pairs->comparison.count; i++)
		if (pairs->comparison.items[i].target_only > 0)
			*ARENA_PUSH(arena, held->kept, held->kept_count) = pairs->comparison.items[i].bot;
	return 0;
}

/* Rows that are held by themselves alone are held nowhere else. */
static int begin_both(const struct pg_side *source, const struct pg_side *target, bool writes, struct arena *arena,
                      struct error *err)
{
	bool one;

	if (pg_compare_places(source, target, arena, &one, err) != 0)
		return -1;
	if (one)
		return error_set(err, ERROR_INVALID, "source and target are one database");
	if (pg_query_run(source->session, MOMENT " READ ONLY; " NO_HURRY, err) != 0)
		return -1;
	return pg_query_run(target->session, writes ? MOMENT "; " NO_HURRY : MOMENT " READ ONLY; " NO_HURRY, err);
}

static int delete_pairs(const struct pg_side *source, const struct pg_side *target, bool may_lose, struct arena *arena,
                        struct pg_held *held, struct error *err)
{
	struct pairs pairs;

	if (pair_bots(source, target, true, arena, &pairs, err) != 0)
		return -1;
	if (!may_lose && find_kept(source, target, arena, &pairs, held, err) != 0)
		return -1;
	if (held->kept_count > 0 || pairs.bots.count == 0)
		return 0;
	held->bots = pairs.bots.count;
	if (delete_bots(target, arena, &pairs.bots, &held->rows, err) != 0)
		return -1;
	return pg_query_run(target->session, "COMMIT", err);
}

int pg_delete_held(const struct pg_side *source, const struct pg_side *target, bool may_lose, struct arena *arena,
                   struct pg_held *held, struct error *err)
{
	int rc;

	*held = (struct pg_held){0};
	rc = begin_both(source, target, true, arena, err);
	if (rc == 0)
		rc = delete_pairs(source, target, may_lose, arena, held, err);
	pg_query_abandon(source->session);
	pg_query_abandon(target->session);
	return rc;
}

int pg_look_for_held(const struct pg_side *source, const struct pg_side *target, struct arena *arena,
                     struct pg_held *held, struct error *err)
{
	struct pairs pairs;
	int rc;

	*held = (struct pg_held){0};
	rc = begin_both(source, target, false, arena, err);
	if (rc == 0)
		rc = pair_bots(source, target, false, arena, &pairs, err);
	if (rc == 0)
		rc = find_kept(source, target, arena, &pairs, held, err);
	pg_query_abandon(source->session);
	pg_query_abandon(target->session);
	return rc;
}
