/*
 * cognito.h - users and groups of a user pool.
 *
 * Results live in the arena. Lists are eventually consistent: look again
 * before believing that somebody is missing. The quotas are shared with the
 * people who are signing in, so calls in bulk take half of them by default.
 */
#ifndef TRUEUP_AWS_COGNITO_H
#define TRUEUP_AWS_COGNITO_H

#include "aws/client.h"

struct cognito_user {
	const char *username; /* what the admin operations take: a UUID, or "Google_…" */
	const char *email;    /* NULL if there is none */
	const char *status;   /* "CONFIRMED", "EXTERNAL_PROVIDER", … */
	bool enabled;
};

struct cognito_users {
	struct cognito_user *items;
	size_t count;
};

struct cognito_group {
	const char *name;
	const char *description; /* NULL if none */
	const char *role_arn;    /* NULL if none */
	bool has_precedence;
	int64_t precedence;
};

struct cognito_groups {
	struct cognito_group *items;
	size_t count;
};

/* All users, or those that a filter (see cognito_format_filter) selects. */
int cognito_list_users(struct aws *aws, struct arena *arena, const char *pool, const char *filter,
                       struct cognito_users *users, struct error *err);

/* `attribute = "value"`, the value's quotes and backslashes escaped. Cognito takes up to 256 characters. */
const char *cognito_format_filter(struct arena *arena, const char *attribute, const char *value);

/* The members of a group; ERROR_NOT_FOUND if there is no such group (or pool). */
int cognito_list_users_in_group(struct aws *aws, struct arena *arena, const char *pool, const char *group,
                                struct cognito_users *users, struct error *err);

int cognito_list_groups(struct aws *aws, struct arena *arena, const char *pool, struct cognito_groups *groups,
                        struct error *err);
int cognito_get_group(struct aws *aws, struct arena *arena, const char *pool, const char *name,
                      struct cognito_group *group, struct error *err);

/* The groups that a user is in. ERROR_NOT_FOUND if there is no such user (or pool). */
int cognito_list_groups_for_user(struct aws *aws, struct arena *arena, const char *pool, const char *username,
                                 struct cognito_groups *groups, struct error *err);

/* A group that exists already (ERROR_EXISTS of the service) is success. */
int cognito_create_group(struct aws *aws, struct arena *arena, const char *pool, const struct cognito_group *group,
                         struct error *err);

/* One user's part of a call in bulk. */
struct cognito_change {
	const char *username;
	struct error error; /* out: ERROR_NONE when it was done */
};

/* In bulk; each change has its own result. Both are idempotent. Return how many failed. */
size_t cognito_add_users(struct aws *aws, const char *pool, const char *group, struct cognito_change *changes,
                         size_t count);
size_t cognito_remove_users(struct aws *aws, const char *pool, const char *group, struct cognito_change *changes,
                            size_t count);

/* Revokes refresh tokens; tokens already issued stay valid until they expire. */
size_t cognito_sign_out_users(struct aws *aws, const char *pool, struct cognito_change *changes, size_t count);

/* Who has an e-mail address (several users can, and none). */
struct cognito_lookup {
	const char *email;
	struct cognito_users users; /* out */
	struct error error;         /* out: ERROR_NONE, also when nobody was found */
};

/* In bulk. Returns how many lookups failed. */
size_t cognito_find_emails(struct aws *aws, struct arena *arena, const char *pool, struct cognito_lookup *lookups,
                           size_t count);

#endif
