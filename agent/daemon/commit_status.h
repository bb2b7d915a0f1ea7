/*
 * commit_status.h - how a commit's deployments stand, told to GitHub or GitLab
 * as the commit status trueup/NAME.
 *
 * In sync is success; drift, and what waits, is pending, and failure where the
 * agent only observes or a person is needed; failed and unknown are an error.
 * Sent on change only, one request at a time with a pause between them, the
 * newest state of each deployment, through delivery.h. What cannot be sent is
 * logged and tried again with the next change; it holds up nothing.
 */
#ifndef TRUEUP_AGENT_DAEMON_COMMIT_STATUS_H
#define TRUEUP_AGENT_DAEMON_COMMIT_STATUS_H

#include "daemon/config.h"

struct event_base;
struct commit_status;

enum commit_status_state {
	COMMIT_STATUS_PENDING,
	COMMIT_STATUS_SUCCESS,
	COMMIT_STATUS_FAILURE,
	COMMIT_STATUS_ERROR,
};

/* NULL if the configuration has no `status`: all functions below do nothing with it. Copies what it needs. */
struct commit_status *commit_status_new(struct event_base *base, const struct agent_config *config);
void commit_status_free(struct commit_status *status);

/*
 * The deployment `name`, with the specs of `commit` (NULL: nothing is sent), is
 * in `state`, a word of the API ("in-sync", "drifted", "waiting", "failed",
 * "unknown", "never"); `reason` is one line for people, or NULL.
 */
void commit_status_set(struct commit_status *status, const char *name, const char *commit, const char *state,
                       const char *reason);

#endif
