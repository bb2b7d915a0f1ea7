#include "daemon/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTCOMES 5
#define SERVICES_MAX 32

/* Upper bounds in seconds; the last, +Inf, is not in it. */
static const double bounds[] = {0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

static const char *const outcomes[OUTCOMES] = {"done", "waiting", "blocked", "failed", "skipped"};

struct counters {
	char *deployment;
	int64_t runs[STATE_WORDS];
	int64_t actions[OUTCOMES];
};

struct calls {
	char service[32];
	int64_t calls, retries, throttles;
};

struct metrics {
	struct state *state;
	struct counters *items;
	size_t count;
	struct calls services[SERVICES_MAX];
	size_t service_count;
	int64_t buckets[BOUNDS + 1];
	double seconds;
};

static struct counters *counters_of(struct metrics *metrics, const char *deployment)
{
	size_t i;

	for (i = 0; i < metrics->count; i++)
		if (strcmp(metrics->items[i].deployment, deployment) == 0)
			return &metrics->items[i];
	metrics->items = reallocarray(metrics->items, metrics->count + 1, sizeof(*metrics->items));
	if (metrics->items == NULL)
		abort();
	metrics->items[metrics->count] = (struct counters){.deployment = strdup(deployment)};
	return &metrics->items[metrics->count++];
}

/* A deployment that is gone takes its counters along, else they would pile up over the years. */
static void forget(struct metrics *metrics, const char *deployment)
{
	struct counters *gone = counters_of(metrics, deployment);

	free(gone->deployment);
	*gone = metrics->items[--metrics->count];
}

static void count_actions(struct counters *counters, const json_t *report)
{
	const json_t *resource, *action;
	size_t i, j, k;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		json_array_foreach(json_object_get(resource, "actions"), j, action)
		{
			const char *state = json_string_value(json_object_get(action, "state"));

			for (k = 0; state != NULL && k < OUTCOMES; k++)
				counters->actions[k] += strcmp(state, outcomes[k]) == 0;
		}
	}
}

static struct calls *calls_of(struct metrics *metrics, const char *service)
{
	size_t i;

	for (i = 0; i < metrics->service_count; i++)
		if (strcmp(metrics->services[i].service, service) == 0)
			return &metrics->services[i];
	if (metrics->service_count == SERVICES_MAX)
		return NULL;
	(void)snprintf(metrics->services[i].service, sizeof(metrics->services[i].service), "%s", service);
	return &metrics->services[metrics->service_count++];
}

static void count_calls(struct metrics *metrics, const json_t *report)
{
	const char *service;
	const json_t *counts;
	struct calls *calls;

	json_object_foreach(json_object_get(report, "api"), service, counts)
	{
		calls = calls_of(metrics, service);
		if (calls == NULL)
			return;
		calls->calls += json_integer_value(json_object_get(counts, "calls"));
		calls->retries += json_integer_value(json_object_get(counts, "retries"));
		calls->throttles += json_integer_value(json_object_get(counts, "throttles"));
	}
}

static void count_run(struct metrics *metrics, const char *deployment, const struct state_run *run)
{
	struct counters *counters = counters_of(metrics, deployment);
	double seconds = (double)run->duration_ms / 1000;
	size_t i;

	counters->runs[run->after]++;
	count_actions(counters, run->report);
	count_calls(metrics, run->report);
	for (i = 0; i < BOUNDS && seconds > bounds[i]; i++)
		;
	metrics->buckets[i]++;
	metrics->seconds += seconds;
}

static void on_state(void *context, const struct state_event *event)
{
	if (event->change == STATE_CHANGED_ENDED)
		count_run(context, event->deployment->name, event->run);
	else if (event->change == STATE_CHANGED_GONE)
		forget(context, event->deployment->name);
}

