/*
 * config.h - the AWS SDKs' shared files: ~/.aws/config and ~/.aws/credentials.
 *
 * A config holds secrets (the files' text), so load it, take what is needed
 * and free it: that wipes it. Files that do not exist are as good as empty.
 */
#ifndef TRUEUP_AWS_CONFIG_H
#define TRUEUP_AWS_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

struct config;

enum config_section {
	CONFIG_PROFILE,     /* [default], [profile x] of the config file; [x] of the credentials file wins */
	CONFIG_CREDENTIALS, /* [x] of the credentials file alone */
	CONFIG_SSO_SESSION, /* [sso-session x] */
	CONFIG_SERVICES,    /* [services x] */
};

/*
 * Read AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or their defaults
 * below HOME. ERROR_INVALID names file and line of what cannot be read.
 */
int config_load(struct config **config, struct error *err);
void config_free(struct config *config); /* NULL is fine; wipes */

/* The value of a key (lower case; "rds.endpoint_url" for a nested one), valid as long as config; NULL if absent. */
const char *config_find(const struct config *config, enum config_section section, const char *name, const char *key);

/* Whether there is such a section, with keys or without. */
bool config_has(const struct config *config, enum config_section section, const char *name);

/* An environment variable that is set and not empty, else NULL. */
const char *config_environment(const char *name);

/* Whether a text is "true" in any case; NULL is not. */
bool config_is_true(const char *text);

#endif
