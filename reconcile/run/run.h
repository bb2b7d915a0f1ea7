/*
 * run.h - one run over one deployment: observe → plan → act → observe again.
 *
 * A run belongs to one thread; kinds observe side by side in threads of its
 * own. Everything it returns lives in its arenas until run_free().
 */
#ifndef TRUEUP_RUN_RUN_H
#define TRUEUP_RUN_RUN_H

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"
#include "spec/desired.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* --only KIND[/NAME]: with any, other kinds are not looked at and other resources not acted on. */
struct run_only {
	const char *kind;
	const char *name; /* NULL: all of the kind */
};

#define RUN_WAIT_UNLIMITED INT64_MAX

struct run_options {
	const struct run_only *only;
	size_t only_count;
	int64_t wait;                /* seconds that apply stays for long operations; RUN_WAIT_UNLIMITED */
	bool may_write;              /* apply alone: without it run_apply() does nothing but refuse */
	bool reviewed;               /* a person has seen the plan: run_apply() carries out that one or none */
	double quota_share;          /* of AWS's request quotas, for each of the run's clients; 0: one half */
	bool digests;                /* observe: the digest of every bot (capture) */
	bool show_progress;          /* progress of long operations on standard error, which is a terminal */
	int events;                  /* progress as lines of JSON goes to this open file; 0: nowhere */
	const char *trigger;         /* what started the run: one word; NULL: not known */
	const char *revision;        /* the commit of the spec; NULL: not known */
	const volatile bool *stop;   /* once true, end soon and cleanly */
	struct aws_tally *tally;     /* what its clients add to; run_new() sets it to the run's own */
	const char *state_directory; /* locks and audit logs; NULL: $TRUEUP_STATE, else the contract's default */
};

struct aws_tally;
struct run;

/* A run over a deployment; desired and options are borrowed until run_free(). Never fails. */
struct run *run_new(const struct desired *desired, const struct run_options *options);
void run_free(struct run *run); /* NULL is fine */

/*
 * Look at the world, reading only. Fails only where nothing can be looked at
 * (no region, no credentials configured at all); what cannot be seen is
 * OBSERVED_UNKNOWN in *observed, which belongs to the run. A wrong account
 * stops it behind the account: the rest stays OBSERVED_SKIPPED. In mode paused
 * nothing is looked at.
 */
int run_observe(struct run *run, struct observed *observed, struct error *err);

/* Plan from what was observed, by this run or read from a file. Reads the spec's baseline. The plan is the run's. */
struct plan *run_plan(struct run *run, const struct observed *observed);

/*
 * Carry out what is PLANNED, each action through the gate. Takes the
 * deployment's lock (ERROR_BUSY if another run holds it), and then looks and
 * plans once more: what another run, or an hour at a prompt, has changed since
 * must not be acted on. If a person has reviewed the plan (options) and the
 * fresh one differs, nothing is done: ERROR_REFUSED. Waits for long operations
 * as the options say.
 *
 * Looks and plans again afterwards, and goes on while that shows more to do
 * (run_has_more), but for a reviewed plan, which is all that was agreed to.
 * *observed and *plan are then what was seen and planned last; what was done
 * is in run_outcome(). Returns 0 also when actions failed.
 */
int run_apply(struct run *run, struct observed *observed, struct plan **plan, struct error *err);

/* Whether the plan has something that can be done now, and that this run has not tried yet. */
bool run_has_more(const struct run *run, const struct plan *plan);

/*
 * The plan to report: the resources as they are now, with the actions that
 * this run has taken as they ended, and those that are still planned.
 */
struct plan *run_outcome(struct run *run, const struct plan *now);

/* What this run acted on: resources as they were seen before that. Without any if it did nothing. */
const struct plan *run_acted_on(const struct run *run);

/* The numbers of its lines `run` in the audit log, one for each run_apply() that acted. */
const int64_t *run_audited(const struct run *run, size_t *count);

/* What the run has asked of AWS so far. */
const struct aws_tally *run_tally(const struct run *run);

/* The region that was used; NULL before it is known. */
const char *run_region(const struct run *run);

#endif
