/*
 * database.h - from a cluster's name and the spec's `connect` to sessions.
 *
 * Host and port come from the spec, else from RDS; user, password and database
 * from the spec, else from the secret. The secret may be rotated at any
 * moment: after a refused password it is read again, once. An old cluster that
 * was replaced kept the password of before: for a source, the secret's previous
 * value is tried too.
 */
#ifndef TRUEUP_KINDS_DATABASE_H
#define TRUEUP_KINDS_DATABASE_H

#include "aws/rds.h"
#include "kinds/kind.h"
#include "pg/connect.h"

struct database {
	struct pg_settings settings; /* borrowed from here for as long as the database is open */
	struct secret *password;
	const char *cluster; /* NULL: spec's connect alone says where */
	const char *secret;  /* whose password it is; NULL with IAM */
	const char *server;  /* "host:port", for reports */
	const struct desired_connect *connect;
	bool previous; /* the secret's previous value may be the right one */
	bool one_time; /* the password is of nobody's but ours: no secret has it */
};

/*
 * Resolve where and as whom. `cluster` may be NULL where connect names a host.
 * `connect` is the spec's, its values first. Errors as RDS, Secrets Manager and
 * IAM have them; ERROR_STATE (retryable) while the cluster is not available.
 */
int database_resolve(struct kind_context *context, const struct desired_connect *connect, const char *cluster,
                     struct database *database, struct error *err);

/* The application's own database: spec.vectors.connect and the deployment's cluster. */
int database_resolve_target(struct kind_context *context, struct database *database, struct error *err);

/* A cluster as the target is reached, but at its own address: a tunnel of the spec's does not lead there. */
int database_resolve_cluster(struct kind_context *context, const char *cluster, struct database *database,
                             struct error *err);

/*
 * A cluster that is ours alone, at its own address, as its master user with this
 * password, which becomes the database's. The database's name and TLS are those of `target`.
 */
int database_resolve_temporary(struct kind_context *context, const struct rds_cluster *cluster, struct secret *password,
                               const struct database *target, struct database *database, struct error *err);

/* Where spec.vectors.restore takes rows from, but for a snapshot (kinds/source.h). */
int database_resolve_source(struct kind_context *context, struct database *database, struct error *err);

/* A session, writing only if the context may. Reads the secret again after a refused password. */
int database_open(struct kind_context *context, struct database *database, struct pg_session **session,
                  struct error *err);

/* What a database that is stopped is reported with. */
#define DATABASE_STOPPED "the cluster is stopped; nothing is known of its rows until it runs"

/* Bedrock Chat's rdbSchedules stop the cluster at night: that the target is not reached is then neither drift nor a
 * failure. */
bool database_is_stopped(struct kind_context *context);

/* What it takes to log in: to read the secret, or to connect with a token. */
void database_permissions(const struct desired *desired, const struct desired_connect *connect,
                          struct kind_permissions *permissions);

/* The resource of a secret in a policy; `secret` is its name, its ARN or NULL: any. */
const char *database_secret_pattern(const char *secret, struct arena *arena);

/* Whether err says that the password is wrong: another was set since the secret was read, or before. */
bool database_is_wrong_password(const struct error *err);

/* Whether err says that RDS has no such cluster. */
bool database_is_gone(const struct error *err);

/* Wipes the password. Of a database of zeroes, too. */
void database_free(struct database *database);

#endif
