#include "report/advice.h"
#include "base/clock.h"
#include "plan/observed.h"
#include "plan/plan.h"
#include "report/report.h"
#include "report/tree.h"
#include "spec/load.h"

#include <string.h>

struct adviser {
	struct arena *arena;
	const json_t *report;
	struct advice_list list;
};

static struct advice *add(struct adviser *adviser, enum advice_tone tone, const char *text)
{
	struct advice *advice = ARENA_PUSH(adviser->arena, adviser->list.items, adviser->list.count);

	advice->tone = tone;
	advice->text = text;
	return advice;
}

/* The text as one word of a shell. */
static const char *quote(struct arena *arena, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:@%+=-";
	const char *quoted = "'", *next;

	if (*text != '\0' && text[strspn(text, plain)] == '\0')
		return text;
	for (; (next = strchr(text, '\'')) != NULL; text = next + 1)
		quoted = arena_printf(arena, "%s%.*s'\\''", quoted, (int)(next - text), text);
	return arena_printf(arena, "%s%s'", quoted, text);
}

static const char *command_on_spec(const struct adviser *adviser, const char *verb)
{
	const char *file = tree_text(json_object_get(adviser->report, "spec"), "file");
	const char *command = arena_printf(adviser->arena, "trueup %s %s", verb, quote(adviser->arena, file));
	const json_t *only = json_object_get(adviser->report, "only");
	size_t i;

	for (i = 0; i < json_array_size(only) && strcmp(verb, "doctor") != 0; i++) /* which looks at all */
		command = arena_printf(adviser->arena, "%s --only %s", command,
		                       quote(adviser->arena, json_string_value(json_array_get(only, i))));
	return command;
}

static const char *join(struct arena *arena, const char *list, const char *item)
{
	return *list == '\0' ? item : arena_printf(arena, "%s, %s", list, item);
}

static bool has_mode(const struct adviser *adviser, const char *mode)
{
	return strcmp(tree_text(adviser->report, "mode"), mode) == 0;
}

static const char *describe_resources(const struct adviser *adviser)
{
	static const char *const keys[] = {"drifted", "unknown", "inSync"};
	static const char *const words[] = {"drifted", "unknown", "in sync"};
	const char *text = "";
	size_t i, count;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		count = tree_count_resources(adviser->report, keys[i]);
		if (count > 0)
			text = join(adviser->arena, text, arena_printf(adviser->arena, "%zu %s", count, words[i]));
	}
	if (*text != '\0')
		return text;
	return has_mode(adviser, "paused") ? "paused: nothing was looked at" : "nothing was looked at";
}

static void say_standing(struct adviser *adviser)
{
	const json_t *error = json_object_get(adviser->report, "error");
	enum report_exit code = report_exit_code(adviser->report);

	if (json_is_object(error)) {
		add(adviser, ADVICE_BAD,
		    arena_printf(adviser->arena, "%s failed: %s", tree_text(adviser->report, "command"),
		                 tree_text(error, "message")));
		return;
	}
	if (strcmp(tree_account_state(adviser->report), "drifted") == 0) {
		add(adviser, ADVICE_BAD, "refused: the credentials are of another account, so nothing was looked at");
		return;
	}
	add(adviser,
	    code == REPORT_EXIT_FINE    ? ADVICE_GOOD
	    : code == REPORT_EXIT_DRIFT ? ADVICE_OPEN
	                                : ADVICE_BAD,
	    describe_resources(adviser));
}

/* " in 3m 20s"; "" where the times say nothing. */
static const char *describe_duration(const struct adviser *adviser)
{
	time_t started, finished;
	char text[32];

	if (clock_parse_rfc3339(tree_text(adviser->report, "startedAt"), &started) != 0 ||
	    clock_parse_rfc3339(tree_text(adviser->report, "finishedAt"), &finished) != 0 || finished <= started)
		return "";
	clock_format_duration((int64_t)(finished - started), text, sizeof(text));
	return arena_printf(adviser->arena, " in %s", text);
}

