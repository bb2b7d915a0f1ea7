#include "run/progress.h"
#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_MS 200
#define EVENTS_MS 1000 /* between two counts of rows */
#define LINE_MAX_COLUMNS 79
#define TEXT_MAX 1024 /* of an event: a line must fit into PIPE_BUF, so that it is written whole or not at all */

struct progress {
	bool terminal;
	int events; /* 0: none */
	volatile bool stop;
	bool threaded;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	char current[160];
	int64_t since;
	char action[TEXT_MAX]; /* the one that the rows belong to */
	int64_t rows_told;     /* by the last event */
	struct pg_copy_progress copy;
};

/* "12,000 of 300,000 rows" while rows stream, else nothing. */
static void describe_copy(struct pg_copy_progress *copy, char *out, size_t size)
{
	int64_t total = atomic_load(&copy->rows_total);

	out[0] = '\0';
	if (atomic_load(&copy->phase) == PG_COPY_STREAMING && total > 0)
		snprintf(out, size, ", %" PRId64 " of %" PRId64 " rows (%" PRId64 " %%)", atomic_load(&copy->rows_done),
		         total, atomic_load(&copy->rows_done) * 100 / total);
	else if (atomic_load(&copy->phase) == PG_COPY_VERIFYING)
		snprintf(out, size, ", reading back");
}

static void draw(struct progress *progress)
{
	char line[320], copied[80], elapsed[32];

	pthread_mutex_lock(&progress->mutex);
	describe_copy(&progress->copy, copied, sizeof(copied));
	clock_format_duration((clock_monotonic_ms() - progress->since) / 1000, elapsed, sizeof(elapsed));
	snprintf(line, sizeof(line), "%s%s, %s", progress->current, copied, elapsed);
	if (progress->current[0] != '\0')
		fprintf(stderr, "\r\033[K%.*s", LINE_MAX_COLUMNS, line);
	pthread_mutex_unlock(&progress->mutex);
}

/* Never waits: a pipe that is full, or that nobody reads any more, costs the line. The mutex is held. */
static void send_event(const struct progress *progress, const char *action, const char *state, const char *text)
{
	json_t *event = json_pack("{s:s%, s:s, s:s%}", "action", action, strnlen(action, TEXT_MAX), "state", state,
	                          "text", text, strnlen(text, TEXT_MAX));
	char line[PIPE_BUF];
	size_t length;

	if (event == NULL && *text != '\0')
		return send_event(progress, action, state, ""); /* it was cut within a character */
	if (event == NULL)
		return;
	if (progress->rows_told >= 0) {
		json_object_set_new(event, "done", json_integer(progress->rows_told));
		json_object_set_new(event, "total", json_integer(atomic_load(&progress->copy.rows_total)));
		json_object_set_new(event, "unit", json_string("rows"));
	}
	length = json_dumpb(event, line, sizeof(line) - 1, JSON_COMPACT);
	json_decref(event);
	if (length == 0 || length >= sizeof(line))
		return;
	line[length++] = '\n';
	(void)!write(progress->events, line, length);
}

/* How far the copy is, if that has changed. */
static void tell_rows(struct progress *progress)
{
	bool streams = atomic_load(&progress->copy.phase) == PG_COPY_STREAMING;
	int64_t rows = streams ? atomic_load(&progress->copy.rows_done) : -1;

	pthread_mutex_lock(&progress->mutex);
	if (rows != progress->rows_told && progress->action[0] != '\0') {
		progress->rows_told = rows;
		send_event(progress, progress->action, action_state_words[ACTION_PLANNED], "");
	}
	pthread_mutex_unlock(&progress->mutex);
}

static void *watch(void *argument)
{
	struct progress *progress = argument;

	while (!progress->stop) {
		if (progress->terminal)
			draw(progress);
		if (progress->events != 0)
			tell_rows(progress);
		clock_sleep_ms(progress->terminal ? REFRESH_MS : EVENTS_MS, &progress->stop);
	}
	if (progress->terminal)
		fprintf(stderr, "\r\033[K");
	return NULL;
}

struct progress *progress_new(bool terminal, int events)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (progress == NULL)
		abort();
	pthread_mutex_init(&progress->mutex, NULL);
	progress->terminal = terminal;
	progress->events = events;
	progress->rows_told = -1;
	if (events != 0)
		(void)fcntl(events, F_SETFL, fcntl(events, F_GETFL) | O_NONBLOCK);
	progress->threaded = (terminal || events != 0) && pthread_create(&progress->thread, NULL, watch, progress) == 0;
	progress->terminal = terminal && progress->threaded;
	return progress;
}

void progress_free(struct progress *progress)
{
	if (progress == NULL)
		return;
	progress->stop = true;
	if (progress->threaded)
		pthread_join(progress->thread, NULL);
	pthread_mutex_destroy(&progress->mutex);
	free(progress);
}

struct pg_copy_progress *progress_copy(struct progress *progress)
{
	return &progress->copy;
}

/* What is waited for, or why it failed. */
static const char *describe_action(const struct plan_action *action)
{
	if (action->error != NULL)
		return action->error;
	return action->waits_for != NULL ? action->waits_for : "";
}

/* The mutex is held. */
static void take_event(struct progress *progress, const struct plan_action *action)
{
	snprintf(progress->action, sizeof(progress->action), "%s", action->id);
	progress->rows_told = -1;
	send_event(progress, action->id, action_state_words[action->state], describe_action(action));
	if (action->state != ACTION_PLANNED && action->state != ACTION_WAITING)
		progress->action[0] = '\0';
}

void progress_show(struct progress *progress, const struct plan_action *action)
{
	char text[sizeof(progress->current)];
	bool changed;

	snprintf(text, sizeof(text), "%s%s%s%s%s", action->id,
	         action->state == ACTION_PLANNED ? ""
	         : action->waits_for != NULL     ? ": "
	                                         : " ",
	         action->state == ACTION_PLANNED ? ""
	         : action->waits_for != NULL     ? action->waits_for
	                                         : action_state_words[action->state],
	         action->error != NULL ? ": " : "", action->error != NULL ? action->error : "");
	pthread_mutex_lock(&progress->mutex);
	changed = strcmp(text, progress->current) != 0;
	if (changed) {
		memcpy(progress->current, text, sizeof(text));
		progress->since = clock_monotonic_ms();
	}
	if (changed && progress->events != 0)
		take_event(progress, action);
	pthread_mutex_unlock(&progress->mutex);
	if (changed && !progress->terminal)
		log_info("%s", text);
}
