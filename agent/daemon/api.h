/*
 * api.h - what the agent knows, as the JSON of /api/v1. Pure: state in, JSON out.
 *
 * Within v1 members are added, never taken away nor given another meaning. Times
 * are RFC 3339 UTC, or null; what is not known is null.
 */
#ifndef TRUEUP_AGENT_DAEMON_API_H
#define TRUEUP_AGENT_DAEMON_API_H

#include "daemon/state.h"

#include <jansson.h>
#include <time.h>

/* How it is written: on one line, numbers as short as a reader of milliseconds needs them. */
#define API_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* Each is a new reference. */
json_t *api_deployments(const struct state *state, time_t now); /* {"agent": …, "deployments": […]} */
json_t *api_deployment(const struct state_deployment *deployment);
json_t *api_source(const struct state_source *source);
json_t *api_progress(const struct state_progress *progress);

/*
 * One run that has ended, for the history, in few enough words to be kept and listed by the thousand; `run->report`
 * may be NULL. {"at": when it began, "endedAt", "trigger": a word of state_running's, or of a single run what --trigger
 * said, else HISTORY_TRIGGER, "revision", "command", "exit", "state": the deployment's behind it, "reason": one line,
 * why it is not in sync, "problem": why there is no report, "durationSeconds", "drift": [{"kind", "name", "path",
 * "change"}]: before the run acted, "driftCount", "actions": [{"id", "verb", "state", "error"}], "actionCount",
 * "audit": the numbers of its lines `run` in the audit log, if it acted}. The lists have at most API_RUN_MOST items;
 * the counts are of all.
 */
#define API_RUN_MOST 32
json_t *api_run(const struct state_run *run);

#endif
