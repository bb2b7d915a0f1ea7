/*
 * The application's bots: whether whoever asks them is answered.
 *
 * One resource for all of them, a difference for each bot that is not usable:
 * what is wrong with it in one line, the worst first. Nothing is done about it
 * here. Rows come back by spec.vectors, and the rest is for people, so notes say
 * what they can do.
 */
#include "plan/diff.h"
#include "plan/diff_vectors.h"

#include <inttypes.h>
#include <string.h>

#define KIND "bots"
#define NAME "all"

/* Below this many per cent of what is nearest, the index is worth a word. */
#define RECALL_LOW 50

/* What is wrong with a bot: the worst counts. */
enum trouble {
	TROUBLE_ROWS,      /* it has none */
	TROUBLE_EMBEDDING, /* none of its rows has one */
	TROUBLE_INDEX,     /* the index does not lead to its rows */
	TROUBLE_QUESTION,  /* a question in words finds nothing */
	TROUBLE_FAILED,    /* its synchronisation */
	TROUBLE_LOST,      /* RUNNING, and no task is */
	TROUBLE_QUEUED,
	TROUBLE_STATUS, /* any other word than SUCCEEDED */
	TROUBLE_COUNT,
	TROUBLE_NONE = TROUBLE_COUNT,
};

/* How many, for the reason ("%zu …"), and what a person can do. */
static const struct {
	const char *one, *many;
	const char *advice;
} troubles[TROUBLE_COUNT] = {
    [TROUBLE_ROWS] = {"has no rows", "have no rows",
                      "without rows: spec.vectors.restore says where they come from, or embeds the bots again"},
    [TROUBLE_EMBEDDING] = {"has rows without an embedding only", "have rows without an embedding only",
                           "rows without an embedding answer nothing: have the bot embedded again, by saving it in "
                           "the application"},
    [TROUBLE_INDEX] = {"is missed by the index", "are missed by the index",
                       "an index that misses rows is broken: spec.vectors with `schema: present` builds it again"},
    [TROUBLE_QUESTION] = {"answers nothing to a question", "answer nothing to a question",
                          "a question finds nothing where the lists that it leads to hold no row of the bot: raise "
                          "ivfflat.probes, 1 by default, for the application's database user"},
    [TROUBLE_FAILED] = {"is FAILED", "are FAILED",
                        "FAILED: its owner corrects the sources in the application, and saves the bot, which embeds "
                        "it again"},
    [TROUBLE_LOST] = {"is RUNNING without a task", "are RUNNING without a task",
                      "RUNNING without a task does not end by itself: saving the bot again starts another"},
    [TROUBLE_QUEUED] = {"is QUEUED", "are QUEUED",
                        "QUEUED: the application starts a task within minutes; where it does not, the event was lost, "
                        "and saving the bot again sends another"},
    [TROUBLE_STATUS] = {"is not synchronised", "are not synchronised",
                        "what is not SUCCEEDED is embedded again by saving the bot in the application"},
};

struct bots_diff {
	const struct plan_input *input;
	const struct observed_bots *seen;
	struct plan *plan;
	struct plan_resource *resource;
	size_t counts[TROUBLE_COUNT];
	size_t needing;     /* bots that the application answers from rows */
	size_t embedding;   /* of these, bots on which a task is at work */
	size_t unwitnessed; /* of these, RUNNING, and nobody knows whether a task is */
	const char *unknown;
};

static bool has_status(const struct observed_app_bot *bot, const char *status)
{
	return bot->sync_status != NULL && strcmp(bot->sync_status, status) == 0;
}

static bool is_running(const struct observed_app_bot *bot)
{
	return has_status(bot, "RUNNING");
}

/* A task that is about to stop may still say how it ended. */
static bool has_living_task(const struct observed_app_bot *bot)
{
	return bot->task != NULL && strcmp(bot->task, "gone") != 0 && strcmp(bot->task, "STOPPED") != 0;
}

static bool is_word(const char *seen, const char *word)
{
	return seen != NULL && strcmp(seen, word) == 0;
}

