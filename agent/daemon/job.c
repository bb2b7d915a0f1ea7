#include "daemon/job.h"
#include "base/arena.h"
#include "base/log.h"
#include "daemon/child.h"
#include "report/report.h"
#include "report/tree.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24

/* Far more than the largest run takes; whatever leaks ends there, and not in the machine's last byte. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_MAX 0 /* its shadow counts */
#else
#define MEMORY_MAX ((size_t)2 * 1024 * 1024 * 1024)
#endif

struct job {
	struct arena *arena;
	const char *name, *trigger, *revision;
	struct job_callbacks callbacks;
	struct child *child;
	time_t started_at;
	char last_words[512]; /* that it logged as wrong, or that came from outside its log */
};

/* A line of its log, one object of JSON: on at its own level. What is none comes from outside the log, say a library.
 */
static void pass_line(void *context, const char *line)
{
	struct job *job = context;
	json_t *entry = json_loads(line, 0, NULL);
	size_t length = strlen(job->name);
	const char *level = tree_text(entry, "level"), *message = tree_text(entry, "message");

	if (strncmp(message, job->name, length) == 0 && strncmp(message + length, ": ", 2) == 0)
		message += length + 2; /* it says so itself */
	if (strcmp(level, "error") == 0 || strcmp(level, "warn") == 0 || (*message == '\0' && *line != '\0'))
		snprintf(job->last_words, sizeof(job->last_words), "%s", *message != '\0' ? message : line);
	if (*message == '\0' && *line != '\0')
		log_warn("%s: %s", job->name, line);
	else if (strcmp(level, "error") == 0)
		log_error("%s: %s", job->name, message);
	else if (strcmp(level, "warn") == 0)
		log_warn("%s: %s", job->name, message);
	else if (strcmp(level, "info") == 0)
		log_info("%s: %s", job->name, message);
	else
		log_debug("%s: %s", job->name, message);
	json_decref(entry);
}

static int64_t read_count(const json_t *event, const char *key)
{
	const json_t *count = json_object_get(event, key);

	return json_is_integer(count) ? json_integer_value(count) : -1;
}

static void pass_event(void *context, const char *line)
{
	const struct job *job = context;
	json_t *event = json_loads(line, 0, NULL);
	struct state_progress progress = {
	    .action = tree_text(event, "action"),
	    .state = tree_text(event, "state"),
	    .text = tree_text(event, "text"),
	    .done = read_count(event, "done"),
	    .total = read_count(event, "total"),
	    .unit = tree_text(event, "unit"),
	};

	if (*progress.action != '\0')
		job->callbacks.progress(job->callbacks.context, &progress);
	json_decref(event);
}

/* The deployment's report, of its spec's file's; NULL, and why in *problem. A new reference. */
static json_t *read_report(const struct job *job, const struct child_result *result, const char **problem)
{
	json_error_t error;
	json_t *report;

	if (result->length == 0) {
		*problem = "came to no report";
		return NULL;
	}
	report = json_loadb(result->output, result->length, JSON_REJECT_DUPLICATES, &error);
	if (report == NULL)
		*problem = arena_printf(job->arena, "gave a report that is not JSON: %s", error.text);
	else if (strcmp(tree_text(report, "schema"), REPORT_SCHEMA) == 0 &&
	         strcmp(tree_text(report, "name"), job->name) == 0)
		return report;
	else
		*problem = "gave something that is not its report";
	json_decref(report);
	return NULL;
}

/* What it ended with, why that was no proper end, and its last words. */
static const char *tell_problem(struct job *job, const struct child_result *result, const char *problem)
{
	bool exited = result->outcome.ending == PROCESS_EXITED;
	const char *words = job->last_words, *separator = *words != '\0' ? ": " : "";
	char ending[128];

	process_clean_line(job->last_words); /* it may have been cut within a character */
	process_describe(&result->outcome, ending, sizeof(ending));
	if (result->too_long)
		return arena_printf(job->arena, "the run was ended: its report is longer than %zu MiB",
		                    JOB_REPORT_MAX / 1024 / 1024);
	if (result->outcome.ending == PROCESS_STOPPED)
		return "the run was ended, since the agent was told to stop";
	if (exited && result->outcome.code == REPORT_EXIT_INVALID)
		return arena_printf(job->arena, "the spec is not valid%s%s", separator, words);
	return arena_printf(job->arena, "the run %s%s%s%s%s", exited ? problem : "", exited ? ", and " : "", ending,
	                    separator, words);
}

