/*
 * The rows that each bot should have, from each of the places that can tell.
 *
 * Where the application's bots were looked at too, they say more: a bot that
 * was deleted since a baseline was captured needs no rows, and the rows of one
 * that was made since are not too many.
 */
#include "plan/diff_vectors.h"

#include <stdlib.h>
#include <string.h>

/*
 * The application's bots, if they were seen. A table without a single bot is
 * taken for another one than the application's: nobody's rows are let go for it.
 */
static const struct observed_bots *find_application(const struct plan_input *input)
{
	const struct observed_bots *bots = &input->observed->bots;

	return bots->head.status == OBSERVED_SEEN && bots->bot_count > 0 ? bots : NULL;
}

static bool is_gone(const struct observed_bots *application, const char *id)
{
	return application != NULL && strcmp(id, OBSERVED_NO_BOT) != 0 &&
	       observed_find_app_bot(application, id) == NULL;
}

static struct expected expect_baseline(const struct plan_input *input, struct arena *arena)
{
	struct expected expected = {.unknown = input->baseline_error, .application = find_application(input)};
	size_t i;

	if (input->baseline == NULL)
		return expected;
	expected.bots = arena_array(arena, input->baseline->bot_count, sizeof(*expected.bots));
	expected.count = input->baseline->bot_count;
	for (i = 0; i < expected.count; i++)
		expected.bots[i] =
		    (struct expected_bot){.id = input->baseline->bots[i].id,
		                          .digest = input->baseline->bots[i].digest,
		                          .rows = input->baseline->bots[i].rows,
		                          .gone = is_gone(expected.application, input->baseline->bots[i].id)};
	return expected;
}

static struct expected expect_source(const struct plan_input *input, struct arena *arena)
{
	const struct observed_vectors *seen = &input->observed->vectors;
	struct expected expected = {.application = find_application(input)};
	size_t i;

	if (seen->source_head.status != OBSERVED_SEEN) {
		expected.unknown = seen->source_head.reason != NULL ? seen->source_head.reason : "it was not looked at";
		expected.unknown = arena_printf(arena, "the source of the rows: %s", expected.unknown);
		return expected;
	}
	expected.bots = arena_array(arena, seen->source_count, sizeof(*expected.bots));
	expected.count = seen->source_count;
	for (i = 0; i < expected.count; i++)
		expected.bots[i] = (struct expected_bot){
		    .id = seen->source[i].id, .digest = seen->source[i].digest, .rows = seen->source[i].rows};
	return expected;
}

static struct expected expect_inline(const struct plan_input *input, struct arena *arena)
{
	const struct desired_counts *counts = &input->desired->vectors.counts;
	struct expected expected = {.bots = arena_array(arena, counts->bot_count, sizeof(*expected.bots)),
	                            .count = counts->bot_count,
	                            .application = find_application(input)};
	size_t i;

	for (i = 0; i < expected.count; i++)
		expected.bots[i] = (struct expected_bot){.id = counts->bots[i].bot, .rows = counts->bots[i].rows};
	return expected;
}

/* Why it is not known which bots there are; NULL: it is. */
static const char *application_unknown(const struct plan_input *input, struct arena *arena)
{
	const struct observed_bots *bots = &input->observed->bots;
	const char *reason = bots->head.reason != NULL ? bots->head.reason : "they were not looked at";

	if (bots->head.status != OBSERVED_SEEN)
		return arena_printf(arena, "the application's bots: %s",
		                    observed_reason(arena, reason, bots->head.permission));
	if (bots->bot_count == 0 && input->observed->vectors.bot_count > 0)
		return arena_printf(arena,
		                    "the application's bots: the table %s has none, but there are rows of bots: is it "
		                    "the application's?",
		                    bots->table);
	return NULL;
}

/* Bots that were emptied keep old rows by the application's own doing: neither they nor their absence is drift. */
static struct expected expect_bots(const struct plan_input *input, struct arena *arena)
{
	const struct observed_bots *bots = &input->observed->bots;
	struct expected expected = {.unknown = application_unknown(input, arena), .application = bots};
	size_t i;

	if (expected.unknown != NULL)
		return expected;
	for (i = 0; i < bots->bot_count; i++) {
		struct expected_bot *bot;

		if (!observed_bot_needs_rows(&bots->bots[i]))
			continue;
		bot = ARENA_PUSH(arena, expected.bots, expected.count);
		*bot = (struct expected_bot){.id = bots->bots[i].id, .rows = 1, .some = true};
	}
	return expected;
}

struct expected diff_expect(const struct plan_input *input, struct arena *arena)
{
	switch (input->desired->vectors.counts.from) {
	case DESIRED_COUNTS_BASELINE:
		return expect_baseline(input, arena);
	case DESIRED_COUNTS_SOURCE:
		return expect_source(input, arena);
	case DESIRED_COUNTS_INLINE:
		return expect_inline(input, arena);
	case DESIRED_COUNTS_BOTS:
		break;
	}
	return expect_bots(input, arena);
}

static int compare_id(const void *id, const void *bot)
{
	return strcmp(id, ((const struct expected_bot *)bot)->id);
}

const struct expected_bot *diff_find_expected(const struct expected *expected, const char *id)
{
	if (expected->count == 0)
		return NULL;
	return bsearch(id, expected->bots, expected->count, sizeof(*expected->bots), compare_id);
}

static void add_count(struct vectors_diff *diff, const char *id, int64_t expected, int64_t present)
{
	struct plan_resource *resource = diff->resource;

	*ARENA_PUSH(diff->plan->arena, resource->counts, resource->count_count) =
	    (struct plan_count){id, expected, present};
}

/* The rows that a bot which is there, and is none of `extra`, should have; -1: not known, or any number will do. */
static int64_t rows_expected(const struct vectors_diff *diff, const char *id)
{
	const struct expected_bot *expected = diff->unknown == NULL ? diff_find_expected(&diff->expected, id) : NULL;

	return expected != NULL && !expected->some && !expected->gone ? expected->rows : -1;
}

void diff_list_counts(struct vectors_diff *diff)
{
	const struct expected_bot *expected;
	size_t i, extra = 0;

	if (!diff->seen->schema.table || diff->seen->schema.mismatch != NULL)
		return;
	for (i = 0; i < diff->seen->bot_count; i++) {
		const struct observed_bot *bot = &diff->seen->bots[i];
		/* Both lists are in the same order. */
		bool is_extra = extra < diff->extra.count && strcmp(diff->extra.ids[extra], bot->id) == 0;

		add_count(diff, bot->id, is_extra ? 0 : rows_expected(diff, bot->id), bot->rows);
		extra += is_extra;
	}
	for (i = 0; diff->unknown == NULL && i < diff->expected.count; i++) {
		expected = &diff->expected.bots[i];
		if (!expected->gone && observed_find_bot(diff->seen->bots, diff->seen->bot_count, expected->id) == NULL)
			add_count(diff, expected->id, expected->some ? -1 : expected->rows, 0);
	}
}
