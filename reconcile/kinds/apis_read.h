/*
 * apis_read.h - one published API as AWS has it: its stack, its usage plan.
 */
#ifndef TRUEUP_KINDS_APIS_READ_H
#define TRUEUP_KINDS_APIS_READ_H

#include "kinds/kind.h"

/* What the application calls the stack of a bot's API; the bot's id comes behind it (cdk/bin/api-publish.ts). */
#define APIS_STACK "ApiPublishmentStack"

/*
 * Fill *api, zeroed, from the stack of that name or ARN, but for its usage plan.
 * ERROR_NOT_FOUND where it is not there, or not any more.
 */
int apis_read_stack(struct kind_context *context, const char *stack, struct observed_api *api, struct error *err);

/*
 * Fill in throttle, quota and the keys that there are now. A usage plan that is
 * gone, as in the midst of a deletion, has no keys and leaves the rest as it is.
 */
int apis_read_plan(struct kind_context *context, struct observed_api *api, struct error *err);

/* Whether CloudFormation is at work on the stack. */
bool apis_is_in_progress(const struct observed_api *api);

/* Whether a stack with this status serves an API: not where it is still to come, has failed to, or goes. */
bool apis_is_published(const char *status);

#endif
