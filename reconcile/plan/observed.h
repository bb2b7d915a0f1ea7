/*
 * observed.h - what a run saw, as plain data.
 *
 * `observed` prints as JSON (`trueup observe`) and reads back (`plan
 * --observed FILE`): a bug report is a spec and this. Nothing here is a
 * handle, a connection or a secret.
 *
 * Each part begins with a `struct observed_head`: what could not be seen is
 * OBSERVED_UNKNOWN with the reason, never an empty list.
 */
#ifndef TRUEUP_PLAN_OBSERVED_H
#define TRUEUP_PLAN_OBSERVED_H

#include "base/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum observed_status {
	OBSERVED_SKIPPED, /* not looked at; on purpose and worth a word where there is a reason (mode paused,
	                     another account, a stopped cluster), else not asked for (the spec, --only) */
	OBSERVED_SEEN,
	OBSERVED_UNKNOWN, /* looked at, in vain */
};

struct observed_head {
	enum observed_status status;
	const char *reason;     /* one line; NULL with SEEN, and with SKIPPED where nobody asked */
	const char *permission; /* UNKNOWN by a refusal: the IAM action or grant that is missing, else NULL */
};

struct observed_account {
	struct observed_head head;
	const char *account; /* of the credentials in use, from GetCallerIdentity */
	const char *arn;
};

/* What the stack's outputs and resources supplied for what the spec does not name; NULL where it did not. */
struct observed_stack {
	struct observed_head head;
	const char *name;
	const char *status;  /* CloudFormation's */
	const char *failure; /* why its last operation failed, where the status says that it did and the cluster may
	                        have to be replaced; NULL else */
	const char *cluster;
	const char *secret;
	const char *pool;
	const char *table;               /* the application's DynamoDB table */
	const char *ecs_cluster;         /* of the embedding tasks */
	const char *task_definition;     /* of the embedding tasks */
	const char *task_security_group; /* of the embedding tasks; NULL with versions that do not name it */
	const char **subnets;            /* the private ones */
	size_t subnet_count;
	const char **exports; /* names of what published APIs import of the cluster: DbConfig… and DbSecurityGroupId */
	size_t export_count;
};

struct observed_instance {
	const char *identifier;
	const char *class;  /* e.g. db.serverless */
	const char *status; /* RDS's word */
	bool writer;
};

/* One Aurora cluster. */
struct observed_database {
	bool exists;
	const char *identifier;
	const char *resource_id; /* DbClusterResourceId: stays through a rename */
	const char *status;      /* RDS's word: available, creating, stopped, … */
	const char *kms_key;     /* ARN; NULL if not encrypted with a KMS key */
	const char *endpoint;
	const char *deployment; /* the tag trueup:deployment; NULL: not made by trueup */
	const char *snapshot;   /* the tag trueup:snapshot of a temporary source of rows; NULL: it is none */
	int64_t port;
	bool encrypted;
	struct observed_instance *instances;
	size_t instance_count;
};

/* A manual snapshot of a cluster. */
struct observed_snapshot {
	bool exists;
	const char *identifier;
	const char *status;
	const char *deployment;  /* as above */
	const char *cluster;     /* what the cluster was called that it was taken of */
	const char *resource_id; /* of that cluster */
	const char *created;     /* RFC 3339: the moment whose rows it holds; NULL where RDS does not say */
	int64_t percent;
	bool encrypted;
	bool final; /* CloudFormation took it of a vector store that it replaced or deleted */
};

struct observed_cluster {
	struct observed_head head;
	const char *identifier;           /* the name the deployment uses */
	const char *kms_key;              /* the ARN of spec.cluster.kmsKey; NULL if none is asked for */
	struct observed_database current; /* under that name */
	struct observed_database aside;   /* the old one, renamed by a replacement */
	struct observed_database fresh;   /* the encrypted one that is to take its place */
	struct observed_snapshot snapshot;
	struct observed_snapshot
	    *snapshots; /* with replace deploy or manual: see kinds/snapshots.h; the oldest first */
	size_t snapshot_count;
	const char
	    *deploy_problem; /* why cluster.deploy's command cannot be run here; NULL: it can, or is not asked for */
};

