/*
 * diff.h - each kind's diff: pure functions from desired and observed to
 * resources, differences and actions.
 *
 * They stand here and not beside each kind's observe and act so that the
 * linker can hold them to it: this library links nothing that does I/O.
 *
 */
#ifndef TRUEUP_PLAN_DIFF_H
#define TRUEUP_PLAN_DIFF_H

#include "plan/plan.h"

#include <time.h>

/* Conditions that cross kinds. */

/* A snapshot of the cluster that is to be replaced is available. */
#define CONDITION_SNAPSHOT "cluster/snapshot"
/* No stack imports any more what the cluster's replacement changes. */
#define CONDITION_APIS_ABSENT "apis/absent"
/* The cluster under the deployment's name is encrypted as the spec wants it. */
#define CONDITION_CLUSTER_ENCRYPTED "cluster/encrypted"
/* Extension, table, primary key and botid index are there. */
#define CONDITION_SCHEMA "vectors/schema"
/* Every bot has its rows. */
#define CONDITION_ROWS "vectors/rows"
/* The vector index serves the rows that are there. */
#define CONDITION_INDEX "vectors/index"
/* The password stays as it is for as long as somebody needs that. */
#define CONDITION_ROTATION_OFF "rotation/off"

/* Whether the cluster must be replaced: the spec wants it encrypted, and it was seen and is not, or with another key.
 */
bool diff_replacement_is_due(const struct plan_input *input);

/*
 * Whether every row that the spec's counts ask for was seen: false also where
 * nobody knows. What holds a copy of these rows may be let go only if it is
 * true (design.md, rule 2).
 */
bool diff_rows_match(const struct plan_input *input, struct arena *arena);

/*
 * Whether the database's password must stay as it is: rows are about to be
 * moved, or are being moved, by somebody who was told it at the start. Whoever
 * needs it waits for CONDITION_ROTATION_OFF; once this is false, rotation may go
 * on. False where a person must act first: rotation does not wait for people.
 */
bool diff_needs_still_password(const struct plan_input *input, struct arena *arena);

/*
 * Why a pending version is no rotation under way any more, and what a person
 * does about it; NULL: it may still be one. `now` is the time of looking.
 */
const char *diff_stuck_rotation(struct arena *arena, const struct observed_rotation *seen, time_t now);

/* What a person does where rotation was never set up for a secret. */
const char *diff_missing_rotation(struct arena *arena, const char *secret);

/* What a person does where the rotation must be suspended and the spec leaves it alone. */
const char *diff_unmanaged_rotation(void);

/* Why the stack of a published API is still there after its deletion, and what a person does about it. */
const char *diff_failed_removal(struct arena *arena, const struct observed_api *api);

/* What a person does about a stack that must not be deleted: one of somebody's own, or one that is protected. */
const char *diff_foreign_importer(struct arena *arena, const struct observed_api *api);
const char *diff_protected_stack(struct arena *arena, const struct observed_api *api);

/* Where a data migration of DMS stands. AWS publishes no list of its words: what is not known is taken for running. */
enum diff_dms_phase {
	DIFF_DMS_ABSENT,
	DIFF_DMS_CREATING,
	DIFF_DMS_READY, /* made, and never started */
	DIFF_DMS_RUNS,
	DIFF_DMS_LOADED, /* all that DMS found; what that was, it does not check */
	DIFF_DMS_STOPPED,
	DIFF_DMS_FAILED,
	DIFF_DMS_DELETING,
};
enum diff_dms_phase diff_dms_phase(const struct observed_dms_migration *migration);

/* What a person does about a migration that has come to rest without the rows' being there; NULL: it has not. */
const char *diff_dms_advice(struct arena *arena, const char *name, const struct observed_dms_migration *migration);

/* Whether RDS's word for a cluster, instance or snapshot is one that no waiting mends. */
bool diff_status_is_broken(const char *status);

/*
 * CloudFormation's word for a stack: at work, so that no update can be begun;
 * at work on what the stack will be (and not only on what is left over of the
 * last update, which is through by then); not to be updated before a person has
 * seen to it; stopped half-way, so that what it names may be either of what was
 * there and what was to be.
 */
bool diff_stack_is_busy(const char *status);
bool diff_stack_is_changing(const char *status);
bool diff_stack_is_stuck(const char *status);
bool diff_stack_is_halfway(const char *status);

/* What a person does with a stack that is stuck or half-way. */
const char *diff_advise_stuck(struct arena *arena, const char *stack, const char *status);

/*
 * Why the deployment that is to replace the cluster cannot be run, whatever
 * else is done; NULL: it can be, it is a person's, or none is due. Nothing is
 * to be given up for one that cannot be run.
 */
const char *diff_deploy_obstacle(const struct plan_input *input, struct arena *arena);

/* Whether this is the user whom the spec means: by user name, or by e-mail whatever its case. */
bool diff_user_answers(const struct observed_user *user, const struct desired_member *member);

plan_diff plan_diff_account;
plan_diff plan_diff_bots;
plan_diff plan_diff_cluster;
plan_diff plan_diff_rotation;
plan_diff plan_diff_apis;
plan_diff plan_diff_vectors;
plan_diff plan_diff_users;

#endif