/* Why more may be done than a plan of before has: it shows what can be known when it is made. */
static const char *describe_done(const struct adviser *adviser)
{
	const char *duration = describe_duration(adviser);
	const json_t *resource, *action;
	size_t i, j, later = 0;

	json_array_foreach(json_object_get(adviser->report, "resources"), i, resource)
	{
		json_array_foreach(json_object_get(resource, "actions"), j, action)
		{
			later += strcmp(tree_text(action, "state"), "done") == 0 &&
			         json_is_true(json_object_get(action, "later"));
		}
	}
	if (later == 0)
		return duration;
	return arena_printf(adviser->arena, "%s; %zu of them could be planned only once others were done", duration,
	                    later);
}

/* "2 actions planned", with the command, if there are any in that state. */
static void say_actions(struct adviser *adviser, const char *state, enum advice_tone tone, const char *more,
                        const char *verb)
{
	size_t count = tree_count_actions(adviser->report, state);
	struct advice *advice;

	if (count == 0)
		return;
	advice =
	    add(adviser, tone,
	        arena_printf(adviser->arena, "%s %s%s", tree_count_text(adviser->arena, count, "action"), state, more));
	if (verb != NULL)
		advice->command = command_on_spec(adviser, verb);
}

struct blocks {
	const char *words; /* of spec.allow that are missing, with commas */
	size_t persons;    /* actions that wait for something else that a person can do */
};

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);
	const char *at;

	for (at = words; (at = strstr(at, word)) != NULL; at += length)
		if ((at == words || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
			return true;
	return false;
}

/* Whether it is blocked only because it follows one that is. */
static bool is_follower(const json_t *action)
{
	return strncmp(tree_text(action, "waitsFor"), PLAN_FOLLOWS, strlen(PLAN_FOLLOWS)) == 0;
}

static void look_at_blocks(const struct adviser *adviser, const json_t *actions, struct blocks *blocks)
{
	const json_t *action;
	size_t i;

	json_array_foreach(actions, i, action)
	{
		const char *word = tree_text(action, "allow");

		if (strcmp(tree_text(action, "state"), "blocked") != 0)
			continue;
		/* The action may take a word that the spec has, and wait for something else. */
		if (*word != '\0' && strstr(tree_text(action, "waitsFor"), word) != NULL) {
			if (!has_word(blocks->words, word))
				blocks->words = join(adviser->arena, blocks->words, word);
		} else if (!is_follower(action)) {
			blocks->persons++;
		}
	}
}

static void say_blocked(struct adviser *adviser)
{
	const json_t *resource, *resources = json_object_get(adviser->report, "resources");
	struct blocks blocks = {.words = ""};
	const char *more = "";
	size_t i;

	json_array_foreach(resources, i, resource)
	{
		look_at_blocks(adviser, json_object_get(resource, "actions"), &blocks);
	}
	if (*blocks.words != '\0')
		more = arena_printf(adviser->arena, ": add %s to spec.allow", blocks.words);
	if (blocks.persons > 0)
		more = arena_printf(adviser->arena, "%s%s %zu %s a person", more, *more == '\0' ? ":" : ";",
		                    blocks.persons, blocks.persons == 1 ? "needs" : "need");
	say_actions(adviser, "blocked", ADVICE_OPEN, more, NULL);
}

static size_t count_actions(const json_t *report, const char *state, const char *risk)
{
	const json_t *resource, *action;
	size_t i, j, count = 0;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		json_array_foreach(json_object_get(resource, "actions"), j, action)
		{
			count += strcmp(tree_text(action, "state"), state) == 0 &&
			         (risk == NULL || strcmp(tree_text(action, "risk"), risk) == 0);
		}
	}
	return count;
}

/* ", 2 disruptive, 1 destructive": of what is planned, if there is any of it. */
static const char *describe_risks(const struct adviser *adviser)
{
	static const char *const risks[] = {"disruptive", "destructive"};
	const char *text = "";
	size_t i, count;

	for (i = 0; i < sizeof(risks) / sizeof(risks[0]); i++) {
		count = count_actions(adviser->report, "planned", risks[i]);
		if (count > 0)
			text = arena_printf(adviser->arena, "%s, %zu %s", text, count, risks[i]);
	}
	return text;
}

