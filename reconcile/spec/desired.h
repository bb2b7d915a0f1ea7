/*
 * desired.h - what one deployment shall look like, typed and checked.
 *
 * This is what spec/parse.h makes of one YAML document: every default is
 * filled in, every rule of the contract holds, nothing needs to be checked
 * again. It is plain data: strings and lists live in the arena of the spec's
 * reader, nobody changes it afterwards, so threads may share it.
 *
 * A section that the spec does not name has `present == false`: it is not
 * managed, and its other members then hold defaults that mean nothing. `present`
 * is the first member of each section, which the field table relies on.
 *
 * Strings are NULL where the spec is silent and there is no default.
 */
#ifndef TRUEUP_SPEC_DESIRED_H
#define TRUEUP_SPEC_DESIRED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

/* The order of each enum is that of its words in field.c. */
enum desired_mode {
	DESIRED_MODE_ENFORCE, /* apply acts */
	DESIRED_MODE_OBSERVE, /* apply observes and reports, like plan */
	DESIRED_MODE_PAUSED,  /* nothing is read, the resources are reported as skipped */
};

/* Who replaces a cluster that is not encrypted. */
enum desired_replace {
	DESIRED_REPLACE_MANUAL,  /* a person; until then the drift stands as blocked */
	DESIRED_REPLACE_DEPLOY,  /* trueup: cluster.deploy's command, which has CloudFormation do it */
	DESIRED_REPLACE_RESTORE, /* trueup: snapshot, restored encrypted under the same name */
};

enum desired_schema {
	DESIRED_SCHEMA_PRESENT, /* extension, table and indexes are made if they are missing */
	DESIRED_SCHEMA_IGNORE,
};

enum desired_index_method { DESIRED_INDEX_IVFFLAT };

enum desired_match {
	DESIRED_MATCH_EXACT,    /* a bot has just the rows that it should have */
	DESIRED_MATCH_AT_LEAST, /* more is fine */
};

/* Where the rows that each bot should have are known from. */
enum desired_counts_from {
	DESIRED_COUNTS_BASELINE, /* counts.file: rows and digests */
	DESIRED_COUNTS_SOURCE,   /* what the source of vectors.restore holds: rows and digests */
	DESIRED_COUNTS_BOTS,     /* the application's bots: each with knowledge has rows */
	DESIRED_COUNTS_INLINE,   /* counts.bots: rows only */
};

enum desired_restore_method {
	DESIRED_RESTORE_COPY,
	DESIRED_RESTORE_EMBED, /* the application's embedding tasks make them anew */
	DESIRED_RESTORE_REPLICATION,
	DESIRED_RESTORE_DMS,  /* not in this version */
	DESIRED_RESTORE_NONE, /* rows are compared and never moved */
};

/* Who starts the embedding of a bot. */
enum desired_embed_via {
	DESIRED_EMBED_QUEUE, /* the application's own pipe, which a SyncStatus of QUEUED sets off */
	DESIRED_EMBED_TASK,  /* trueup, by RunTask */
};

/* How an embedding task is told its bot. */
enum desired_embed_form {
	DESIRED_EMBED_AUTO,        /* both, of which each version reads its own */
	DESIRED_EMBED_ARGUMENT,    /* up to v1.2.4: the command's last argument */
	DESIRED_EMBED_ENVIRONMENT, /* from v1.2.5: the variable EVENT */
};

/* What answers the questions that bots are tested with. */
enum desired_query {
	DESIRED_QUERY_NONE,    /* rows of their own stand in for questions */
	DESIRED_QUERY_BEDROCK, /* a question is embedded by InvokeModel */
};

enum desired_source_kind {
	DESIRED_SOURCE_NONE,
	DESIRED_SOURCE_SNAPSHOT,
	DESIRED_SOURCE_CLUSTER,
	DESIRED_SOURCE_CONNECT,
};

enum desired_auth { DESIRED_AUTH_SECRET, DESIRED_AUTH_IAM };

/* In the order of libpq, so that a larger one is never weaker. */
enum desired_sslmode {
	DESIRED_SSLMODE_DISABLE,
	DESIRED_SSLMODE_ALLOW,
	DESIRED_SSLMODE_PREFER,
	DESIRED_SSLMODE_REQUIRE,
	DESIRED_SSLMODE_VERIFY_CA,
	DESIRED_SSLMODE_VERIFY_FULL,
};