/* The secret that the database is opened with, and the rotation of its password. */
struct observed_rotation {
	struct observed_head head;
	const char *secret; /* its name */
	const char *arn;
	const char *lambda;          /* ARN of the rotation function; NULL: rotation was never set up */
	const char *schedule;        /* "every 30 days", "cron(…)"; NULL: none */
	const char *last_rotated;    /* RFC 3339; NULL: never, or not said */
	const char *next_rotation;   /* RFC 3339, the latest time for it; NULL: none */
	const char *last_changed;    /* RFC 3339, in any way; NULL: not said */
	const char *deleted;         /* RFC 3339: what AWS says of its deletion, which is under way; NULL: it is not */
	const char *current_version; /* the one with AWSCURRENT */
	const char
	    *pending_version; /* another one with AWSPENDING: a rotation under way, or one that failed; NULL: none */
	bool enabled;
};

struct observed_bot {
	const char *id;
	const char *digest; /* NULL: not computed */
	int64_t rows;
};

struct observed_index {
	bool exists;
	bool valid;
	const char *name;
	const char *method; /* ivfflat, hnsw */
	int64_t lists;      /* ivfflat */
	int64_t suggested;  /* lists for the rows that are there (pg/schema.h) */
	int64_t trained;    /* rows that it was built on, as trueup wrote at it; 0: not known */
	bool crowded;       /* a search reads a quarter of the rows or more; looked at with `lists: auto` alone */
};

struct observed_schema {
	const char *extension; /* version of pgvector; NULL: not installed */
	bool table;
	bool primary_key;
	bool botid_index;
	const char *mismatch; /* what differs from Bedrock Chat's columns; NULL: nothing */
	struct observed_index index;
};

/* What restore.from: {snapshot: …} is about, or, for a spec that takes rows from elsewhere, what one that did has left.
 */
struct observed_restore {
	struct observed_head head; /* SKIPPED where it was not looked at */
	const char *target;        /* identifier of the deployment's cluster, whose network is shared */
	const char *target_id;     /* its resource id */
	const char *kms_key;       /* ARN; NULL: it is not encrypted with a KMS key */
	struct observed_snapshot
	    *snapshots; /* that may hold the rows, the oldest first; or the one that the spec names */
	size_t snapshot_count;
	struct observed_database *clusters; /* temporary ones of ours, and whatever else has the name of one */
	size_t cluster_count;
};

/* What the application embeds its bots' knowledge with, where spec.vectors.restore is to embed. */
struct observed_embedding {
	struct observed_head head;
	const char *definition; /* ARN of the task definition's revision */
	int64_t cpu;            /* of a task, in units: 1024 are a vCPU */
	int64_t memory;         /* of a task, in MiB */
};

/* The source's end of a logical replication: see pg/replication.h. */
struct observed_publisher {
	bool rds;
	bool logical;
	bool identity;
	const char *extra;
	const char *missing;
	bool publication;
	bool role;
	bool slot;
	bool slot_lost;
	bool old_slot;
	int64_t slots_left;
	int64_t held_bytes;
};

struct observed_subscriber {
	const char *missing;
	bool subscription;
	bool enabled;
};

/* Where restore.method is `replication`. The target's end is seen wherever the vectors are. */
struct observed_replication {
	struct observed_head head; /* of the source's end */
	const char *name;          /* of whatever trueup makes for it, on both ends */
	bool source_gone;          /* RDS knows no cluster of the name that restore.from has */
	struct observed_publisher source;
	struct observed_subscriber target;
};

/* One end of a data migration, as DMS would be told of it. */
struct observed_dms_end {
	const char *server; /* host:port; NULL: not known */
	const char *database;
	const char *secret; /* whose JSON has user name and password */
};

/* What there is of each kind under the name that trueup gives it. `deployment`: the tag; NULL: not made by trueup. */
struct observed_dms_profile {
	bool exists;
	bool public;
	const char *deployment;
	const char *subnet_group;
};

struct observed_dms_provider {
	bool exists;
	const char *deployment;
	const char *server; /* host:port */
	const char *database;
};

struct observed_dms_project {
	bool exists;
	const char *deployment;
	const char *source_secret;
	const char *target_secret;
	const char *role; /* ARN: the one that reads the secrets */
};