/* The contract's summary does not count these: they keep no exit code from being 0. */
static void say_skipped(struct adviser *adviser)
{
	size_t count = count_actions(adviser->report, "skipped", NULL);

	if (count > 0)
		add(adviser, ADVICE_OPEN,
		    arena_printf(adviser->arena, "%s skipped%s", tree_count_text(adviser->arena, count, "action"),
		                 has_mode(adviser, "observe") ? ": spec.mode is observe" : ""));
}

/* What takes an unknown resource further: without credentials or a permission, to look again is of no use. */
enum remedy { REMEDY_DOCTOR, REMEDY_CAPTURE, REMEDY_LOOK_AGAIN, REMEDY_COUNT };

static enum remedy find_remedy(const struct adviser *adviser, const json_t *resource)
{
	const char *reason = tree_text(resource, "reason");

	if (strcmp(tree_account_state(adviser->report), "unknown") == 0 || strstr(reason, OBSERVED_LACKS) != NULL)
		return REMEDY_DOCTOR;
	return strstr(reason, SPEC_NO_BASELINE) != NULL ? REMEDY_CAPTURE : REMEDY_LOOK_AGAIN;
}

static void say_unknown(struct adviser *adviser)
{
	static const struct {
		const char *more, *verb;
	} remedies[REMEDY_COUNT] = {
	    [REMEDY_DOCTOR] = {"could not be observed; what is wrong, and what to do", "doctor"},
	    [REMEDY_CAPTURE] = {"cannot be judged without a baseline; to take one", "capture"},
	    [REMEDY_LOOK_AGAIN] = {"could not be observed; look again", "plan"},
	};
	size_t i, counts[REMEDY_COUNT] = {0};
	const json_t *resource;

	json_array_foreach(json_object_get(adviser->report, "resources"), i, resource)
	{
		if (strcmp(tree_text(resource, "state"), "unknown") == 0)
			counts[find_remedy(adviser, resource)]++;
	}
	for (i = 0; i < REMEDY_COUNT; i++) {
		if (counts[i] > 0)
			add(adviser, ADVICE_BAD,
			    arena_printf(adviser->arena, "%s %s",
			                 tree_count_text(adviser->arena, counts[i], "resource"), remedies[i].more))
			    ->command = command_on_spec(adviser, remedies[i].verb);
	}
}

/* Whoever stopped the run knows why: nothing is wrong, and the next run goes on from what is there. */
static void say_stopped(struct adviser *adviser)
{
	add(adviser, ADVICE_OPEN, "the run was stopped; to go on")->command =
	    command_on_spec(adviser, tree_text(adviser->report, "command"));
}

struct advice_list advice_give(struct arena *arena, const json_t *report)
{
	struct adviser adviser = {.arena = arena, .report = report};
	bool stopped = json_is_true(json_object_get(report, "stopped")) && report_exit_code(report) != REPORT_EXIT_FINE;

	say_standing(&adviser);
	say_actions(&adviser, "done", ADVICE_GOOD, describe_done(&adviser), NULL);
	if (stopped) {
		say_actions(&adviser, "failed", ADVICE_BAD, "", NULL);
		say_stopped(&adviser);
		say_blocked(&adviser);
		return adviser.list;
	}
	say_actions(&adviser, "failed", ADVICE_BAD, "; once the cause is gone", "apply");
	say_unknown(&adviser);
	say_blocked(&adviser);
	say_actions(&adviser, "waiting", ADVICE_OPEN, " for a long operation; to go on", "apply");
	say_actions(&adviser, "planned", ADVICE_OPEN, describe_risks(&adviser), "apply");
	say_skipped(&adviser);
	return adviser.list;
}

bool advice_is_calm(const json_t *report)
{
	const json_t *resource, *resources = json_object_get(report, "resources");
	size_t i;

	json_array_foreach(resources, i, resource)
	{
		if (!tree_is_quiet(resource))
			return false;
	}
	return json_array_size(resources) > 0 && report_exit_code(report) == REPORT_EXIT_FINE;
}
