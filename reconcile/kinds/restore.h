/*
 * restore.h - the steps of spec.vectors.restore, a file restore_METHOD.c for
 * each method and a row of the table in vectors_steps.c for each of its verbs.
 */
#ifndef TRUEUP_KINDS_RESTORE_H
#define TRUEUP_KINDS_RESTORE_H

#include "kinds/kind.h"
#include "kinds/rows.h"

/* Do one action as struct kind's act does: DONE, WAITING, BLOCKED or FAILED. */
typedef void restore_step(struct kind_context *context, struct plan_action *action);

restore_step restore_copy;            /* copy, replace */
restore_step restore_source;          /* restore-source: a temporary cluster of a snapshot */
restore_step restore_source_instance; /* source-instance */
restore_step restore_delete_source;   /* delete-source */
restore_step restore_dms_connect;
restore_step restore_dms_prepare;
restore_step restore_dms_migrate;
restore_step restore_dms_compare;
restore_step restore_dms_delete; /* dms-discard, dms-delete */

/* Actions `embed`, which share what is looked at and how many bots are embedded at the same time. */
void restore_embed(struct kind_context *context, struct plan_action **actions, size_t count);

/* replication: what is seen on both ends (never fails, like struct kind's observe), and its two steps. */
void restore_observe_replication(struct kind_context *context, struct observed_replication *out);
restore_step restore_replicate;
restore_step restore_end_replication;

/* --- for methods --- */

struct restore_bots {
	const char **items;
	size_t count;
};

/*
 * What was copied is done; what could not be, and why, waits for a person:
 * the action is DONE or BLOCKED.
 */
void restore_report_rows(struct kind_context *context, struct plan_action *action, const struct rows_result *result);

/* The bots that the action is about: its arguments `bot`. */
struct restore_bots restore_list_bots(struct kind_context *context, const struct plan_action *action);

#endif
