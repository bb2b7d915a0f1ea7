/*
 * kind.h - the kinds of things that trueup keeps matched, one row each.
 *
 * A kind observes (reading, a thread of its own), is diffed (pure, plan/diff.h)
 * and acts (through the gate). To add one: a section in struct desired and a
 * part of struct observed, a diff in plan/, a file here, a row in kinds.c.
 */
#ifndef TRUEUP_KINDS_KIND_H
#define TRUEUP_KINDS_KIND_H

#include "aws/client.h"
#include "base/arena.h"
#include "pg/copy.h"
#include "plan/observed.h"
#include "plan/plan.h"
#include "spec/desired.h"

#include <stdbool.h>

/* What a kind works with, for one phase of one run. It belongs to one thread. */
struct kind_context {
	struct arena *arena;
	const struct desired *desired;
	const struct observed_stack *stack; /* names that the spec leaves to the stack */
	struct aws *aws;                    /* opened for reading or for writing, as the phase is */
	bool writes;                        /* the same for database sessions */
	bool digests;                       /* observing: digests of every bot, not only of those that are compared */
	struct pg_copy_progress *progress;  /* acting: for who watches; may be NULL */
	const char *state_directory;        /* where runs keep what outlives them */
	const volatile bool *stop;          /* once true, end soon and cleanly */
};

/* IAM permissions, for `explain --iam`. */
struct kind_permission {
	const char *action;   /* "rds:DescribeDBClusters" */
	const char *resource; /* ARN pattern, or "*" */
	const char *tag;      /* only on what carries NAMES_TAG (plan/names.h) with this value; NULL: on any */
};

struct kind_permissions {
	struct arena *arena;
	struct kind_permission *items;
	size_t count;
};

struct kind {
	const char *name;
	size_t part; /* its own part of struct observed, which begins with a struct observed_head */

	/* Kinds whose diffs read its part too, ending with NULL; NULL: none. Where --only selects one of these, it is
	 * looked at. */
	const char *const *serves;

	/* Whether the spec has its section, or another section needs what it sees. */
	bool (*is_wanted)(const struct desired *desired);

	/*
	 * Fill the kind's own part of observed. Never fails: what cannot be
	 * read is OBSERVED_UNKNOWN there. Strings go into the context's arena.
	 */
	void (*observe)(struct kind_context *context, struct observed *observed);

	plan_diff *diff;

	/*
	 * Do actions of one verb, and leave each DONE, WAITING (with
	 * `waits_for`; it is called again later), BLOCKED or FAILED (with
	 * `error`). An action is begun from what the world is like now, so that
	 * a repetition goes on where the last one stopped. NULL: no actions.
	 */
	void (*act)(struct kind_context *context, struct plan_action **actions, size_t count);

	/* The least that this spec needs: to observe, or also to enforce. */
	void (*permissions)(const struct desired *desired, bool enforce, struct kind_permissions *permissions);
};

#define KINDS_MAX 16

/* All kinds, in the order of reports. Ends with NULL. */
extern const struct kind *const kinds[];

/* The kind of that name, or NULL. */
const struct kind *kind_find(const char *name);

/* Their diffs, as plan_make() takes them, ending with NULL. */
void kind_list_diffs(plan_diff *diffs[KINDS_MAX + 1]);

/* The head of its part. */
struct observed_head *kind_head(const struct kind *kind, struct observed *observed);

/* What the spec needs, of all kinds that it wants, added to the list. */
void kind_add_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions);

/* Sort by resource, tag and action; what is there twice, or granted on "*" as well, goes. */
void kind_tidy_permissions(struct kind_permissions *permissions);

/* --- for kinds --- */

/*
 * FAILED, with the error. But what may pass (err->retryable) is WAITING, and is
 * tried again while the run stays: one lost answer between the two renames of a
 * replacement must not end it there. `error` then says what happened, unless it
 * is only too early (ERROR_STATE).
 */
void kind_action_fail(const struct kind_context *context, struct plan_action *action, const struct error *err);

/* FAILED: the kind does not know the action's verb. */
void kind_action_reject(const struct kind_context *context, struct plan_action *action);

void kind_action_wait(const struct kind_context *context, struct plan_action *action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* resource: the part behind "arn:PARTITION:SERVICE:REGION:ACCOUNT:", or a whole ARN; NULL: "*". */
void kind_add_permission(struct kind_permissions *permissions, const struct desired *desired, const char *action,
                         const char *resource);

/*
 * The same, on what trueup made itself: by its tag, and by its name, a derived
 * one (plan/names.h) that ends with a hash, whatever that is. `type` is that of
 * the ARN, "cluster-snapshot".
 */
void kind_add_permission_on_own(struct kind_permissions *permissions, const struct desired *desired, const char *action,
                                const char *type, const char *name);

#endif
