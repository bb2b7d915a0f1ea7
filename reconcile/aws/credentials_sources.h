/*
 * credentials_sources.h - the single sources, for credentials.c alone.
 *
 * Each returns 0 and leaves out->secret_key NULL where it has nothing to say,
 * and -1 where it has, but it does not work: the chain ends there.
 */
#ifndef TRUEUP_AWS_CREDENTIALS_SOURCES_H
#define TRUEUP_AWS_CREDENTIALS_SOURCES_H

#include "aws/config.h"
#include "aws/credentials.h"
#include "base/arena.h"

#include <jansson.h>

/* One search: what all sources need. */
struct search {
	const struct credentials_settings *settings;
	const struct config *config;
	const char *profile;
	struct arena *arena; /* of the search; no secrets in it */
};

/* A role to assume. */
struct role {
	const char *arn;
	const char *session_name;
	const char *external_id; /* NULL: none */
	int64_t duration;        /* seconds; 0: STS's default */
	const char *token_file;  /* web identity; NULL: AssumeRole, signed */
};

int credentials_from_environment(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_profile_role(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_web_identity(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_sso(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_process(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_container(const struct search *search, struct credentials *out, struct error *err);
int credentials_from_instance(const struct search *search, struct credentials *out, struct error *err);

/* The keys that stand in a section itself. */
int credentials_from_keys(const struct search *search, enum config_section section, struct credentials *out,
                          struct error *err);

/* STS's answer for a role; base is NULL for web identity. */
int credentials_assume_role(const struct search *search, const struct role *role, const struct credentials *base,
                            struct credentials *out, struct error *err);

/* Fill out from text. token may be NULL or "". */
void credentials_set(struct credentials *out, const char *access_key, const char *secret_key, const char *token);

/*
 * Fill out from the JSON that credential_process, containers and instances
 * answer with; only the token's name differs. Wipes and releases json.
 */
int credentials_read_json(json_t *json, const char *token_name, struct credentials *out, struct error *err);

#endif