/* What keeps the bot from answering, whatever its status; NULL: nothing that was seen. */
static enum trouble find_silence(const struct bots_diff *diff, const struct observed_app_bot *bot)
{
	if (diff->seen->searches.head.status != OBSERVED_SEEN)
		return TROUBLE_NONE;
	if (bot->rows == 0)
		return TROUBLE_ROWS;
	if (is_word(bot->search, "no embedding"))
		return TROUBLE_EMBEDDING;
	if (is_word(bot->search, "misses"))
		return TROUBLE_INDEX;
	return is_word(bot->question, "nothing") ? TROUBLE_QUESTION : TROUBLE_NONE;
}

/* Whether it is as its owner last saved it. A bot at which a task is at work answers from the rows of before. */
static enum trouble find_staleness(const struct observed_app_bot *bot)
{
	if (has_status(bot, "SUCCEEDED") || (is_running(bot) && (bot->task == NULL || has_living_task(bot))))
		return TROUBLE_NONE;
	if (is_running(bot))
		return TROUBLE_LOST;
	if (has_status(bot, "FAILED"))
		return TROUBLE_FAILED;
	return has_status(bot, "QUEUED") ? TROUBLE_QUEUED : TROUBLE_STATUS;
}

static enum trouble find_trouble(const struct bots_diff *diff, const struct observed_app_bot *bot)
{
	enum trouble silence = find_silence(diff, bot);

	return silence != TROUBLE_NONE ? silence : find_staleness(bot);
}

/* "FAILED: no such page", "RUNNING, but its task is gone"; NULL: nothing is to be said. */
static const char *describe_status(struct arena *arena, const struct observed_app_bot *bot)
{
	const char *status = bot->sync_status != NULL ? bot->sync_status : "no SyncStatus";

	if (has_status(bot, "SUCCEEDED"))
		return NULL;
	if (is_running(bot) && has_living_task(bot))
		return arena_printf(arena, "RUNNING, its task is %s", bot->task);
	if (is_running(bot) && bot->task != NULL && strcmp(bot->task, "gone") == 0)
		return "RUNNING, but its task is gone";
	if (is_running(bot) && bot->task != NULL)
		return arena_printf(arena, "RUNNING, but its task has stopped%s%s", bot->task_end != NULL ? ": " : "",
		                    bot->task_end != NULL ? bot->task_end : "");
	return bot->sync_reason != NULL ? arena_printf(arena, "%s: %s", status, bot->sync_reason) : status;
}

static const char *describe_answers(struct arena *arena, const struct observed_app_bot *bot, enum trouble silence)
{
	switch (silence) {
	case TROUBLE_ROWS:
		return "no rows";
	case TROUBLE_EMBEDDING:
		return arena_printf(arena, "%" PRId64 " rows, none with an embedding", bot->rows);
	case TROUBLE_INDEX:
		return "the index does not lead to its rows";
	case TROUBLE_QUESTION:
		return "a question in words finds nothing";
	default:
		return is_word(bot->search, "answers") ? "it answers from the rows of before" : NULL;
	}
}

static void differ(struct bots_diff *diff, const struct observed_app_bot *bot)
{
	struct arena *arena = diff->plan->arena;
	const char *status = describe_status(arena, bot);
	const char *answers = describe_answers(arena, bot, find_silence(diff, bot));
	struct plan_difference difference = {.path = arena_printf(arena, "bots/%s", bot->id),
	                                     .change = CHANGE_REPLACE,
	                                     .desired = "usable",
	                                     .observed = status};

	if (status == NULL)
		difference.observed = answers;
	else if (answers != NULL)
		difference.observed = arena_printf(arena, "%s; %s", status, answers);
	plan_add_difference(diff->plan, diff->resource, &difference);
}

static void diff_each(struct bots_diff *diff)
{
	enum trouble trouble;
	size_t i;

	for (i = 0; i < diff->seen->bot_count; i++) {
		const struct observed_app_bot *bot = &diff->seen->bots[i];

		if (!observed_bot_needs_rows(bot))
			continue;
		diff->needing++;
		diff->embedding += is_running(bot) && has_living_task(bot);
		diff->unwitnessed += is_running(bot) && bot->task == NULL;
	}
	for (trouble = 0; trouble < TROUBLE_COUNT; trouble++) {
		for (i = 0; i < diff->seen->bot_count; i++) {
			const struct observed_app_bot *bot = &diff->seen->bots[i];

			if (!observed_bot_needs_rows(bot) || find_trouble(diff, bot) != trouble)
				continue;
			diff->counts[trouble]++;
			differ(diff, bot);
		}
	}
}

