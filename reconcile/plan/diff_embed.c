/*
 * Rows by embedding again: a task of the application's for each bot that falls
 * short. Who cannot be embedded gets an action, too, that says to a person why.
 */
#include "plan/diff_vectors.h"

#include <inttypes.h>
#include <string.h>

/* US dollars for an hour in us-east-1, on demand, Linux on x86; other regions cost up to about half as much again. */
#define VCPU_HOUR 0.04048
#define GB_HOUR 0.004445
/* A bot of some documents takes minutes; for a figure. */
#define MINUTES_ASSUMED 10

/* Why nothing can embed the bot, for a person; NULL: it can be embedded. */
static const char *explain_hopeless(const struct observed_app_bot *bot)
{
	if (bot == NULL)
		return "the application has no such bot any more: capture the baseline again, or take it out of the "
		       "counts";
	if (bot->knowledge_base)
		return "a Bedrock knowledge base answers for it, and it has no rows here: take it out of the counts";
	if (!bot->knowledge)
		return "its knowledge is empty, so that there is nothing to embed: give it documents or pages again, "
		       "or take it out of the counts";
	if (bot->sitemaps)
		return "its knowledge names sitemaps, which the application cannot embed: its owner can name pages "
		       "instead";
	return NULL;
}

/* Why nothing is embedded at all; NULL: it can be. */
static const char *explain_unseen(const struct vectors_diff *diff)
{
	const struct observed_head *bots = &diff->input->observed->bots.head, *embedding = &diff->seen->embedding.head;
	struct arena *arena = diff->plan->arena;

	if (bots->status != OBSERVED_SEEN)
		return arena_printf(arena, "the application's bots could not be read: %s",
		                    observed_reason(arena, bots->reason, bots->permission));
	if (embedding->status != OBSERVED_SEEN)
		return arena_printf(arena, "the application's embedding tasks could not be looked at: %s",
		                    observed_reason(arena, embedding->reason, embedding->permission));
	return NULL;
}

bool diff_embed_moves_rows(const struct vectors_diff *diff)
{
	const struct observed_bots *bots = &diff->input->observed->bots;
	size_t i;

	if (explain_unseen(diff) != NULL)
		return false;
	for (i = 0; i < diff->wanting.count; i++)
		if (explain_hopeless(observed_find_app_bot(bots, diff->wanting.ids[i])) == NULL)
			return true;
	return false;
}

static void set_number(struct vectors_diff *diff, struct plan_action *action, const char *name, int64_t number)
{
	plan_action_set(diff->plan, action, name, arena_printf(diff->plan->arena, "%" PRId64, number));
}

/* What the action is about: whose bot, and between which numbers of rows it will be right. */
static void set_arguments(struct vectors_diff *diff, struct plan_action *action, const char *id, const char *owner)
{
	const struct expected_bot *expected = diff_find_expected(&diff->expected, id);
	int64_t most = diff_most_rows(diff->desired, expected);

	plan_action_set(diff->plan, action, "bot", id);
	plan_action_set(diff->plan, action, "owner", owner);
	set_number(diff, action, "least", diff_least_rows(diff->desired, expected));
	if (most != INT64_MAX)
		set_number(diff, action, "most", most);
}

static struct plan_action *add_embed(struct vectors_diff *diff, const char *id)
{
	struct plan_action *action = plan_add_action(diff->plan, diff->resource, "embed", id);
	bool queue = diff->desired->restore.via == DESIRED_EMBED_QUEUE;

	plan_action_need(diff->plan, action, CONDITION_CLUSTER_ENCRYPTED);
	plan_action_need(diff->plan, action, CONDITION_SCHEMA);
	plan_action_need(diff->plan, action, CONDITION_UNINDEXED);
	action->allow = "run-embedding-tasks";
	action->reason = "it is short of rows: its knowledge is embedded again";
	plan_action_call(diff->plan, action, queue ? "dynamodb:UpdateItem" : "ecs:RunTask");
	return action;
}

/* Rows will be there once all that can be embedded have been: the index does not wait for the hopeless. */
static bool embed_bot(struct vectors_diff *diff, const char *id, const char *unseen)
{
	const struct observed_app_bot *bot = observed_find_app_bot(&diff->input->observed->bots, id);
	struct plan_action *action = add_embed(diff, id);

	if (unseen != NULL) {
		plan_action_block(diff->plan, action, "%s", unseen);
		return false;
	}
	if (explain_hopeless(bot) != NULL) {
		plan_action_block(diff->plan, action, "a person: %s", explain_hopeless(bot));
		return false;
	}
	set_arguments(diff, action, id, bot->owner);
	action->gives = CONDITION_ROWS;
	return true;
}

/* "2 vCPU" of 2048 units, "0.25 vCPU" of 256: parts are halves and quarters. */
static const char *units_text(struct arena *arena, int64_t units)
{
	return arena_printf(arena, "%.4g", (double)units / 1024);
}

/* How much Bedrock has to embed: known only where somebody has counted the rows. */
static const char *describe_load(const struct vectors_diff *diff, int64_t rows)
{
	if (diff->wanting.bare > 0)
		return "all that these bots know";
	return arena_printf(diff->plan->arena, "about %s", diff_rows_text(diff->plan->arena, rows));
}

static void note_cost(struct vectors_diff *diff, size_t count, int64_t rows)
{
	const struct observed_embedding *seen = &diff->seen->embedding;
	struct arena *arena = diff->plan->arena;
	double hour = (double)seen->cpu / 1024 * VCPU_HOUR + (double)seen->memory / 1024 * GB_HOUR;

	plan_add_note(diff->plan, diff->resource,
	              "%zu embedding task%s on Fargate, %s vCPU and %s GB each, %" PRId64
	              " at a time at most: minutes each, about %.2f USD for %d minutes of one at us-east-1's prices; "
	              "Bedrock's embedding of %s comes on top",
	              count, count == 1 ? "" : "s", units_text(arena, seen->cpu), units_text(arena, seen->memory),
	              diff->desired->restore.concurrency, hour * MINUTES_ASSUMED / 60, MINUTES_ASSUMED,
	              describe_load(diff, rows));
	plan_add_note(
	    diff->plan, diff->resource,
	    "documents and pages are read as they are now; the rows get new ids, and their number can differ");
}

void diff_embed_bots(struct vectors_diff *diff)
{
	const char *unseen = explain_unseen(diff);
	int64_t rows = 0;
	size_t i, count = 0;

	for (i = 0; i < diff->wanting.count; i++) {
		if (!embed_bot(diff, diff->wanting.ids[i], unseen))
			continue;
		rows += diff_find_expected(&diff->expected, diff->wanting.ids[i])->rows;
		count++;
	}
	if (count > 0)
		note_cost(diff, count, rows);
}
