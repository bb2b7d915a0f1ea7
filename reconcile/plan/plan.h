/*
 * plan.h - what differs, and what to do about it.
 *
 * plan_make() is pure: the same desired, observed and policy give the same
 * plan, to the letter. Each kind's diff (diff.h) adds its resources, their
 * differences and all the actions that are still to be done; plan_make() puts
 * them in the order of their conditions.
 *
 * A condition is a name such as "cluster/encrypted". An action
 * says which conditions it needs and which one it gives. A condition that no
 * action of the plan gives holds already.
 */
#ifndef TRUEUP_PLAN_PLAN_H
#define TRUEUP_PLAN_PLAN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/record.h"
#include "plan/observed.h"
#include "spec/baseline.h"
#include "spec/desired.h"

enum resource_state { RESOURCE_IN_SYNC, RESOURCE_DRIFTED, RESOURCE_UNKNOWN, RESOURCE_SKIPPED };

enum plan_change { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REPLACE };

enum plan_risk {
	RISK_SAFE,
	RISK_DISRUPTIVE,  /* users notice: an outage, a slow index */
	RISK_DESTRUCTIVE, /* something is deleted that a person or the application made */
};

enum action_state {
	ACTION_PLANNED,
	ACTION_DONE,
	ACTION_WAITING, /* a long operation under way, or what follows one */
	ACTION_BLOCKED, /* waits for a person: the reason says for what */
	ACTION_FAILED,
	ACTION_SKIPPED, /* not done in this run: mode observe, --only, or what it needs failed */
};

/* Words for each enum, ending with NULL. */
extern const char *const resource_state_words[];
extern const char *const plan_change_words[];
extern const char *const plan_risk_words[];
extern const char *const action_state_words[];

struct plan_difference {
	const char *path; /* within the resource: "members/alice@example.com" */
	enum plan_change change;
	const char *desired;  /* NULL: nothing */
	const char *observed; /* NULL: nothing */
};

struct plan_argument {
	const char *name;
	const char *value;
};

struct plan_action {
	const char *id; /* "kind/resource/verb[/object]", unique in the plan */
	const char *kind;
	const char *resource;
	const char *verb;
	enum plan_risk risk;
	enum action_state state;
	const char *reason;    /* why it is done */
	const char *waits_for; /* BLOCKED, WAITING, SKIPPED: for what, and what a person can do; NULL else */
	const char *error;     /* FAILED: what went wrong; NULL else */
	const char **needs;    /* conditions */
	size_t need_count;
	const char *gives;  /* a condition, or NULL */
	const char *allow;  /* the word of spec.allow that it takes, or NULL */
	const char **calls; /* its mutating calls: "rds:CreateDBInstance", "sql:COPY", … */
	size_t call_count;
	bool begun; /* acting: it was handed to its kind, whatever came of it */
	bool later; /* acting: only what this run had done before showed that it was to be done */
	bool asked; /* acting: AWS has agreed, and only shows it late; never asked for, or looked at, twice in a run */
	const char
	    *ran; /* acting: what came of a program that was run for it, which is run once in a run; NULL: none was */
	bool ran_well;                   /* with `ran`: it did what it could */
	int64_t since;                   /* acting: clock_monotonic_ms() when it was begun; 0: it was not */
	struct plan_argument *arguments; /* what it is done to, for `act` and for the reader of a saved plan */
	size_t argument_count;
};

/* How many of something there are, and should be: no drift by itself, but what a picture of it is made of. */
struct plan_count {
	const char *id;
	int64_t expected; /* -1: not known, or any number will do */
	int64_t present;
};

struct plan_resource {
	const char *kind;
	const char *name;
	enum resource_state state;
	const char *reason; /* of any state but IN_SYNC; then NULL */
	const char **notes; /* worth telling, no drift: what is kept, what a person may do next */
	size_t note_count;
	struct plan_difference *differences;
	size_t difference_count;
	struct plan_count *counts; /* vectors: the rows of each bot; not saved with a plan. NULL: none were counted */
	size_t count_count;
};

struct plan {
	struct arena *arena;
	struct plan_resource **resources;
	size_t resource_count;
	struct plan_action **actions; /* in the order in which they can be done */
	size_t action_count;
};

/* One resource without its actions, and one action, as JSON (base/record.h): for reports and saved plans. */
extern const struct record plan_resource_record;
extern const struct record plan_action_record;

/* All that a diff may look at. */
struct plan_input {
	const struct desired *desired;
	const struct desired_baseline *baseline; /* NULL: the spec names none, or baseline_error says why not */
	const char *baseline_error;
	const struct observed *observed;
};

typedef void plan_diff(const struct plan_input *input, struct plan *plan);

/*
 * Run the diffs (an array that ends with NULL) and order the actions; what the
 * spec permits of them is plan/policy.h's. Everything is in the arena. Actions
 * whose conditions go round in a circle are a defect of a diff: they come last
 * and FAILED.
 */
struct plan *plan_make(struct arena *arena, plan_diff *const *diffs, const struct plan_input *input);

/* --- for diffs --- */

struct plan_resource *plan_add_resource(struct plan *plan, const char *kind, const char *name);

/* Whether the part was not to be looked at: the spec does not name it, or --only leaves it out. */
bool plan_is_left_out(const struct observed_head *head);

/* A resource that was not seen: UNKNOWN, or SKIPPED on purpose, with the head's reason and missing permission. */
void plan_add_unseen(struct plan *plan, const char *kind, const char *name, const struct observed_head *head);

/* Adds the difference and makes the resource DRIFTED. desired or observed may be NULL. */
void plan_add_difference(struct plan *plan, struct plan_resource *resource, const struct plan_difference *difference);

void plan_add_note(struct plan *plan, struct plan_resource *resource, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The resource's reason, if it has none yet. */
void plan_set_reason(struct plan *plan, struct plan_resource *resource, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* id is "kind/resource/verb" or, with an object, "kind/resource/verb/object". State PLANNED, risk SAFE. */
struct plan_action *plan_add_action(struct plan *plan, const struct plan_resource *resource, const char *verb,
                                    const char *object);

void plan_action_need(struct plan *plan, struct plan_action *action, const char *condition);
void plan_action_call(struct plan *plan, struct plan_action *action, const char *call);

/* The calls of whatever copies rows: a bot's rows are replaced, so those that are there are deleted. */
void plan_action_call_copy(struct plan *plan, struct plan_action *action);

void plan_action_set(struct plan *plan, struct plan_action *action, const char *name, const char *value);

/* Make it wait for a person: BLOCKED, with what for. */
void plan_action_block(struct plan *plan, struct plan_action *action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- for those who act and report --- */

/* The value of an argument, or NULL. */
const char *plan_action_get(const struct plan_action *action, const char *name);

size_t plan_count_actions(const struct plan *plan, enum action_state state);

struct plan_resource *plan_find_resource(const struct plan *plan, const char *kind, const char *name);
struct plan_action *plan_find_action(const struct plan *plan, const char *id);

/* How `waits_for` begins of an action that only follows another, whose id comes next. */
#define PLAN_FOLLOWS "it follows "

/*
 * Hand on what became of actions to those that need what they give: BLOCKED
 * and WAITING as they are, FAILED and SKIPPED as SKIPPED. Call after states
 * have changed; actions stand in the order of their needs, so one pass does.
 */
void plan_follow_needs(struct plan *plan);

/* Whether all that the action needs holds: every action that gives one of its conditions is DONE. */
bool plan_needs_hold(const struct plan *plan, const struct plan_action *action);

#endif
