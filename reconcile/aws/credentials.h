/*
 * credentials.h - where access keys come from.
 *
 * In the SDKs' order: environment; a profile's role; web identity (the
 * environment's, then the profile's); SSO; the credentials file;
 * credential_process; the config file's keys; the container's endpoint; the
 * instance's (IMDSv2). On top of what is found, a role may be assumed.
 * Nothing is written to disk.
 */
#ifndef TRUEUP_AWS_CREDENTIALS_H
#define TRUEUP_AWS_CREDENTIALS_H

#include "aws/transport.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdbool.h>
#include <time.h>

struct credentials {
	char access_key[129];
	struct secret *secret_key; /* NULL: none yet */
	struct secret *token;      /* NULL: long-term */
	time_t expires;            /* 0: never */
	char source[160];          /* in words, for people: "environment", "profile production" */
};

void credentials_clear(struct credentials *credentials); /* wipes; ready for the next */

struct credentials_settings {
	struct transport *transport;
	const char *profile; /* NULL: AWS_PROFILE, else "default". Named here, it comes before the environment's keys */
	const char *region;  /* for STS */
	const char *assume_role_arn; /* NULL: none */
	const char *external_id;
	const char *session_name;
};

/* The profile that counts: given, AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". */
const char *credentials_profile(const char *given);

/* Look everywhere, once. ERROR_CREDENTIALS: none found, or what was found does not work, and why. */
int credentials_find(const struct credentials_settings *settings, struct credentials *credentials, struct error *err);

/* Expiring within 15 minutes: time for new ones, though the old will do if there are none. */
bool credentials_are_ageing(const struct credentials *credentials, time_t now);

/* Expiring within 10 minutes, or none at all: not to be used. */
bool credentials_are_stale(const struct credentials *credentials, time_t now);

#endif