struct metrics *metrics_new(struct state *state)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics == NULL)
		abort();
	metrics->state = state;
	state_observe(state, (struct state_observer){on_state, metrics});
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	size_t i;

	if (metrics == NULL)
		return;
	state_unobserve(metrics->state, metrics);
	for (i = 0; i < metrics->count; i++)
		free(metrics->items[i].deployment);
	free(metrics->items);
	free(metrics);
}

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Of one deployment: `value` gives false where there is none. */
static void print_gauge(const struct metrics *metrics, struct buf *out, const char *name,
                        bool (*value)(const struct state_deployment *deployment, int64_t *value))
{
	size_t i;
	int64_t found;

	for (i = 0; i < state_count(metrics->state); i++) {
		const struct state_deployment *deployment = state_at(metrics->state, i);

		if (value(deployment, &found))
			buf_printf(out, "%s{deployment=\"%s\"} %" PRId64 "\n", name, deployment->name, found);
	}
}

static bool in_sync(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->word == STATE_IN_SYNC;
	return deployment->word != STATE_NEVER && deployment->word != STATE_PAUSED;
}

static bool paused(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->word == STATE_PAUSED;
	return true;
}

static bool last_success(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->last_success_at;
	return deployment->last_success_at != 0;
}

static bool last_run(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->last_run_at;
	return deployment->last_run_at != 0;
}

static bool next_run(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->next_run_at;
	return deployment->next_run_at != 0;
}

static bool failures(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->failures;
	return true;
}

static bool running(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->running != NULL;
	return true;
}

static bool rows_expected(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->rows.expected;
	return *value >= 0 && deployment->word != STATE_PAUSED;
}

static bool rows_present(const struct state_deployment *deployment, int64_t *value)
{
	*value = deployment->rows.present;
	return *value >= 0 && deployment->word != STATE_PAUSED;
}

static void print_gauges(const struct metrics *metrics, struct buf *out)
{
	static const struct {
		const char *name, *help;
		bool (*value)(const struct state_deployment *deployment, int64_t *value);
	} rows[] = {
	    {"trueup_deployment_in_sync", "Whether the deployment is as its spec says (1), by the last run.", in_sync},
	    {"trueup_deployment_paused", "Whether its spec says that nothing is to be looked at.", paused},
	    {"trueup_deployment_running", "Whether a run is under way.", running},
	    {"trueup_deployment_consecutive_failures", "Runs in a row that failed.", failures},
	    {"trueup_last_run_timestamp_seconds", "When the last run started.", last_run},
	    {"trueup_last_success_timestamp_seconds", "When a run last found or left the deployment in sync.",
	     last_success},
	    {"trueup_next_run_timestamp_seconds", "When the next run is due.", next_run},
	    {"trueup_vector_rows_expected", "Rows that the bots should have.", rows_expected},
	    {"trueup_vector_rows_present", "Rows that the bots have.", rows_present},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		family(out, rows[i].name, "gauge", rows[i].help);
		print_gauge(metrics, out, rows[i].name, rows[i].value);
	}
}

/* Each kind once, with how many of its resources are in a state. */
static void print_conditions(const struct state_deployment *deployment, struct buf *out, const char *name,
                             const char *state)
{
	size_t i, j;
	int64_t count;

	for (i = 0; i < deployment->condition_count; i++) {
		const char *kind = deployment->conditions[i].kind;

		for (j = 0; j < i && strcmp(deployment->conditions[j].kind, kind) != 0; j++)
			;
		if (j < i)
			continue;
		for (count = 0; j < deployment->condition_count; j++)
			count += strcmp(deployment->conditions[j].kind, kind) == 0 &&
			         strcmp(deployment->conditions[j].state, state) == 0;
		buf_printf(out, "%s{deployment=\"%s\",kind=\"%s\"} %" PRId64 "\n", name, deployment->name, kind, count);
	}
}

