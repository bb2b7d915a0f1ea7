/*
 * dms.h - homogeneous data migrations of DMS: what a migration is made of, and
 * how it goes. Facts: botocore's model; what the model leaves open (the words
 * of a migration's status, its reasons) is AWS's to choose, and read so that
 * any word will do.
 *
 * Everything has a name of the caller's choice, unique in account and region
 * for its kind; identifiers may be names or ARNs.
 */
#ifndef TRUEUP_AWS_DMS_H
#define TRUEUP_AWS_DMS_H

#include "aws/client.h"

/* The network that DMS works in. Made ready for use at once, like providers and projects. */
struct dms_profile {
	const char *arn; /* of what was found; creating ignores it, here and below */
	const char *name;
	const char *subnet_group;
	const char **security_groups; /* none: the VPC's default */
	size_t security_group_count;
	bool public; /* AWS's own default is true */
};

/* One database, and how to reach it. */
struct dms_provider {
	const char *arn;
	const char *name;
	const char *server;
	int64_t port;
	const char *database;
	const char *sslmode; /* none, require, verify-ca, verify-full */
};

/* One end of a project. */
struct dms_end {
	const char *provider; /* name */
	const char *secret;   /* name or ARN: its JSON has username and password */
	const char *role;     /* ARN of the role that reads the secret */
};

struct dms_project {
	const char *arn;
	const char *name;
	const char *profile; /* name */
	struct dms_end source;
	struct dms_end target;
};

struct dms_migration {
	const char *arn;
	const char *name;
	const char *project; /* ARN when found, name or ARN when created */
	const char *role;    /* ARN: what the migration runs as */
	const char *schema;  /* creating only: the one table that is moved */
	const char *table;
	const char *status;      /* DMS's word */
	const char *failure;     /* LastFailureMessage; NULL: none */
	const char *stop_reason; /* NULL: none */
	const char *started;     /* as DMS writes it: ISO 8601; NULL: never */
	const char *ended;       /* NULL: not yet */
	int64_t percent;         /* of the full load */
	int64_t tables_loaded;
	int64_t tables_errored;
};

enum dms_kind { DMS_PROFILE, DMS_PROVIDER, DMS_PROJECT, DMS_MIGRATION };

/* What bears this very name. ERROR_NOT_FOUND. */
int dms_find_profile(struct aws *aws, struct arena *arena, const char *name, struct dms_profile *profile,
                     struct error *err);
int dms_find_provider(struct aws *aws, struct arena *arena, const char *name, struct dms_provider *provider,
                      struct error *err);
int dms_find_project(struct aws *aws, struct arena *arena, const char *name, struct dms_project *project,
                     struct error *err);
int dms_find_migration(struct aws *aws, struct arena *arena, const char *name, struct dms_migration *migration,
                       struct error *err);

/* The value of a tag; NULL: it does not have it. */
int dms_find_tag(struct aws *aws, struct arena *arena, const char *arn, const char *key, const char **value,
                 struct error *err);

struct dms_tag {
	const char *key;
	const char *value;
};

/* ERROR_EXISTS: the name is in use, perhaps by what a lost answer was about. */
int dms_create_profile(struct aws *aws, struct arena *arena, const struct dms_profile *profile,
                       const struct dms_tag *tag, struct error *err);
/* Of Aurora PostgreSQL. */
int dms_create_provider(struct aws *aws, struct arena *arena, const struct dms_provider *provider,
                        const struct dms_tag *tag, struct error *err);
int dms_create_project(struct aws *aws, struct arena *arena, const struct dms_project *project,
                       const struct dms_tag *tag, struct error *err);

/*
 * A full load of one table, which adds its rows to those of the target
 * (TablePreparationMode do-nothing): nothing there is dropped, truncated or
 * replaced, and a row whose key is there already fails the load.
 */
int dms_create_migration(struct aws *aws, struct arena *arena, const struct dms_migration *migration,
                         const struct dms_tag *tag, struct error *err);

/* For the first time. ERROR_STATE: it is not ready yet, or was started already. */
int dms_start_migration(struct aws *aws, struct arena *arena, const char *identifier, struct error *err);
int dms_stop_migration(struct aws *aws, struct arena *arena, const char *identifier, struct error *err);

/* ERROR_STATE: in use, or a migration that runs. A migration is gone some time later. */
int dms_delete(struct aws *aws, struct arena *arena, enum dms_kind kind, const char *identifier, struct error *err);

#endif
