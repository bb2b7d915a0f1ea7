/*
 * config.h - agent.yaml: how `trueup agent` keeps its deployments matched.
 *
 * Read with the same table-driven reader as specs (reconcile/spec/field.h), so
 * with the same errors, and documented by the same table: `trueup explain agent`.
 * It is plain data in an arena, and nobody changes it; to change it is to read
 * another and take that one's place.
 *
 * Sections begin with `present`. Paths are usable as they are: those that were
 * relative in the file are relative to the file. Strings are NULL where the file
 * is silent and there is no default. Times are in seconds.
 */
#ifndef TRUEUP_AGENT_DAEMON_CONFIG_H
#define TRUEUP_AGENT_DAEMON_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "daemon/cron.h"
#include "spec/desired.h"
#include "spec/issue.h"

#define AGENT_CONFIG_DEFAULT "/etc/trueup/agent.yaml"
#define AGENT_CONFIG_MAX ((size_t)1024 * 1024) /* bytes */

enum agent_mode {
	AGENT_MODE_APPLY,   /* apply: drift is put right */
	AGENT_MODE_OBSERVE, /* plan: drift is reported */
};

/* Just one of cron and every is set. */
struct agent_schedule {
	bool present;
	const char *cron; /* as it was written */
	const char *time_zone;
	int64_t every;
	struct cron parsed; /* of cron */
};

/* Just one of the two is set. */
struct agent_verify {
	bool present;
	const char *allowed_signers; /* of ssh-keygen */
	const char *keyring;         /* of gpg: public keys */
};

struct agent_git {
	bool present;
	const char *url;
	const char *branch; /* just one of branch and tag; neither: the remote's HEAD */
	const char *tag;
	const char *directory; /* of the specs, within the repository */
	int64_t interval;
	struct agent_verify verify;
	const char *ssh_key;
	const char *token; /* file: a password or token for https */
};

/* Just one of the two is set. */
struct agent_specs {
	bool present;
	const char *path; /* a directory, or one file */
	struct agent_git git;
};

/* What differs for one deployment. */
struct agent_deployment {
	const char *name;
	struct agent_schedule schedule; /* present == false: the agent's */
	enum agent_mode mode;           /* as the agent's where the file is silent */
	int64_t timeout;                /* likewise */
};

struct agent_tls {
	bool present;
	const char *certificate; /* file, PEM, the chain */
	const char *key;         /* file, PEM */
};

struct agent_listen {
	bool present;
	const char *address; /* "127.0.0.1:9464", "[::1]:9464" */
	struct agent_tls tls;
	const char *token; /* file: the bearer token */
	const char *basic; /* file: "user:password" a line */
};

struct agent_webhook {
	bool present;
	const char *secret; /* file */
};

struct agent_github {
	bool present;
	const char *url;        /* of the API */
	const char *repository; /* "owner/name" */
	const char *token;      /* file */
};

struct agent_gitlab {
	bool present;
	const char *url;     /* of the server */
	const char *project; /* id, or path with slashes */
	const char *token;   /* file */
};

struct agent_status {
	bool present;
	struct agent_github github;
	struct agent_gitlab gitlab;
};

struct agent_target {
	bool present;
	const char *url;
	const char *url_file; /* the url itself may be the secret */
};

/* Just one of webhook, slack and command is set. */
struct agent_notify {
	const char *name;
	struct agent_target webhook;
	struct agent_target slack;
	struct desired_strings command;
	int64_t digest; /* changes within so many seconds go into one message */
};

struct agent_retention {
	bool present; /* the values hold whether the file names them or not */
	int64_t days;
	int64_t reports; /* of each deployment */
};

struct agent_config {
	bool present;     /* true: see field.h */
	const char *file; /* where it was read from */
	struct agent_specs specs;
	struct agent_schedule schedule;
	int64_t splay; /* each run starts up to so much later, the same for a deployment every time */
	enum agent_mode mode;
	int64_t concurrency; /* deployments side by side */
	int64_t timeout;     /* of one reconciliation: then TERM, and KILL a minute later */
	struct agent_deployment *deployments;
	size_t deployment_count;
	const char *state; /* directory; NULL: $TRUEUP_STATE, else the contract's default */
	struct agent_retention retention;
	struct agent_listen listen;
	struct agent_webhook webhook;
	struct agent_status status;
	struct agent_notify *notify;
	size_t notify_count;
};

/*
 * Read and check `file`. Everything that is wrong is appended to `issues`.
 * Returns 0, or -1 if anything was: *config is not to be used then.
 */
int agent_config_load(struct arena *arena, const char *file, struct agent_config *config, struct spec_issues *issues);

/* The same of a text; relative paths in it are relative to the directory of `file`. */
int agent_config_parse(struct arena *arena, const char *file, const char *text, size_t length,
                       struct agent_config *config, struct spec_issues *issues);

/* Whether the files and programs that it names are there: what is not is appended to `issues`. 0, or -1. */
int agent_config_check_files(struct arena *arena, const struct agent_config *config, struct spec_issues *issues);

/* Log what is right, and yet not as it should be: secrets in files that others can read. */
void agent_config_warn(const struct agent_config *config);

/* The documentation of a field ("listen.tls"), or of all of them (""). ERROR_INVALID if there is no such field. */
int agent_config_explain(const char *path, struct buf *out, struct error *err);

/* Whether what is sent to this URL is for its server alone: over TLS, or to this machine. */
bool agent_config_keeps_secret(const char *url);

/* What the file says of one deployment, or NULL. */
const struct agent_deployment *agent_config_find(const struct agent_config *config, const char *name);

/* When a deployment is due next after `after`, without splay. */
time_t agent_schedule_next(const struct agent_schedule *schedule, time_t after);

#endif
