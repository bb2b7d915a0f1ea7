/*
 * trueup history: what runs found and did to deployments, and who started them; --verify: whether the audit log of it
 * is sound.
 */
#include "command.h"
#include "output.h"
#include "run_list.h"

#include "base/audit.h"
#include "base/log.h"
#include "daemon/history.h"
#include "run/lock.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_DEFAULT 20
#define ITEMS_SHOWN 10 /* of what drifted, and of actions: -v shows all */

struct names {
	const char **items;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All that have something in this folder of the state directory, which need not be there, but be readable if it is. */
static enum report_exit add_names(struct arena *arena, const char *folder, struct names *names)
{
	DIR *directory = opendir(folder);
	const struct dirent *entry;

	if (directory == NULL && errno == ENOENT)
		return REPORT_EXIT_FINE;
	if (directory == NULL) {
		log_error("cannot read %s: %s. Run it as the user whose state it is", folder, strerror(errno));
		return REPORT_EXIT_FAILED;
	}
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			*ARENA_PUSH(arena, names->items, names->count) = arena_strdup(arena, entry->d_name);
	closedir(directory);
	return REPORT_EXIT_FINE;
}

/* By name, each once. */
static void sort_names(struct names *names)
{
	size_t i, kept = 0;

	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	for (i = 0; i < names->count; i++)
		if (kept == 0 || strcmp(names->items[kept - 1], names->items[i]) != 0)
			names->items[kept++] = names->items[i];
	names->count = kept;
}

static enum report_exit verify(const char *state, const char *name, json_t *verdicts, struct buf *text)
{
	struct audit_check check;
	struct error err = {0};
	bool sound = audit_verify(state, name, &check, &err) == 0;

	json_array_append_new(verdicts, json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:s*}", "name", name, "sound", sound,
	                                          "lines", (json_int_t)check.lines, "files", (json_int_t)check.files,
	                                          "torn", (json_int_t)check.torn, "recovered",
	                                          (json_int_t)check.recovered, "error", sound ? NULL : err.message));
	if (!sound) {
		buf_printf(text, "%s: does not verify: %s\n", name, err.message);
		return REPORT_EXIT_FAILED;
	}
	buf_printf(text, "%s: sound, %" PRId64 " lines in %" PRId64 " files%s", name, check.lines, check.files,
	           check.torn > 0
	               ? "; its last line was cut short, as by a run that was killed, and the next goes on in "
	                 "another file"
	               : "");
	if (check.recovered > 0)
		buf_printf(text,
		           "; so often it was found cut short, or its head empty, and went on in another file: %" PRId64
		           " (lines `recovered`)",
		           check.recovered);
	buf_puts(text, "\n");
	return REPORT_EXIT_FINE;
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? text : "";
}

static void print_head(const json_t *run, struct buf *text)
{
	const char *trigger = text_of(run, "trigger"), *revision = text_of(run, "revision");
	const char *state = text_of(run, "state"), *user = text_of(run, "user");
	bool named = *trigger != '\0' && strcmp(trigger, HISTORY_TRIGGER) != 0;

	buf_printf(text, "  %s  %s%s%s on %s%s%s%s%s: %s%s%s\n", text_of(run, "time"),
	           *text_of(run, "command") != '\0' ? text_of(run, "command") : "run", *user != '\0' ? " by " : "",
	           user, text_of(run, "host"), named ? ", started by " : "", named ? trigger : "",
	           *revision != '\0' ? ", revision " : "", revision, *state != '\0' ? state : "no report is kept of it",
	           *text_of(run, "problem") != '\0' ? ": " : "", text_of(run, "problem"));
}

static void print_more(size_t shown, json_int_t count, struct buf *text)
{
	if (count > (json_int_t)shown)
		buf_printf(text, "    … and %" JSON_INTEGER_FORMAT " more\n", count - (json_int_t)shown);
}

/* What it found, and what became of it. */
static void print_run(const json_t *run, size_t most, struct buf *text)
{
	const json_t *drift = json_object_get(run, "drift"), *actions = json_object_get(run, "actions"), *item;
	json_int_t count = json_integer_value(json_object_get(run, "actionCount"));
	size_t i;

	print_head(run, text);
	for (i = 0; i < json_array_size(drift) && i < most; i++) {
		item = json_array_get(drift, i);
		buf_printf(text, "    drifted  %s %s: %s %s\n", text_of(item, "kind"), text_of(item, "name"),
		           text_of(item, "change"), text_of(item, "path"));
	}
	print_more(i, json_integer_value(json_object_get(run, "driftCount")), text);
	for (i = 0; i < json_array_size(actions) && i < most; i++) {
		item = json_array_get(actions, i);
		buf_printf(text, "    %-7s  %s%s%s\n", text_of(item, "state"), text_of(item, "id"),
		           *text_of(item, "error") != '\0' ? ": " : "", text_of(item, "error"));
	}
	print_more(i, count > (json_int_t)json_array_size(actions) ? count : (json_int_t)json_array_size(actions),
	           text);
}

