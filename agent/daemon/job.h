/*
 * job.h - one reconciliation of one deployment: this program once more, as a
 * child; what it says on the way, and what came of it.
 */
#ifndef TRUEUP_AGENT_DAEMON_JOB_H
#define TRUEUP_AGENT_DAEMON_JOB_H

#include "base/error.h"
#include "daemon/config.h"
#include "daemon/state.h"

struct event_base;
struct job;

#define JOB_REPORT_MAX ((size_t)16 * 1024 * 1024) /* bytes; a run that says more is ended, and has failed */
#define JOB_GRACE_S 60                            /* between TERM and KILL */

struct job_options {
	const char *name; /* of the deployment; all strings are copied */
	const char *spec;
	const char *trigger;
	const char *revision; /* NULL: the run finds it itself, or there is none */
	const char *state;    /* the state directory */
	const char *program;  /* NULL: this one */
	enum agent_mode mode;
	int64_t timeout_s;
	int verbose; /* how often it gets -v */
};

/* On the loop, never from within a function of this header. The job is freed behind `ended`. */
struct job_callbacks {
	void (*progress)(void *context, const struct state_progress *progress);
	void (*ended)(void *context, struct state_run *run); /* all but `before` and `after` are set */
	void *context;
};

/* What it logs is passed on with the deployment's name in front. -1: it could not be started. */
int job_start(struct event_base *base, const struct job_options *options, const struct job_callbacks *callbacks,
              struct job **job, struct error *err);

void job_stop(struct job *job); /* it ends soon and cleanly, with its report */
void job_kill(struct job *job); /* now */

#endif
