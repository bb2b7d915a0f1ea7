/* trueup history: what was done to deployments, by whom, from the audit log; --verify: whether that log is sound. */
#include "command.h"
#include "output.h"

#include "base/audit.h"
#include "base/log.h"
#include "run/lock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_DEFAULT 20

struct names {
	const char **items;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All that have a log. */
static void list_names(struct arena *arena, const char *state, struct names *names)
{
	DIR *directory = opendir(arena_printf(arena, "%s/audit", state));
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			*ARENA_PUSH(arena, names->items, names->count) = arena_strdup(arena, entry->d_name);
	if (directory != NULL)
		closedir(directory);
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

static enum report_exit verify(const char *state, const char *name, json_t *verdicts, struct buf *text)
{
	struct audit_check check;
	struct error err = {0};
	bool sound = audit_verify(state, name, &check, &err) == 0;

	json_array_append_new(verdicts, json_pack("{s:s, s:b, s:I, s:I, s:I, s:s*}", "name", name, "sound", sound,
	                                          "lines", (json_int_t)check.lines, "files", (json_int_t)check.files,
	                                          "torn", (json_int_t)check.torn, "error", sound ? NULL : err.message));
	if (!sound) {
		buf_printf(text, "%s: does not verify: %s\n", name, err.message);
		return REPORT_EXIT_FAILED;
	}
	buf_printf(text, "%s: sound, %" PRId64 " lines in %" PRId64 " files%s\n", name, check.lines, check.files,
	           check.torn > 0 ? "; its last line was cut short by a run that was killed, and is mended by the next"
	                          : "");
	return REPORT_EXIT_FINE;
}

/* Lines become runs: each with the actions that ended in it. */
static json_t *group_runs(const json_t *lines)
{
	json_t *runs = json_array(), *line, *run = NULL;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		const json_t *action = json_object_get(line, "action");

		if (action == NULL) {
			run = json_deep_copy(line);
			json_object_set_new(run, "actions", json_array());
			json_array_append_new(runs, run);
		} else if (run != NULL) {
			json_array_append_new(json_object_get(run, "actions"),
			                      json_pack("{s:O, s:O, s:O, s:O}", "time", json_object_get(line, "time"),
			                                "id", json_object_get(action, "id"), "state",
			                                json_object_get(action, "state"), "error",
			                                json_object_get(action, "error")));
		}
	}
	return runs;
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text != NULL ? text : "";
}

static void print_run(const json_t *run, struct buf *text)
{
	const json_t *actions = json_object_get(run, "actions");
	json_t *action;
	size_t i;

	buf_printf(text, "  %s  %s by %s on %s%s%s%s%s\n", text_of(run, "time"), text_of(run, "command"),
	           text_of(run, "user"), text_of(run, "host"), *text_of(run, "trigger") != '\0' ? ", started by " : "",
	           text_of(run, "trigger"), *text_of(run, "revision") != '\0' ? ", revision " : "",
	           text_of(run, "revision"));
	json_array_foreach(actions, i, action)
	    buf_printf(text, "    %-7s  %s%s%s\n", text_of(action, "state"), text_of(action, "id"),
	               *text_of(action, "error") != '\0' ? ": " : "", text_of(action, "error"));
}

/* Newest first. */
static enum report_exit show(const char *state, const char *name, size_t limit, json_t *all, struct buf *text)
{
	json_t *lines, *runs, *shown = json_array();
	struct error err;
	size_t i;

	if (audit_read(state, name, &lines, &err) != 0) {
		log_error("%s: %s", name, err.message);
		json_decref(shown);
		return REPORT_EXIT_FAILED;
	}
	runs = group_runs(lines);
	buf_printf(text, "%s\n", name);
	for (i = json_array_size(runs); i > 0 && json_array_size(shown) < limit; i--) {
		print_run(json_array_get(runs, i - 1), text);
		json_array_append(shown, json_array_get(runs, i - 1));
	}
	json_array_append_new(all, json_pack("{s:s, s:o}", "name", name, "runs", shown));
	json_decref(runs);
	json_decref(lines);
	return REPORT_EXIT_FINE;
}

static enum report_exit history_run(const struct command_context *context)
{
	const struct options *options = context->options;
	const char *state = lock_find_directory(context->arena, NULL);
	struct names names = {options->arguments, options->argument_count};
	size_t limit = options->limit > 0 ? (size_t)options->limit : RUNS_DEFAULT, i;
	enum report_exit worst = REPORT_EXIT_FINE;
	json_t *all = json_array();
	struct buf text = {0};

	if (names.count == 0)
		list_names(context->arena, state, &names);
	for (i = 0; i < names.count; i++) {
		if (names.items[i][0] == '.' || strchr(names.items[i], '/') != NULL) {
			worst = report_worse(worst, command_complain("%s is no name of a deployment", names.items[i]));
			continue;
		}
		worst = report_worse(worst, (options->given & OPTION_BIT(OPTION_VERIFY)) != 0
		                                ? verify(state, names.items[i], all, &text)
		                                : show(state, names.items[i], limit, all, &text));
	}
	if (names.count == 0)
		log_warn("nothing was done yet: %s/audit has no log", state);
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
    .summary = "say what was done, when and by whom; --verify: whether the log is sound",
    .text = "Reads the audit log that every apply writes, of the deployments named or of all:\n"
            "who started each run, of which revision, and what became of its actions, newest\n"
            "first. The log itself, $TRUEUP_STATE/audit/NAME, has each call that changed\n"
            "something in AWS with its request id. It shows the newest files of a long log.\n"
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
