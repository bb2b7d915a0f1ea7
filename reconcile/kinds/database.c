#include "kinds/database.h"
#include "aws/rds.h"
#include "aws/secretsmanager.h"
#include "base/log.h"
#include "kinds/stack.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *const sslmode_words[] = {
    [DESIRED_SSLMODE_DISABLE] = "disable",     [DESIRED_SSLMODE_ALLOW] = "allow",
    [DESIRED_SSLMODE_PREFER] = "prefer",       [DESIRED_SSLMODE_REQUIRE] = "require",
    [DESIRED_SSLMODE_VERIFY_CA] = "verify-ca", [DESIRED_SSLMODE_VERIFY_FULL] = "verify-full",
};

/* Host and port: the spec's, else the cluster's own. */
static int resolve_place(struct kind_context *context, struct database *database, struct error *err)
{
	const struct desired_connect *connect = database->connect;
	struct pg_settings *settings = &database->settings;
	struct rds_cluster cluster;

	settings->host = connect->host;
	settings->hostaddr = connect->hostaddr;
	settings->port = (int)connect->port;
	if (settings->host == NULL) {
		if (rds_describe_cluster(context->aws, context->arena, database->cluster, &cluster, err) != 0)
			return error_context(err, "cluster %s", database->cluster);
		if (cluster.endpoint == NULL || cluster.member_count == 0) {
			error_set(err, ERROR_STATE, "the cluster %s is %s and has no instance to connect to",
			          database->cluster, cluster.status);
			err->retryable = true;
			return -1;
		}
		settings->host = cluster.endpoint;
		if (settings->port == 0)
			settings->port = (int)cluster.port;
		settings->user = connect->user != NULL ? connect->user : cluster.master_username;
	}
	database->server =
	    arena_printf(context->arena, "%s:%d", settings->host, settings->port != 0 ? settings->port : 5432);
	return 0;
}

/* stage NULL: the current value. */
static int read_secret(struct kind_context *context, struct database *database, const char *stage, struct error *err)
{
	struct secretsmanager_value value;
	struct pg_settings *settings = &database->settings;

	if (secretsmanager_get_value(context->aws, context->arena, database->secret, stage, &value, err) != 0)
		return error_context(err, "secret %s", database->secret);
	if (value.password == NULL) {
		secretsmanager_value_free(&value);
		return error_set(err, ERROR_INVALID, "secret %s: its JSON has no password", database->secret);
	}
	secret_free(database->password);
	database->password = secret_copy(value.password);
	settings->password = database->password;
	settings->user = database->connect->user != NULL ? database->connect->user : value.username;
	if (settings->database == NULL)
		settings->database = value.dbname;
	secretsmanager_value_free(&value);
	return 0;
}

static int create_token(struct kind_context *context, struct database *database, struct error *err)
{
	struct pg_settings *settings = &database->settings;
	struct secret *token;

	if (settings->user == NULL)
		return error_set(err, ERROR_INVALID, "auth: iam needs connect.user, the database user to sign for");
	if (rds_create_auth_token(context->aws, settings->host, settings->port != 0 ? settings->port : 5432,
	                          settings->user, &token, err) != 0)
		return -1;
	secret_free(database->password);
	database->password = token;
	settings->password = token;
	return 0;
}

static int resolve_identity(struct kind_context *context, struct database *database, struct error *err)
{
	if (database->connect->auth == DESIRED_AUTH_IAM)
		return create_token(context, database, err);
	database->secret = stack_resolve(database->connect->secret, context->stack->secret, context,
	                                 "spec.vectors.connect.secret", err);
	return database->secret == NULL ? -1 : read_secret(context, database, NULL, err);
}

int database_resolve(struct kind_context *context, const struct desired_connect *connect, const char *cluster,
                     struct database *database, struct error *err)
{
	*database = (struct database){.connect = connect, .cluster = cluster};
	database->settings.application_name = "trueup";
	database->settings.stop = context->stop;
	/* A spec without a connect section has no sslmode at all, and then the strictest holds. */
	database->settings.sslmode = sslmode_words[connect->present ? connect->sslmode : DESIRED_SSLMODE_VERIFY_FULL];
	database->settings.sslrootcert = connect->sslrootcert;
	database->settings.database = connect->database;
	database->settings.user = connect->user;
	if (resolve_place(context, database, err) != 0 || resolve_identity(context, database, err) != 0) {
		database_free(database);
		return -1;
	}
	if (database->settings.database == NULL)
		database->settings.database = "postgres";
	return 0;
}

int database_resolve_target(struct kind_context *context, struct database *database, struct error *err)
{
	const struct desired *desired = context->desired;
	const char *cluster = NULL;

	if (desired->vectors.connect.host == NULL)
		cluster = stack_resolve(desired->cluster.identifier, context->stack->cluster, context,
		                        "spec.cluster.identifier", err);
	if (cluster == NULL && desired->vectors.connect.host == NULL)
		return -1;
	return database_resolve(context, &desired->vectors.connect, cluster, database, err);
}

int database_resolve_cluster(struct kind_context *context, const char *cluster, struct database *database,
                             struct error *err)
{
	struct desired_connect *connect = arena_alloc(context->arena, sizeof(*connect));

