/*
 * tasks.h - which deployments are due, run, and run again: the daemon's queue.
 *
 * Side by side up to the configuration's `concurrency`, never two runs of one,
 * the longest due first. Sleeps on one timer until the next is due. If the wall
 * clock is set back, nothing waits longer than it would have by the right one.
 */
#ifndef TRUEUP_AGENT_DAEMON_TASKS_H
#define TRUEUP_AGENT_DAEMON_TASKS_H

#include "base/error.h"
#include "daemon/config.h"
#include "daemon/source.h"
#include "daemon/state.h"

#include <time.h>

struct event_base;
struct tasks;

struct tasks_options {
	struct event_base *base;
	struct state *state;
	const char *directory; /* the state directory */
	const char *program;   /* NULL: this one */
	int verbose;
	void (*started)(void *context); /* a run begins: a moment to look whether the source is old */
	void (*idle)(void *context);    /* the last child has ended */
	void *context;
	time_t (*now)(void); /* NULL: the wall clock */
};

/* NULL, with err, if the system has no timer for it. */
struct tasks *tasks_new(const struct tasks_options *options, const struct agent_config *config, struct error *err);

/* Kills what still runs, without a word about it. NULL is fine. */
void tasks_free(struct tasks *tasks);

/* Another configuration: schedules are counted anew where they have changed. */
void tasks_reload(struct tasks *tasks, const struct agent_config *config);

/*
 * These deployments and no others. New ones are due as their schedule says, or
 * at once if `trigger` is not NULL; so are those whose spec or revision is another one.
 * One that is gone while it runs is let go behind its run. `source` is asked to
 * hold its revision as long as a run uses it. Those of a revision that is
 * distrusted have failed: what runs is asked to end, and none is due until
 * another one is taken.
 */
void tasks_take(struct tasks *tasks, struct source *source, const char *trigger);

/* As daemon_reconcile(). */
int tasks_request(struct tasks *tasks, const char *name, const char *trigger, struct error *err);

/* Begin no more, and ask those that run to end. `idle` is called once none runs, maybe at once. */
void tasks_stop(struct tasks *tasks);
void tasks_kill(struct tasks *tasks);

size_t tasks_running(const struct tasks *tasks);

#endif