static void print_drift(const struct metrics *metrics, time_t now, struct buf *out)
{
	size_t i;

	family(out, "trueup_drift", "gauge", "Resources that differ from the spec.");
	for (i = 0; i < state_count(metrics->state); i++)
		print_conditions(state_at(metrics->state, i), out, "trueup_drift", "drifted");
	family(out, "trueup_unknown", "gauge", "Resources that could not be seen.");
	for (i = 0; i < state_count(metrics->state); i++)
		print_conditions(state_at(metrics->state, i), out, "trueup_unknown", "unknown");
	family(out, "trueup_drift_age_seconds", "gauge", "For how long the deployment has not been in sync; 0: it is.");
	for (i = 0; i < state_count(metrics->state); i++) {
		const struct state_deployment *deployment = state_at(metrics->state, i);
		bool drifts = deployment->word != STATE_IN_SYNC && deployment->word != STATE_NEVER &&
		              deployment->word != STATE_PAUSED;

		buf_printf(out, "trueup_drift_age_seconds{deployment=\"%s\"} %" PRId64 "\n", deployment->name,
		           drifts && deployment->since != 0 ? (int64_t)(now - deployment->since) : 0);
	}
}

static void print_counters(const struct metrics *metrics, struct buf *out)
{
	size_t i, j;

	family(out, "trueup_runs_total", "counter", "Runs that have ended, by what they found or left.");
	for (i = 0; i < metrics->count; i++)
		for (j = STATE_IN_SYNC; j < STATE_WORDS; j++)
			buf_printf(out, "trueup_runs_total{deployment=\"%s\",outcome=\"%s\"} %" PRId64 "\n",
			           metrics->items[i].deployment, state_words[j], metrics->items[i].runs[j]);
	family(out, "trueup_actions_total", "counter", "Actions of runs, by what became of them.");
	for (i = 0; i < metrics->count; i++)
		for (j = 0; j < OUTCOMES; j++)
			buf_printf(out, "trueup_actions_total{deployment=\"%s\",outcome=\"%s\"} %" PRId64 "\n",
			           metrics->items[i].deployment, outcomes[j], metrics->items[i].actions[j]);
}

static void print_calls(const struct metrics *metrics, struct buf *out)
{
	size_t i;

	family(out, "trueup_aws_calls_total", "counter",
	       "Calls to AWS that were sent, each once, however often it was retried.");
	for (i = 0; i < metrics->service_count; i++)
		buf_printf(out, "trueup_aws_calls_total{service=\"%s\"} %" PRId64 "\n", metrics->services[i].service,
		           metrics->services[i].calls);
	family(out, "trueup_aws_retries_total", "counter", "Requests to AWS that were sent again.");
	for (i = 0; i < metrics->service_count; i++)
		buf_printf(out, "trueup_aws_retries_total{service=\"%s\"} %" PRId64 "\n", metrics->services[i].service,
		           metrics->services[i].retries);
	family(out, "trueup_aws_throttles_total", "counter", "Requests that AWS refused as too many.");
	for (i = 0; i < metrics->service_count; i++)
		buf_printf(out, "trueup_aws_throttles_total{service=\"%s\"} %" PRId64 "\n",
		           metrics->services[i].service, metrics->services[i].throttles);
}

static void print_durations(const struct metrics *metrics, struct buf *out)
{
	int64_t sum = 0;
	size_t i;

	family(out, "trueup_run_duration_seconds", "histogram", "How long runs took.");
	for (i = 0; i < BOUNDS; i++) {
		sum += metrics->buckets[i];
		buf_printf(out, "trueup_run_duration_seconds_bucket{le=\"%g\"} %" PRId64 "\n", bounds[i], sum);
	}
	sum += metrics->buckets[BOUNDS];
	buf_printf(out, "trueup_run_duration_seconds_bucket{le=\"+Inf\"} %" PRId64 "\n", sum);
	buf_printf(out, "trueup_run_duration_seconds_sum %.3f\ntrueup_run_duration_seconds_count %" PRId64 "\n",
	           metrics->seconds, sum);
}