/* The words of `allow`, a bit each in struct desired's `allow`. */
enum desired_allow {
	DESIRED_ALLOW_REPLACE_CLUSTER = 1 << 0,
	DESIRED_ALLOW_REMOVE_PUBLISHED_APIS = 1 << 1,
	DESIRED_ALLOW_SUSPEND_ROTATION = 1 << 2,
	DESIRED_ALLOW_RUN_EMBEDDING_TASKS = 1 << 3,
	DESIRED_ALLOW_DELETE_VECTORS = 1 << 4,
	DESIRED_ALLOW_REBUILD_INDEX = 1 << 5,
	DESIRED_ALLOW_REMOVE_MEMBERS = 1 << 6,
	DESIRED_ALLOW_SIGN_OUT_USERS = 1 << 7,
};

#define DESIRED_BOT_ID_LENGTH 26     /* characters at most: CHAR(26) in the application's table */
#define DESIRED_SNAPSHOT_AUTO "auto" /* vectors.restore.from.snapshot: the newest that holds the rows */
#define DESIRED_LISTS_AUTO 0         /* vectors.index.lists: from the row count */
#define DESIRED_STREAMS_AUTO 0       /* vectors.restore.streams: from the machine and the rows */
#define DESIRED_PERCENT_WHOLE 10000  /* 100 %, in hundredths of a percent */

struct desired_strings {
	const char **items;
	size_t count;
};

struct desired_role {
	bool present;
	const char *arn;
	const char *external_id; /* NULL: none */
};

struct desired_aws {
	bool present;
	const char *region;              /* NULL: as the AWS SDKs find it */
	const char *account;             /* 12 digits, or NULL: no guard */
	const char *stack;               /* NULL: nothing is looked up in CloudFormation */
	struct desired_role assume_role; /* present == false: the credentials as they are */
};

struct desired_deploy {
	bool present;
	struct desired_strings command;
	const char *directory; /* usable as it is; NULL: the spec's */
	int64_t timeout;       /* seconds */
};

struct desired_cluster {
	bool present;
	const char *identifier; /* NULL: the stack's Aurora cluster */
	bool encrypted;         /* true: must be encrypted at rest; false: not managed (trueup never decrypts) */
	const char *kms_key;    /* key id, ARN or alias; another key is drift. NULL: any key */
	enum desired_replace replace;
	struct desired_deploy deploy; /* present with DEPLOY */
};

struct desired_rotation {
	bool present;
	bool enabled; /* of itself; see diff_needs_still_password() of plan/diff.h */
};

/* How to reach a database. What is NULL or 0 comes from the cluster, its secret and the stack. */
struct desired_connect {
	bool present;
	const char *secret; /* Secrets Manager ARN or name */
	enum desired_auth auth;
	const char *host;     /* the name that TLS checks */
	const char *hostaddr; /* the address that is dialled, e.g. of a tunnel */
	int64_t port;         /* 0: not named */
	const char *database;
	const char *user;
	enum desired_sslmode sslmode;
	const char *sslrootcert; /* path, usable as it is (already resolved against the spec's directory) */
};

struct desired_index {
	bool present;
	enum desired_index_method method;
	int64_t lists; /* DESIRED_LISTS_AUTO, or 1 to 32768 */
};

struct desired_count {
	const char *bot; /* as pg/digest.h names bots */
	int64_t rows;
};

struct desired_counts {
	bool present; /* false: nothing says how many rows there should be, so rows are not compared */
	enum desired_counts_from from;
	const char *file;           /* with BASELINE: path, usable as it is; it may be absent until it is captured */
	struct desired_count *bots; /* with INLINE: sorted by bot, each once */
	size_t bot_count;
};

/* Just one of the three is set, as `kind` says. */
struct desired_source {
	bool present;
	const char *snapshot; /* DESIRED_SNAPSHOT_AUTO, or its identifier or ARN */
	const char *cluster;  /* cluster identifier */
	struct desired_connect connect;
	enum desired_source_kind kind;
};