struct observed_dms_migration {
	bool exists;
	const char *deployment;
	const char *status;      /* DMS's word, of which AWS publishes no list */
	const char *role;        /* ARN: what it runs as */
	const char *failure;     /* NULL: none */
	const char *stop_reason; /* NULL: none */
	const char *started;     /* RFC 3339; NULL: never */
	const char *ended;       /* NULL: not yet */
	int64_t percent;         /* of the load */
	int64_t errored;         /* tables that DMS gave up */
};

/* DMS, and what it would work between; with spec.vectors.restore.method dms only. */
struct observed_dms {
	struct observed_head head;
	struct observed_head source_head; /* whether the source could be reached */
	bool refused;                     /* it could, and it does not accept the password that its secret has now */
	const char **only_here; /* bots of both sides with rows that only the target has, where that shows in numbers */
	size_t only_here_count;
	struct observed_dms_end source;
	struct observed_dms_end target;
	struct observed_dms_profile profile;
	struct observed_dms_provider source_provider;
	struct observed_dms_provider target_provider;
	struct observed_dms_project project;
	struct observed_dms_migration migration;
};

struct observed_vectors {
	struct observed_head head;
	const char *table;
	const char *server; /* host and port that answered */
	struct observed_schema schema;
	struct observed_bot *bots; /* sorted by id */
	size_t bot_count;
	struct observed_head source_head; /* restore.from, where counts.from is `source` */
	struct observed_bot *source;      /* sorted by id */
	size_t source_count;
	struct observed_restore restore;
	struct observed_embedding embedding;
	struct observed_replication replication;
	struct observed_dms dms;
};

struct observed_user {
	const char *username;
	const char *email;  /* NULL: has none */
	const char *status; /* Cognito's word: CONFIRMED, EXTERNAL_PROVIDER, … */
	bool enabled;
};

struct observed_group {
	struct observed_head head;
	const char *name;
	bool exists;
	struct observed_user *members; /* sorted by username */
	size_t member_count;
};

/* Who answers to a member as the spec writes it, asked for those who are not in the group. */
struct observed_candidate {
	struct observed_head head;
	const char *asked; /* the member's text in the spec */
	struct observed_user *users;
	size_t user_count;
};

struct observed_users {
	struct observed_head head;
	const char *pool;
	struct observed_group *groups;
	size_t group_count;
	struct observed_candidate *candidates;
	size_t candidate_count;
};

/* A bot as the application's table has it. */
struct observed_app_bot {
	const char *id;
	const char *owner;       /* the user's sub: the item's PK */
	bool knowledge;          /* any of its Knowledge lists is not empty */
	bool sitemaps;           /* one of these lists is of sitemaps, which the application cannot embed */
	bool knowledge_base;     /* of a Bedrock knowledge base: it has no rows in the table */
	const char *sync_status; /* QUEUED, RUNNING, SUCCEEDED, FAILED, ORIGINAL_NOT_FOUND; NULL: none */
	const char *sync_reason;
	const char *last_exec; /* the id of the ECS task that embedded it last; NULL: none */
	const char *published; /* the stack of its published API; NULL: it is not published */
	const char *task;      /* RUNNING: what ECS says of its task, "gone" where it knows none; NULL: not asked */
	const char *task_end;  /* why the task stopped; NULL: it has not, or nobody knows */
	int64_t rows;          /* in the vector table, where the searches were tried */
	const char *search;    /* "answers", "misses" or "no embedding"; NULL: not tried */
	const char *question;  /* "answers" or "nothing", to a question in words; NULL: not asked */
};

/* The application's searches, tried out (pg/search.h). */
struct observed_searches {
	struct observed_head head;       /* SKIPPED without a reason: the spec does not ask for it */
	const char *index;               /* that serves them; NULL: none does */
	int64_t tried, meant;            /* bots; fewer than were meant where it took too long */
	int64_t limit;                   /* rows that a search asks for */
	int64_t questions;               /* of the sample that recall is taken of */
	int64_t expected, found;         /* rows nearest to these in all, and through the index */
	int64_t indexed;                 /* of the questions, those that PostgreSQL sends through the index by itself */
	struct observed_head words_head; /* questions in words: SKIPPED without a reason: not asked for */
	int64_t words, matched;          /* asked; and those that found the row whose words they are */
};

/* Whether the application answers from rows of this bot: it has knowledge, and no knowledge base of Bedrock's. */
bool observed_bot_needs_rows(const struct observed_app_bot *bot);

