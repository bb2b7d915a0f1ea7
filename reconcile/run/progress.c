#include "run/progress.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS 200
#define LINE_MAX_COLUMNS 79

struct progress {
	bool terminal;
	volatile bool stop;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards current and since */
	char current[160];
	int64_t since;
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

static void *draw_on(void *argument)
{
	struct progress *progress = argument;

	while (!progress->stop) {
		draw(progress);
		clock_sleep_ms(REFRESH_MS, &progress->stop);
	}
	fprintf(stderr, "\r\033[K");
	return NULL;
}

struct progress *progress_new(bool terminal)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (progress == NULL)
		abort();
	pthread_mutex_init(&progress->mutex, NULL);
	progress->terminal = terminal && pthread_create(&progress->thread, NULL, draw_on, progress) == 0;
	return progress;
}

void progress_free(struct progress *progress)
{
	if (progress == NULL)
		return;
	progress->stop = true;
	if (progress->terminal)
		pthread_join(progress->thread, NULL);
	pthread_mutex_destroy(&progress->mutex);
	free(progress);
}

struct pg_copy_progress *progress_copy(struct progress *progress)
{
	return &progress->copy;
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
	pthread_mutex_unlock(&progress->mutex);
	if (changed && !progress->terminal)
		log_info("%s", text);
}