/* What homogeneous data migrations of DMS cannot do without. */
struct desired_dms {
	bool present;
	const char *role;         /* ARN: the role that the migration runs as (ServiceAccessRoleArn) */
	const char *secrets_role; /* ARN: the role that reads both ends' secrets; NULL: `role` */
	const char *subnet_group; /* replication subnet group of the instance profile */
};

struct desired_restore {
	bool present; /* false: rows are compared, never moved */
	enum desired_restore_method method;
	struct desired_source from;
	int64_t streams;            /* with COPY and REPLICATION: DESIRED_STREAMS_AUTO, or 1 to 16 */
	enum desired_embed_via via; /* with EMBED, as the next three */
	enum desired_embed_form form;
	int64_t concurrency; /* bots that are embedded at the same time, at most */
	int64_t attempts;    /* times that a bot's embedding is started, at most */
	int64_t pickup;      /* seconds that a queued bot is given to get a task */
	struct desired_dms dms;
};

struct desired_vectors {
	bool present;
	const char *table; /* "items" or "schema.items": plain lower-case identifiers that need no quoting */
	enum desired_schema schema;
	struct desired_index index; /* present == false: any vector index will do */
	enum desired_match match;
	int64_t tolerance; /* hundredths of a percent of a bot's rows, 0 to DESIRED_PERCENT_WHOLE */
	struct desired_counts counts;
	struct desired_restore restore;
	struct desired_connect connect;
};

/* Who shall be in a group: just one of username and email is set. */
struct desired_member {
	const char *username;
	const char *email;
	const char *text; /* as it is written in the spec, for reports */
	const char *file; /* where it is written */
	int64_t line;     /* in that file, from 1 */
	int64_t column;   /* in that line, from 1 */
};

struct desired_group {
	const char *name;
	struct desired_member *members; /* in the order written, those of membersFrom last; no one twice */
	size_t member_count;
	const char *members_from; /* path, usable as it is; its members are in `members` already */
	bool exclusive;           /* whoever is not listed is removed */
	bool sign_out;            /* whoever is added is signed out */
};

struct desired_users {
	bool present;
	const char *pool; /* NULL: the stack's user pool */
	struct desired_group *groups;
	size_t group_count;
};

struct desired_bots {
	bool present;
	bool usable;       /* false: the bots are looked at, for what spec.vectors makes of them, and not tried */
	const char *table; /* the application's DynamoDB table; NULL: the stack's */
	enum desired_query query;
	const char *model;  /* the embedding model's id, with BEDROCK */
	const char *region; /* where it is asked; NULL: in aws.region */
};

struct desired_limits {
	bool present;     /* the values below hold whether the spec names them or not */
	int64_t changes;  /* actions in one run, at most */
	int64_t removals; /* hundredths of a percent of a group's members that one run may remove, at most */
};

struct desired_metadata {
	bool present;
	const char *name;
	int64_t line, column; /* of the name in the file, from 1 */
};

struct desired {
	bool present;                        /* true: the members below are those of the document's section `spec` */
	const char *file;                    /* as given on the command line or found in the directory; "-" */
	int64_t line;                        /* where the document starts in the file, from 1 */
	char sha256[DIGEST_SHA256_HEX_SIZE]; /* of the whole file's text */
	struct desired_metadata metadata;
	enum desired_mode mode;
	struct desired_aws aws;
	struct desired_cluster cluster;
	struct desired_rotation rotation;
	struct desired_vectors vectors;
	struct desired_users users;
	struct desired_bots bots;
	unsigned allow; /* bits of enum desired_allow */
	struct desired_limits limits;
};

struct desired_list {
	struct desired *items;
	size_t count;
};

/* The word of one bit of `allow`, e.g. "replace-cluster": what a blocked action names. Static storage. */
const char *desired_allow_word(enum desired_allow bit);

/* Whether the application reads the group. Any other in `users` is a person's own, or a typing error. */
#define DESIRED_APPLICATION_GROUPS "Admin, CreatingBotAllowed and PublishAllowed"
bool desired_is_application_group(const char *name);

/* All of it as JSON in the spec's own words, defaults included, sections that are absent left out. A new reference. */
json_t *desired_to_json(const struct desired *desired);

#endif
