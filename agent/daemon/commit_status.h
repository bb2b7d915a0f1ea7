/*
 * commit_status.h - what GitHub and GitLab are told of a deployment: the status
 * trueup/NAME of the commit that its last run was of. Pure: requests as
 * delivery_post() takes them.
 */
#ifndef TRUEUP_AGENT_DAEMON_COMMIT_STATUS_H
#define TRUEUP_AGENT_DAEMON_COMMIT_STATUS_H

#include "daemon/config.h"
#include "daemon/state.h"

#include <jansson.h>

#define COMMIT_STATUS_MOST 140 /* characters of a description, as GitHub takes them */

/* New references. The deployment's revision is known. */
json_t *commit_status_github(const struct agent_github *github, const struct state_deployment *deployment);
json_t *commit_status_gitlab(const struct agent_gitlab *gitlab, const struct state_deployment *deployment);

#endif