static void print_source(const struct metrics *metrics, struct buf *out)
{
	const struct state_source *source = state_source(metrics->state);

	family(out, "trueup_source_ok", "gauge", "Whether the last look at the specs found nothing wrong.");
	buf_printf(out, "trueup_source_ok %d\n", source->ok);
	family(out, "trueup_source_checked_timestamp_seconds", "gauge", "When the specs were last looked at.");
	buf_printf(out, "trueup_source_checked_timestamp_seconds %" PRId64 "\n", (int64_t)source->checked_at);
	family(out, "trueup_source_revision_timestamp_seconds", "gauge", "When the specs in force came into force.");
	buf_printf(out, "trueup_source_revision_timestamp_seconds %" PRId64 "\n", (int64_t)source->revision_at);
	family(out, "trueup_source_refused", "gauge",
	       "Whether there is a newer revision that may not come into force.");
	buf_printf(out, "trueup_source_refused %d\n", source->refused_revision != NULL);
}

static void print_tallies(const struct notify *notify, bool forge, const char *name, const char *label, struct buf *out)
{
	size_t i;

	for (i = 0; i < notify_count(notify); i++) {
		const struct notify_tally tally = notify_tally_at(notify, i);

		if (tally.forge != forge)
			continue;
		buf_printf(out, "%s{%s=\"%s\",outcome=\"delivered\"} %" PRId64 "\n", name, label, tally.name,
		           tally.delivered);
		buf_printf(out, "%s{%s=\"%s\",outcome=\"retried\"} %" PRId64 "\n", name, label, tally.name,
		           tally.retried);
		buf_printf(out, "%s{%s=\"%s\",outcome=\"failed\"} %" PRId64 "\n", name, label, tally.name,
		           tally.failed);
	}
}

static void print_notify(const struct notify *notify, struct buf *out)
{
	family(out, "trueup_notifications_total", "counter",
	       "Attempts to notify a target, by what became of them; failed: it was given up.");
	print_tallies(notify, false, "trueup_notifications_total", "target", out);
	family(out, "trueup_commit_statuses_total", "counter",
	       "Attempts to write a commit status, by what became of them; failed: it was given up.");
	print_tallies(notify, true, "trueup_commit_statuses_total", "forge", out);
}

static int64_t count_open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int64_t count = -3; /* itself, . and .. */

	if (directory == NULL)
		return 0;
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static int64_t read_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char text[128] = "";
	char *second;

	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	(void)fclose(file);
	second = strchr(text, ' ');
	return second != NULL ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static void print_process(const struct metrics *metrics, struct buf *out)
{
	family(out, "trueup_build_info", "gauge", "Always 1; the version is a label.");
	buf_printf(out, "trueup_build_info{version=\"%s\"} 1\n", TRUEUP_VERSION);
	family(out, "trueup_ready", "gauge", "Whether specs are in force.");
	buf_printf(out, "trueup_ready %d\n", state_agent(metrics->state)->ready);
	family(out, "process_start_time_seconds", "gauge", "When the agent started.");
	buf_printf(out, "process_start_time_seconds %" PRId64 "\n", (int64_t)state_agent(metrics->state)->started_at);
	family(out, "process_resident_memory_bytes", "gauge", "Resident memory of the agent, without its runs.");
	buf_printf(out, "process_resident_memory_bytes %" PRId64 "\n", read_resident_bytes());
	family(out, "process_open_fds", "gauge", "Open files of the agent.");
	buf_printf(out, "process_open_fds %" PRId64 "\n", count_open_files());
}

void metrics_print(const struct metrics *metrics, const struct notify *notify, time_t now, struct buf *out)
{
	print_process(metrics, out);
	print_source(metrics, out);
	print_gauges(metrics, out);
	print_drift(metrics, now, out);
	print_counters(metrics, out);
	print_durations(metrics, out);
	print_calls(metrics, out);
	print_notify(notify, out);
}