	*connect = context->desired->vectors.connect;
	connect->host = NULL;
	connect->hostaddr = NULL;
	connect->port = 0;
	return database_resolve(context, connect, cluster, database, err);
}

int database_resolve_temporary(struct kind_context *context, const struct rds_cluster *cluster, struct secret *password,
                               const struct database *target, struct database *database, struct error *err)
{
	*database = (struct database){
	    .settings = target->settings,
	    .password = password,
	    .cluster = cluster->identifier,
	    .connect = target->connect,
	    .one_time = true,
	};
	database->settings.host = cluster->endpoint;
	database->settings.hostaddr = NULL;
	database->settings.port = (int)cluster->port;
	database->settings.user = cluster->master_username;
	database->settings.password = password;
	database->server = arena_printf(context->arena, "%s:%d", cluster->endpoint, database->settings.port);
	if (cluster->endpoint != NULL && cluster->master_username != NULL)
		return 0;
	database_free(database);
	return error_set(err, ERROR_PROTOCOL, "RDS does not say where the cluster %s is, and who its master user is",
	                 cluster->identifier);
}

int database_resolve_source(struct kind_context *context, struct database *database, struct error *err)
{
	const struct desired_source *from = &context->desired->vectors.restore.from;
	struct error ignored;
	const char *own;

	if (from->kind == DESIRED_SOURCE_CONNECT)
		return database_resolve(context, &from->connect, NULL, database, err);
	own = stack_resolve(context->desired->cluster.identifier, context->stack->cluster, context,
	                    "spec.cluster.identifier", &ignored);
	if (own != NULL && strcasecmp(own, from->cluster) == 0)
		return error_set(err, ERROR_INVALID, "%s is the deployment's own cluster: source and target are one",
		                 from->cluster);
	if (database_resolve_cluster(context, from->cluster, database, err) != 0)
		return -1;
	database->previous = true;
	return 0;
}

bool database_is_wrong_password(const struct error *err)
{
	return strcmp(err->service_code, "28P01") == 0;
}

bool database_is_gone(const struct error *err)
{
	return strcmp(err->service_code, "DBClusterNotFoundFault") == 0;
}

/* The value of another stage, where there is one and the server takes it. */
static int open_with_stage(struct kind_context *context, struct database *database, const char *stage,
                           struct pg_session **session, struct error *err)
{
	struct error missing;

	if (read_secret(context, database, stage, &missing) != 0)
		return -1;
	log_info("%s: the password is tried that the secret has as %s", database->server, stage);
	return pg_session_open(&database->settings, session, err);
}

/*
 * The password was refused: it is read again, since it may have been changed
 * just now. While a rotation is under way, or where one did not end, the server
 * has the pending password already; a replaced cluster has the one of before.
 */
static int open_again(struct kind_context *context, struct database *database, struct pg_session **session,
                      struct error *err)
{
	static const char *const stages[] = {"AWSPENDING", "AWSPREVIOUS"};
	size_t i, count = database->previous ? 2 : 1;

	log_info("%s: the password was refused; reading the secret again", database->server);
	if (resolve_identity(context, database, err) != 0)
		return -1;
	if (pg_session_open(&database->settings, session, err) == 0)
		return 0;
	if (database->secret == NULL)
		return -1;
	for (i = 0; i < count && database_is_wrong_password(err); i++)
		if (open_with_stage(context, database, stages[i], session, err) == 0)
			return 0;
	return -1;
}

int database_open(struct kind_context *context, struct database *database, struct pg_session **session,
                  struct error *err)
{
	int rc;

	database->settings.writes = context->writes;
	rc = pg_session_open(&database->settings, session, err);
	if (rc != 0 && database_is_wrong_password(err) && !database->one_time)
		rc = open_again(context, database, session, err);
	return rc != 0 ? error_context(err, "%s", database->server) : 0;
}

void database_free(struct database *database)
{
	secret_free(database->password);
	database->password = NULL;
	database->settings.password = NULL;
}

bool database_is_stopped(struct kind_context *context)
{
	const char *name = context->desired->cluster.identifier;
	struct rds_cluster cluster;
	struct error err;

	if (context->desired->vectors.connect.host != NULL)
		return false;
	name = stack_resolve(name, context->stack->cluster, context, "spec.cluster.identifier", &err);
	return name != NULL && rds_describe_cluster(context->aws, context->arena, name, &cluster, &err) == 0 &&
	       strncmp(cluster.status, "stop", 4) == 0;
}

/* An ARN says of itself what it is; a name has six characters of AWS's behind it in the ARN. */
const char *database_secret_pattern(const char *secret, struct arena *arena)
{
	const char *part = secret != NULL ? strstr(secret, ":secret:") : NULL;

	if (secret == NULL)
		return "secret:*";
	return part != NULL ? part + 1 : arena_printf(arena, "secret:%s-??????", secret);
}

void database_permissions(const struct desired *desired, const struct desired_connect *connect,
                          struct kind_permissions *permissions)
{
	if (connect->auth == DESIRED_AUTH_IAM)
		kind_add_permission(permissions, desired, "rds-db:connect", "dbuser:*/*");
	else
		kind_add_permission(permissions, desired, "secretsmanager:GetSecretValue",
		                    database_secret_pattern(connect->secret, permissions->arena));
}
