/*
 * state.h - what the agent knows of its deployments: the one thing that page,
 * API, metrics, notifications, statuses and history read.
 *
 * The daemon (daemon.h) alone changes it, by the functions in the second half;
 * everybody else reads, and is told by an observer when something has changed.
 * All of it is in one thread. What is handed out is valid until control returns
 * to the loop; a struct state_deployment moves when deployments come and go.
 */
#ifndef TRUEUP_AGENT_DAEMON_STATE_H
#define TRUEUP_AGENT_DAEMON_STATE_H

#include "base/arena.h"
#include "daemon/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct state;

enum state_word {
	STATE_NEVER,   /* it did not run yet */
	STATE_IN_SYNC, /* all is as its spec says */
	STATE_DRIFTED, /* something differs: in observe, or an action is blocked */
	STATE_WAITING, /* a long operation is under way, and nothing is in its way */
	STATE_PAUSED,  /* its spec says so: nothing is looked at, and nothing known */
	STATE_UNKNOWN, /* something could not be seen */
	STATE_FAILED,  /* an action failed, the run came to no report, or the spec is not valid */
	STATE_WORDS
};

/* "never", "in-sync", "drifted", "waiting", "paused", "unknown", "failed". */
extern const char *const state_words[STATE_WORDS];

/* One resource of the last report. */
struct state_condition {
	const char *kind;
	const char *name;
	const char *state;  /* of the report: in-sync, drifted, unknown, skipped */
	const char *reason; /* "" if none */
	time_t since;       /* it is in that state */
};

/* An action of the run that is under way. */
struct state_progress {
	const char *action; /* its id */
	const char *state;  /* planned (it was begun), done, waiting, blocked, failed */
	const char *text;   /* what is waited for, or why it failed; "" if neither */
	int64_t done;       /* -1: there is nothing to count */
	int64_t total;      /* -1: likewise */
	const char *unit;   /* "rows"; "" if there is nothing to count */
};

struct state_running {
	time_t started_at;
	const char *trigger; /* start, schedule, webhook, person, signal, source */
	const struct state_progress *progress;
	size_t progress_count;
};

/* Actions of the last report by their state. */
struct state_actions {
	int64_t planned, done, waiting, blocked, failed;
};

/* -1: not known. Both are: it has no vectors, or no run has counted them. */
struct state_rows {
	int64_t expected;
	int64_t present;
};

/* Strings are never NULL unless it is said. Times that are not known are 0. */
struct state_deployment {
	const char *name;
	const char *spec; /* the file */
	enum agent_mode mode;
	enum state_word word;
	const char *reason;                  /* one line: why it is not in sync; "" if it is */
	time_t since;                        /* it is in that state; kept across restarts */
	const char *revision;                /* NULL: not known. What the last run was of */
	const struct state_running *running; /* NULL: nothing runs */
	time_t next_run_at;                  /* 0: none is planned (it is stopping, or its run is under way) */
	time_t last_run_at;                  /* when it started */
	int64_t last_duration_ms;
	const char *last_trigger; /* NULL: it did not run yet */
	int last_exit;            /* of the contract; 1 if there was no report */
	time_t last_success_at;   /* when a run ended that found or left it in sync */
	int failures;             /* in a row */
	const struct state_condition *conditions;
	size_t condition_count;
	struct state_actions actions;
	struct state_rows rows;
	const char *report; /* the last, verbatim: one line of JSON; NULL: none, or the last run came to none */
};

/* What became of a run. */
struct state_run {
	const char *trigger;
	const char *revision; /* NULL: not known */
	time_t started_at;
	time_t finished_at;
	int64_t duration_ms;
	int64_t peak_kib;
	int exit; /* of the contract; 1 if there was no report. 75: another run held it, nothing else is known */
	const json_t *report;    /* NULL: it came to none; `problem` says why. Borrowed */
	const char *report_text; /* the same verbatim */
	const char *problem; /* "was killed by signal 11 (Segmentation fault): last words"; "" if there is a report */
	enum state_word before; /* what the deployment was before it */
	enum state_word after;
};