static int find_exit(const struct child_result *result, const json_t *report)
{
	if (result->outcome.ending == PROCESS_SIGNALLED)
		return REPORT_EXIT_FAILED;
	if (report != NULL)
		return (int)report_exit_code(report);
	return result->outcome.ending == PROCESS_EXITED && result->outcome.code == REPORT_EXIT_INVALID
	           ? REPORT_EXIT_INVALID
	           : REPORT_EXIT_FAILED;
}

static void end_job(void *context, const struct child_result *result)
{
	struct job *job = context;
	const char *problem = "";
	/* One that was killed may have reported, but who knows what it did then. */
	json_t *report =
	    result->outcome.ending == PROCESS_SIGNALLED || result->too_long ? NULL : read_report(job, result, &problem);
	const char *text = NULL;
	struct state_run run;

	if (report != NULL)
		text = arena_strndup(job->arena, result->output, strcspn(result->output, "\n"));
	run = (struct state_run){
	    .trigger = job->trigger,
	    .revision = job->revision,
	    .started_at = job->started_at,
	    .finished_at = time(NULL),
	    .duration_ms = result->duration_ms,
	    .peak_kib = result->peak_kib,
	    .exit = find_exit(result, report),
	    .report = report,
	    .report_text = text,
	    .problem = report != NULL ? "" : tell_problem(job, result, problem),
	};
	if (run.revision == NULL && report != NULL && *tree_text(json_object_get(report, "spec"), "commit") != '\0')
		run.revision = tree_text(json_object_get(report, "spec"), "commit");
	job->callbacks.ended(job->callbacks.context, &run);
	json_decref(report);
	arena_free(job->arena);
	free(job);
}

static void make_arguments(const struct job_options *options, const char *argv[ARGUMENTS_MAX])
{
	size_t n = 0;
	int i;

	argv[n++] = options->program != NULL ? options->program : CHILD_SELF;
	argv[n++] = options->mode == AGENT_MODE_APPLY ? "apply" : "plan";
	if (options->mode == AGENT_MODE_APPLY) {
		argv[n++] = "--yes";
		argv[n++] = "--wait=unlimited";
	}
	argv[n++] = "--output=json";
	argv[n++] = "--log-format=json";
	for (i = 0; i < options->verbose && i < 2; i++)
		argv[n++] = "-v";
	argv[n++] = "--trigger";
	argv[n++] = options->trigger;
	if (options->revision != NULL) {
		argv[n++] = "--revision";
		argv[n++] = options->revision;
	}
	argv[n++] = "--events=3";
	argv[n++] = "--deployment";
	argv[n++] = options->name;
	argv[n++] = "--";
	argv[n++] = options->spec;
	argv[n] = NULL;
}

int job_start(struct event_base *base, const struct job_options *options, const struct job_callbacks *callbacks,
              struct job **job, struct error *err)
{
	struct job *started = calloc(1, sizeof(*started));
	const char *argv[ARGUMENTS_MAX], *environment[2] = {NULL, NULL};
	struct child_options child = {
	    .argv = argv,
	    .name = "trueup",
	    .environment = environment,
	    .output_max = JOB_REPORT_MAX,
	    .memory_max = MEMORY_MAX,
	    .timeout_ms = options->timeout_s * 1000,
	    .grace_ms = (int64_t)JOB_GRACE_S * 1000,
	};
	const struct child_callbacks told = {
	    .line = pass_line, .event = pass_event, .ended = end_job, .context = started};

	if (started == NULL)
		abort();
	started->arena = arena_new();
	started->name = arena_strdup(started->arena, options->name);
	started->trigger = arena_strdup(started->arena, options->trigger);
	started->revision = arena_strdup(started->arena, options->revision);
	started->callbacks = *callbacks;
	started->started_at = time(NULL);
	environment[0] = arena_printf(started->arena, "TRUEUP_STATE=%s", options->state);
	make_arguments(options, argv);
	if (child_start(base, &child, &told, &started->child, err) != 0) {
		arena_free(started->arena);
		free(started);
		return -1;
	}
	*job = started;
	return 0;
}

void job_stop(struct job *job)
{
	child_stop(job->child);
}

void job_kill(struct job *job)
{
	child_kill(job->child);
}
