/*
 * run_list.h - the runs of a deployment, from both of what is kept of them: the
 * history (daemon/history.h), which has what each found and what became of it,
 * and the audit log (base/audit.h), which has who acted and what was done, also
 * in runs that were killed, and in those whose report was let go.
 */
#ifndef TRUEUP_AGENT_RUN_LIST_H
#define TRUEUP_AGENT_RUN_LIST_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Newest first: an array, a new reference. Each has "time", when it began to act, else when it began, and what is known
 * of "command", "trigger", "revision", "user", "host", "sequence" and the rest of its line in the audit log, and of
 * what api_run() gives; "actions" are those of both. -1: the audit log cannot be read, or is not sound, and *runs has
 * the history alone; ERROR_NOT_FOUND if there is neither.
 */
int run_list_load(const char *state, const char *name, json_t **runs, struct error *err);

/* Whether a run found, did and came to what the one before it did, so that nobody needs to be told of both. */
bool run_list_is_same(const json_t *run, const json_t *before);

#endif