/* Newest first. Runs that found and did the same are told of once, and how often. */
static void print_runs(const json_t *runs, size_t limit, size_t most, struct buf *text)
{
	size_t i = 0, count = json_array_size(runs), shown, same;

	for (shown = 0; i < count && shown < limit; shown++) {
		for (same = i;
		     same + 1 < count && run_list_is_same(json_array_get(runs, same), json_array_get(runs, same + 1));)
			same++;
		if (same > i)
			buf_printf(text, "  %s  the same as in the run below, %zu times since\n",
			           text_of(json_array_get(runs, i), "time"), same - i);
		print_run(json_array_get(runs, same), most, text);
		i = same + 1;
	}
}

static enum report_exit show(const struct command_context *context, const char *state, const char *name, json_t *all,
                             struct buf *text)
{
	const struct options *options = context->options;
	size_t limit = options->limit > 0 ? (size_t)options->limit : RUNS_DEFAULT, count;
	json_t *runs;
	struct error err;
	int rc = run_list_load(state, name, &runs, &err);

	if (rc != 0)
		log_error("%s: %s", name, err.message);
	count = json_array_size(runs);
	if (count > 0) {
		buf_printf(text, "%s\n", name);
		print_runs(runs, limit, options->verbose > 0 ? SIZE_MAX : ITEMS_SHOWN, text);
		while (json_array_size(runs) > limit)
			json_array_remove(runs, json_array_size(runs) - 1);
		json_array_append_new(all, json_pack("{s:s, s:O}", "name", name, "runs", runs));
	}
	json_decref(runs);
	return rc == 0 ? REPORT_EXIT_FINE : REPORT_EXIT_FAILED;
}

static enum report_exit history_run(const struct command_context *context)
{
	const struct options *options = context->options;
	const char *state = lock_find_directory(context->arena, NULL);
	bool verifies = (options->given & OPTION_BIT(OPTION_VERIFY)) != 0;
	struct names names = {options->arguments, options->argument_count};
	enum report_exit worst = REPORT_EXIT_FINE;
	json_t *all = json_array();
	struct buf text = {0};
	size_t i;

	if (options->argument_count == 0) {
		worst = add_names(context->arena, arena_printf(context->arena, "%s/audit", state), &names);
		if (!verifies)
			worst =
			    report_worse(worst, add_names(context->arena,
			                                  arena_printf(context->arena, "%s/reports", state), &names));
		sort_names(&names);
	}
	for (i = 0; i < names.count; i++) {
		if (names.items[i][0] == '.' || strchr(names.items[i], '/') != NULL)
			worst = report_worse(worst, command_complain("%s is no name of a deployment", names.items[i]));
		else
			worst = report_worse(worst, verifies ? verify(state, names.items[i], all, &text)
			                                     : show(context, state, names.items[i], all, &text));
	}
	if (names.count == 0 && worst == REPORT_EXIT_FINE)
		log_warn("nothing was done yet: %s has no history", state);
	if (options->output == OUTPUT_JSON)
		output_json(all, true);
	else
		output_buf(&text);
	buf_free(&text);
	json_decref(all);
	return worst;
}

const struct command cmd_history = {
    .name = "history",
    .usage = "[OPTION...] [NAME...]",
    .summary = "say what drifted, and what was repaired, when and by whom",
    .text = "Shows the runs of the deployments named, or of all, newest first: who started\n"
            "each, of which revision, what had drifted, what became of each action, and the\n"
            "state behind it. These are the runs of apply and of the agent; plan by hand\n"
            "leaves nothing. Runs that found and did the same are told of once, and counted;\n"
            "-o json has each of the newest 20, or of as many as -n says. With -v lists are\n"
            "longer.\n"
            "\n"
            "It reads $TRUEUP_STATE/reports/NAME, which has the report of each run, and the\n"
            "audit log, $TRUEUP_STATE/audit/NAME, which has each call that changed something\n"
            "in AWS with its request id. Reports are kept for 90 days and up to 1000, or as\n"
            "the agent's `retention` says; of a long audit log it shows the newest files.\n"
            "\n"
            "With --verify the whole log is checked: each line bears the hash of the one\n"
            "before it, and a head file that of the last. A line that was changed, moved or\n"
            "taken out is found; not that its end and the head were changed together.\n"
            "\n"
            "Exits 1 if a log does not verify, with its file and line, or cannot be read.\n",
    .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_VERIFY) | OPTION_BIT(OPTION_LIMIT),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON),
    .run = history_run,
};
