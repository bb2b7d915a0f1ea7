/*
 * schedule.h - when a deployment runs next: pure functions of what is known.
 */
#ifndef TRUEUP_AGENT_DAEMON_SCHEDULE_H
#define TRUEUP_AGENT_DAEMON_SCHEDULE_H

#include "daemon/config.h"

#include <stdint.h>
#include <time.h>

/* What is behind it. */
enum schedule_after {
	SCHEDULE_AFTER_START,   /* the agent was started, or the schedule changed: nothing yet */
	SCHEDULE_AFTER_RUN,     /* a run that ended, in sync or with drift that a person must see to */
	SCHEDULE_AFTER_WAITING, /* a run that left a long operation under way */
	SCHEDULE_AFTER_BUSY,    /* another run, of a person say, held the deployment */
	SCHEDULE_AFTER_FAILURE,
};

struct schedule_input {
	const struct agent_schedule *schedule;
	int64_t splay;    /* seconds, at most */
	const char *name; /* of the deployment: decides its part of the splay */
	enum schedule_after after;
	int failures;      /* in a row, with AFTER_FAILURE; from 1 */
	time_t started_at; /* the last run; 0: there was none */
	time_t now;
	uint32_t random; /* for the jitter of retries */
};

#define SCHEDULE_SOON_S 60         /* until a long operation is looked at again, and the first retry */
#define SCHEDULE_RETRY_MOST_S 3600 /* between two retries, unless the schedule's own time is longer */
#define SCHEDULE_RETRIES_OF_CRON 5 /* then a cron expression's own next time: it may name hours on purpose */

/* A deployment's part of the splay: 0 to splay - 1, the same every time, and spread evenly over names. */
int64_t schedule_splay(const char *name, int64_t splay);

/*
 * Never before `now`. With `every`, the first run is at once (but for the splay)
 * and the others are that far apart; with `cron`, at the times that it names. A
 * time that passed while a run was under way is left out. Failures are tried
 * again after 1, 2, 4 … minutes, give or take a fifth.
 */
time_t schedule_next_run(const struct schedule_input *input);

/* The schedule's own next time behind `after`, splay included: what --next prints. */
time_t schedule_regular(const struct agent_schedule *schedule, int64_t splay, time_t after);

#endif