enum state_source_kind { STATE_SOURCE_PATH, STATE_SOURCE_GIT };

/* Where specs come from, and what became of the last look there. */
struct state_source {
	enum state_source_kind kind;
	const char *where;     /* the path; the url, without any password */
	const char *directory; /* git: of the specs, within the repository; NULL: path */
	const char *revision;  /* in force; NULL: none, or not known */
	time_t revision_at;    /* when it came into force */
	time_t checked_at;     /* when it was last asked; 0: never */
	bool ok;
	const char *error;         /* one line; "" if ok */
	const char *note;          /* one line of what is to be known, though not wrong; NULL: nothing is */
	const char *const *errors; /* of specs that are not valid: FILE:LINE:COLUMN: what, each a line */
	size_t error_count;
	const char *refused_revision; /* one that may not come into force; NULL: none */
	const char *refused_reason;
};

struct state_agent {
	time_t started_at;
	enum agent_mode mode;
	bool ready; /* specs are loaded, and it takes requests */
	bool stopping;
};

enum state_change {
	STATE_CHANGED_DEPLOYMENT, /* anything of it, but progress: it is new, runs, ended, has another next run */
	STATE_CHANGED_GONE,       /* its spec is no longer there */
	STATE_CHANGED_PROGRESS,   /* of the run that is under way: event->progress */
	STATE_CHANGED_ENDED,      /* a run ended: event->run; right behind it comes STATE_CHANGED_DEPLOYMENT */
	STATE_CHANGED_SOURCE,
	STATE_CHANGED_AGENT,
};

struct state_event {
	enum state_change change;
	const struct state_deployment *deployment; /* NULL: SOURCE, AGENT */
	const struct state_progress *progress;     /* PROGRESS */
	const struct state_run *run;               /* ENDED */
};

/* Must not change the state, nor add or remove observers. */
struct state_observer {
	void (*told)(void *context, const struct state_event *event);
	void *context;
};

/* --- for whoever reads --- */

void state_observe(struct state *state, struct state_observer observer);
void state_unobserve(struct state *state, const void *context); /* every observer with that context */

const struct state_agent *state_agent(const struct state *state);
const struct state_source *state_source(const struct state *state);

/* Ordered by name. */
size_t state_count(const struct state *state);
const struct state_deployment *state_at(const struct state *state, size_t index);
const struct state_deployment *state_find(const struct state *state, const char *name); /* NULL: no such */

/* --- for the daemon --- */

struct state *state_new(void);
void state_free(struct state *state); /* NULL is fine */

void state_set_agent(struct state *state, const struct state_agent *agent);
void state_set_source(struct state *state, const struct state_source *source); /* copied */

/* Make or update it: there is a valid spec of that name. */
void state_put(struct state *state, const char *name, const char *spec, enum agent_mode mode);
void state_remove(struct state *state, const char *name);

void state_plan_run(struct state *state, const char *name, time_t next_run_at);
void state_begin_run(struct state *state, const char *name, const char *trigger, time_t now);
void state_add_progress(struct state *state, const char *name, const struct state_progress *progress);

/*
 * The run has ended. `run->report` decides the deployment's word, conditions and
 * counts; without one it has failed, and what was known of its conditions stays.
 * Exit 75 changes nothing but the last run. `run`'s before and after are filled.
 */
void state_end_run(struct state *state, const char *name, struct state_run *run);

/* What a report of the last run alone does not say. */
struct state_past {
	time_t since;
	time_t last_success_at;
	int failures;
	const struct state_condition
	    *conditions; /* kind, name, state and since; those that the report has, too, count */
	size_t condition_count;
};

/*
 * What was known before the agent was started: the last run, as state_end_run()
 * takes it, and since when. Nobody is told. A run that failed without a report has
 * the last one that there was: then `problem` is the reason.
 */
void state_restore(struct state *state, const char *name, struct state_run *run, const struct state_past *past);

/* The word and the reason of a report alone (its exit code as report_exit_code() has it). The reason is in the arena.
 */
enum state_word state_judge_report(struct arena *arena, const json_t *report, const char **reason);

#endif