static bool has_rows(const struct bots_diff *diff)
{
	size_t i;

	for (i = 0; i < diff->seen->bot_count; i++)
		if (observed_bot_needs_rows(&diff->seen->bots[i]) && diff->seen->bots[i].rows > 0)
			return true;
	return false;
}

static void diff_searches(struct bots_diff *diff)
{
	static const struct plan_difference none = {"index", CHANGE_ADD, "a vector index that serves the searches",
	                                            NULL};
	const struct observed_searches *seen = &diff->seen->searches;
	struct arena *arena = diff->plan->arena;

	if (seen->head.status != OBSERVED_SEEN || !has_rows(diff))
		return;
	if (seen->index == NULL)
		plan_add_difference(diff->plan, diff->resource, &none);
	else if (seen->tried < seen->meant)
		diff->unknown = arena_printf(arena,
		                             "searches are so slow that only %" PRId64 " of %" PRId64
		                             " bots could be tried: build the index again",
		                             seen->tried, seen->meant);
}

/* "3 of 480 bots with knowledge are not usable: 1 has no rows, 2 are FAILED" */
static void set_reason(struct bots_diff *diff)
{
	struct arena *arena = diff->plan->arena;
	enum trouble trouble;
	const char *text = NULL;
	size_t all = 0;

	for (trouble = 0; trouble < TROUBLE_COUNT; trouble++) {
		size_t count = diff->counts[trouble];

		if (count == 0)
			continue;
		all += count;
		text = arena_printf(arena, "%s%s%zu %s", text != NULL ? text : "", text != NULL ? ", " : "", count,
		                    count == 1 ? troubles[trouble].one : troubles[trouble].many);
	}
	if (all > 0)
		plan_set_reason(diff->plan, diff->resource, "%zu of %zu bot%s with knowledge %s not usable: %s", all,
		                diff->needing, diff->needing == 1 ? "" : "s", all == 1 ? "is" : "are", text);
	else if (diff->resource->state == RESOURCE_DRIFTED)
		plan_set_reason(diff->plan, diff->resource,
		                "no vector index serves the searches: each reads all rows of its bot");
}

static void note_advice(struct bots_diff *diff)
{
	enum trouble trouble;

	for (trouble = 0; trouble < TROUBLE_COUNT; trouble++)
		if (diff->counts[trouble] > 0)
			plan_add_note(diff->plan, diff->resource, "%s", troubles[trouble].advice);
	if (diff->embedding > 0)
		plan_add_note(diff->plan, diff->resource, "%zu bot%s being embedded right now", diff->embedding,
		              diff->embedding == 1 ? " is" : "s are");
}

/* To build an index again that fits its rows would find no more: then it is the search that must look at more lists. */
static const char *advise_recall(const struct bots_diff *diff)
{
	int64_t probes = 2;

	if (!diff_index_fits(diff->input))
		return "What to do: `vectors: {index: {lists: auto}}` and the word rebuild-index, with which apply "
		       "builds "
		       "the index to fit its rows";
	while (probes * probes < diff->input->observed->vectors.schema.index.lists) /* what pgvector's README advises */
		probes++;
	return arena_printf(diff->plan->arena,
	                    "The index fits its rows, so what to do is to have searches read more of it: set "
	                    "ivfflat.probes, 1 by default, to %" PRId64 " for the application's database user",
	                    probes);
}

/*
 * How much of what is nearest the application's searches find. A search that does not go through the index reads all
 * rows of its bot and misses none, so what the index alone would find of them matters to nobody.
 */
