/*
 * secretsmanager.h - the secret that holds the database's password, and its rotation.
 */
#ifndef TRUEUP_AWS_SECRETSMANAGER_H
#define TRUEUP_AWS_SECRETSMANAGER_H

#include "aws/client.h"

#include <time.h>

/* What a database secret's JSON says. Strings live in the arena, NULL where the JSON is silent. */
struct secretsmanager_value {
	const char *arn;
	const char *name;
	const char *username;
	const char *host;
	const char *dbname;
	const char *engine;
	const char *cluster;     /* dbClusterIdentifier */
	int64_t port;            /* 0: not said; a number in a string counts */
	struct secret *password; /* NULL: not said. Freed by secretsmanager_value_free() */
};

struct secretsmanager_secret {
	const char *arn;
	const char *name;
	const char *kms_key_id;        /* NULL: the account's default */
	bool rotation_enabled;         /* false also where rotation was never set up */
	const char *rotation_lambda;   /* ARN; NULL if none was set up */
	const char *rotation_schedule; /* "rate(30 days)"; NULL if none */
	int64_t rotation_days;         /* 0 if none */
	time_t last_rotated;           /* 0: never, or not said: AWS need not while rotation is off */
	time_t next_rotation;          /* the latest time for the next one, in the past if it failed; 0: none */
	time_t last_changed;           /* in any way, its versions and their stages included; 0: not said */
	time_t deleted;                /* 0: not being deleted */
	const char *current_version;   /* the version with AWSCURRENT */
	const char
	    *pending_version; /* with AWSPENDING; NULL if none. Another than current: a rotation under way, or stuck */
};

/*
 * The value, of a version stage (NULL: AWSCURRENT), read as a database
 * secret's JSON. `id` is a name or an ARN. ERROR_NOT_FOUND; ERROR_INVALID if it is not a JSON object.
 */
int secretsmanager_get_value(struct aws *aws, struct arena *arena, const char *id, const char *stage,
                             struct secretsmanager_value *value, struct error *err);
void secretsmanager_value_free(struct secretsmanager_value *value); /* wipes the password */

int secretsmanager_describe(struct aws *aws, struct arena *arena, const char *id, struct secretsmanager_secret *secret,
                            struct error *err);

struct secretsmanager_rotation {
	const char *id;
	const char *token;    /* a UUID, the same for the same wish: makes a repetition harmless. NULL: a random one */
	const char *lambda;   /* ARN; NULL: as it was */
	const char *schedule; /* NULL: as it was */
	int64_t days;         /* 0: as it was */
	bool immediately;     /* false: enable only, and rotate when it is due */
};

/* Enable rotation (and rotate, if immediately). */
int secretsmanager_rotate(struct aws *aws, struct arena *arena, const struct secretsmanager_rotation *rotation,
                          struct error *err);

/* Disable rotation. */
int secretsmanager_cancel_rotation(struct aws *aws, struct arena *arena, const char *id, struct error *err);

#endif