struct observed_bots {
	struct observed_head head;
	const char *table;
	struct observed_app_bot *bots; /* sorted by id */
	size_t bot_count;
	struct observed_head tasks_head; /* SKIPPED: no task had to be looked up */
	struct observed_searches searches;
};

struct observed_setting {
	const char *key;
	const char *value;
};

/* A key of a usage plan. Nobody ever looks at its value. */
struct observed_key {
	const char *id;
	const char *name;
};

/*
 * A stack that imports what a replacement of the cluster changes, with what it
 * takes to publish its API again. The same is recorded of an API before it is
 * removed (kinds/apis_record.h).
 */
struct observed_api {
	const char *stack;
	const char *id;     /* the stack's ARN */
	const char *status; /* CloudFormation's; of what is recorded: then */
	const char *reason; /* with DELETE_FAILED: why */
	const char *bot;    /* the end of the stack's name; NULL: it is not called as the application calls them */
	bool foreign;       /* no published API but somebody's own: nothing more of it was looked at */
	bool protected;     /* the stack, from deletion */
	const char *owner;  /* recorded: of the bot, a user's sub; NULL where the table of bots was not looked at */
	const char *api;    /* API Gateway's id */
	const char *name;   /* API Gateway's */
	const char *stage;
	const char *origins; /* that browsers may call it from, with commas */
	const char *plan;    /* the usage plan's id */
	const char *rate;    /* requests a second, in digits; NULL: no throttle */
	int64_t burst;       /* requests at once */
	int64_t quota;       /* requests a period; 0: no quota */
	int64_t quota_offset;
	const char *period; /* DAY, WEEK, MONTH */
	struct observed_key *keys;
	size_t key_count;
	struct observed_setting *parameters; /* the stack's */
	size_t parameter_count;
	struct observed_setting *outputs; /* the stack's, these above among them */
	size_t output_count;
	const char **imports; /* names of the exports that are in question here */
	size_t import_count;
	const char *recorded; /* RFC 3339: when; NULL: it is not recorded */
	const char **left;    /* recorded: resources that the stack's deletion left, by their physical ids */
	size_t left_count;
};

struct observed_apis {
	struct observed_head head;
	struct observed_api *apis; /* that are there; sorted by stack */
	size_t api_count;
	struct observed_api *removed; /* recorded, and not published now; sorted by stack */
	size_t removed_count;
	const char *file; /* the record's, on the machine that looked; NULL: there is none */
};

struct observed {
	const char *name; /* the deployment's */
	const char *at;   /* RFC 3339: when it was seen */
	struct observed_account account;
	struct observed_stack stack;
	struct observed_cluster cluster;
	struct observed_rotation rotation;
	struct observed_vectors vectors;
	struct observed_users users;
	struct observed_bots bots;
	struct observed_apis apis;
};

/* `struct observed` as JSON and back (base/record.h). */
extern const struct record observed_record;

/* One of its APIs, which is what is recorded of it, too. */
extern const struct record observed_api_record;

/* Mark a part unknown for the reason in err. The strings go into the arena. */
void observed_set_unknown(struct observed_head *head, struct arena *arena, const struct error *err);

/* A part of what was observed that is OBSERVED_UNKNOWN. */
struct observed_unknown {
	const char *part; /* the member of struct observed that it is in, by its key: "users" */
	const struct observed_head *head;
};

/* All of them, however deep they stand. The array is the arena's. */
struct observed_unknown *observed_list_unknown(struct arena *arena, const struct observed *observed, size_t *count);

/* The reason and, where one is missing, OBSERVED_LACKS and the permission: what a report says. */
#define OBSERVED_LACKS "(missing permission: "
const char *observed_reason(struct arena *arena, const char *reason, const char *permission);

/* What rows of no bot are listed under (botid NULL), as pg/digest.h has it. */
#define OBSERVED_NO_BOT "(null)"

/* The bot with this id in a list sorted by id, or NULL. */
const struct observed_bot *observed_find_bot(const struct observed_bot *bots, size_t count, const char *id);

/* The application's bot with this id, or NULL. */
const struct observed_app_bot *observed_find_app_bot(const struct observed_bots *bots, const char *id);

/* The group of this name, or NULL. */
const struct observed_group *observed_find_group(const struct observed_users *users, const char *name);

/* Sum of the bots' rows. */
int64_t observed_sum_rows(const struct observed_bot *bots, size_t count);

#endif