static void note_recall(struct bots_diff *diff)
{
	const struct observed_searches *seen = &diff->seen->searches;
	struct arena *arena = diff->plan->arena;
	const char *others = "";
	int64_t recall;

	if (seen->expected == 0 || diff->counts[TROUBLE_INDEX] > 0) /* which is worse than any recall */
		return;
	if (seen->indexed == 0) {
		plan_add_note(
		    diff->plan, diff->resource,
		    "searches find all that is nearest: for each of %" PRId64
		    " questions PostgreSQL reads every row of the bot, and not %s, as long as bots have so few rows "
		    "that this is faster; the index needs nothing done",
		    seen->questions, seen->index);
		return;
	}
	recall = 100 * seen->found / seen->expected;
	if (seen->indexed < seen->questions)
		others = arena_printf(arena,
		                      "; PostgreSQL goes through it for %" PRId64
		                      " of them, and finds all that is nearest for the others, by reading every row of "
		                      "the bot",
		                      seen->indexed);
	plan_add_note(diff->plan, diff->resource,
	              "%s finds %" PRId64 " %% of the %" PRId64 " nearest rows (its recall), on %" PRId64
	              " question%s%s",
	              seen->index, recall, seen->limit, seen->questions, seen->questions == 1 ? "" : "s", others);
	if (recall < RECALL_LOW)
		plan_add_note(diff->plan, diff->resource,
		              "that is little: of 100 passages that would serve an answer best, a search through "
		              "it gives the application %" PRId64 ". %s",
		              recall, advise_recall(diff));
}

static void note_words(struct bots_diff *diff)
{
	const struct observed_searches *seen = &diff->seen->searches;

	if (seen->words == 0)
		return;
	plan_add_note(diff->plan, diff->resource,
	              "%" PRId64 " of %" PRId64 " questions in words found the row that they were taken from",
	              seen->matched, seen->words);
	if (seen->matched == 0 && seen->words > 1)
		plan_add_note(diff->plan, diff->resource,
		              "none did: were the rows embedded by another model than spec.bots.model?");
}

static void note_left_out(struct bots_diff *diff)
{
	size_t i, bases = 0, bare = 0;

	for (i = 0; i < diff->seen->bot_count; i++) {
		bases += diff->seen->bots[i].knowledge_base;
		bare += !diff->seen->bots[i].knowledge && !diff->seen->bots[i].knowledge_base;
	}
	if (bases + bare > 0)
		plan_add_note(diff->plan, diff->resource,
		              "not tried: %zu without knowledge, %zu that a Bedrock knowledge base answers for", bare,
		              bases);
}

/* What could not be seen, of what the spec asks for; NULL: nothing. */
static const char *find_unknown(const struct bots_diff *diff)
{
	const struct observed_head *heads[] = {&diff->seen->searches.head, &diff->seen->searches.words_head};
	static const char *const whats[] = {"searches could not be tried", "no question could be asked in words"};
	struct arena *arena = diff->plan->arena;
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (heads[i]->status == OBSERVED_UNKNOWN)
			return arena_printf(arena, "%s: %s", whats[i],
			                    observed_reason(arena, heads[i]->reason, heads[i]->permission));
	if (diff->unwitnessed > 0)
		return arena_printf(
		    arena, "%zu bot%s RUNNING, and whether a task is at work could not be seen: %s", diff->unwitnessed,
		    diff->unwitnessed == 1 ? " is" : "s are",
		    diff->seen->tasks_head.reason != NULL
		        ? observed_reason(arena, diff->seen->tasks_head.reason, diff->seen->tasks_head.permission)
		        : "it was not looked for");
	return diff->unknown;
}

static void diff_usable(struct bots_diff *diff)
{
	const struct observed_head *searches = &diff->seen->searches.head;
	const char *unknown;

	diff_each(diff);
	diff_searches(diff);
	set_reason(diff);
	note_advice(diff);
	note_recall(diff);
	note_words(diff);
	note_left_out(diff);
	unknown = find_unknown(diff);
	if (unknown != NULL) {
		diff->resource->state = RESOURCE_UNKNOWN;
		diff->resource->reason = unknown;
	} else if (searches->status == OBSERVED_SKIPPED && searches->reason != NULL &&
	           diff->resource->state == RESOURCE_IN_SYNC) {
		diff->resource->state = RESOURCE_SKIPPED;
		diff->resource->reason = searches->reason;
	}
}

void plan_diff_bots(const struct plan_input *input, struct plan *plan)
{
	const struct observed_bots *seen = &input->observed->bots;
	struct bots_diff diff = {.input = input, .seen = seen, .plan = plan};

	if (!input->desired->bots.present || plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN) {
		plan_add_unseen(plan, KIND, NAME, &seen->head);
		return;
	}
	diff.resource = plan_add_resource(plan, KIND, NAME);
	if (input->desired->bots.usable)
		diff_usable(&diff);
}
