#include "spec/rule.h"
#include "spec/scalar.h"

#include <arpa/inet.h>
#include <string.h>

struct rules {
	struct reader *reader;
	const struct tree_node *root;
	size_t first, end; /* the issues of reading, which the rules' own are not to be confused with */
};

/* Whether reading found something wrong at a path or below it. */
static bool is_spoilt(const struct rules *rules, const char *path)
{
	size_t i, length = strlen(path);

	for (i = rules->first; i < rules->end; i++) {
		const char *other = rules->reader->issues->items[i].path;

		if (strncmp(other, path, length) == 0 && strchr(".[", other[length]) != NULL)
			return true;
	}
	return false;
}

static bool is_written(const struct rules *rules, const char *path)
{
	const char *dot = strrchr(path, '.');
	char parent[256];

	if (dot == NULL || (size_t)(dot - path) >= sizeof(parent))
		return false;
	memcpy(parent, path, (size_t)(dot - path));
	parent[dot - path] = '\0';
	return tree_get(tree_nearest(rules->root, parent), dot + 1) != NULL;
}

static void broken(const struct rules *rules, const char *path, const char *message)
{
	struct spec_issue at = read_place(rules->reader, tree_nearest(rules->root, path), path);

	spec_issue_add(rules->reader->arena, rules->reader->issues, at, "%s", message);
}

/* What CloudFormation replaces is the stack's, by whatever name it gives the new one. */
static void check_deploy(const struct rules *rules, const struct desired *desired)
{
	const struct desired_cluster *cluster = &desired->cluster;

	if (!is_written(rules, "spec.cluster.encrypted"))
		broken(rules, "spec.cluster.replace",
		       "needs `encrypted: true` beside it, or there is nothing to replace for");
	if (!cluster->deploy.present)
		broken(rules, "spec.cluster.replace",
		       "needs deploy beside it, such as `deploy: {command: [npx, cdk, deploy]}`");
	if (desired->aws.stack == NULL && !is_spoilt(rules, "spec.aws"))
		broken(rules, "spec.cluster.replace", "needs spec.aws.stack, the stack that is deployed");
	if (cluster->identifier != NULL)
		broken(
		    rules, "spec.cluster.identifier",
		    "must be left out with `replace: deploy`: CloudFormation gives the new cluster another name, and "
		    "the stack says which");
}

static void check_cluster(const struct rules *rules, const struct desired *desired)
{
	const struct desired_cluster *cluster = &desired->cluster;

	if (!cluster->present || is_spoilt(rules, "spec.cluster"))
		return;
	if (is_written(rules, "spec.cluster.encrypted") && !cluster->encrypted)
		broken(rules, "spec.cluster.encrypted",
		       "must be true: trueup never decrypts; to leave the encryption alone, leave it out");
	else if (cluster->kms_key != NULL && !cluster->encrypted)
		broken(rules, "spec.cluster.kmsKey", "needs `encrypted: true` beside it");
	if (cluster->replace == DESIRED_REPLACE_RESTORE && !is_written(rules, "spec.cluster.encrypted"))
		broken(rules, "spec.cluster.replace",
		       "needs `encrypted: true` beside it, or there is nothing to replace for");
	else if (cluster->replace == DESIRED_REPLACE_RESTORE && desired->aws.stack == NULL &&
	         desired->vectors.connect.secret == NULL && desired->vectors.connect.auth == DESIRED_AUTH_SECRET &&
	         !is_spoilt(rules, "spec.aws") && !is_spoilt(rules, "spec.vectors"))
		broken(rules, "spec.cluster.replace",
		       "needs the database's password, to compare the rows: set spec.aws.stack, or "
		       "spec.vectors.connect.secret");
	if (cluster->replace == DESIRED_REPLACE_DEPLOY)
		check_deploy(rules, desired);
	else if (cluster->identifier == NULL && desired->aws.stack == NULL && !is_spoilt(rules, "spec.aws"))
		broken(rules, "spec.cluster", "names no cluster: set identifier, or spec.aws.stack to find it by");
}

static void check_connect(const struct rules *rules, const struct desired_connect *connect, const char *path)
{
	struct arena *arena = rules->reader->arena;
	struct in6_addr address;

	if (!connect->present || is_spoilt(rules, path))
		return;
	if (connect->hostaddr != NULL && inet_pton(AF_INET, connect->hostaddr, &address) != 1 &&
	    inet_pton(AF_INET6, connect->hostaddr, &address) != 1)
		broken(rules, arena_printf(arena, "%s.hostaddr", path),
		       "must be an IPv4 or IPv6 address; a name goes into host");
	if (connect->auth == DESIRED_AUTH_IAM && connect->host != NULL && connect->user == NULL)
		broken(rules, path, "needs user with `auth: iam` and host: a token is signed for a user");
	if (connect->auth == DESIRED_AUTH_IAM && connect->sslmode < DESIRED_SSLMODE_REQUIRE)
		broken(
		    rules, arena_printf(arena, "%s.sslmode", path),
		    "must be require, verify-ca or verify-full with `auth: iam`: a token may not travel in the clear");
}

static bool names_table(const struct desired *desired)
{
	return desired->bots.table != NULL || desired->aws.stack != NULL;
}

static void check_counts(const struct rules *rules, const struct desired *desired)
{
	const struct desired_vectors *vectors = &desired->vectors;
	const struct desired_counts *counts = &vectors->counts;
	bool inline_bots = counts->from == DESIRED_COUNTS_INLINE, baseline = counts->from == DESIRED_COUNTS_BASELINE;

	if (!counts->present || is_spoilt(rules, "spec.vectors.counts"))
		return;
	if (baseline && counts->file == NULL)
		broken(rules, "spec.vectors.counts",
		       "needs file with `from: baseline`, such as `file: baselines/production.yaml`");
	if (inline_bots && !is_written(rules, "spec.vectors.counts.bots"))
		broken(rules, "spec.vectors.counts", "needs bots with `from: inline`, the rows of each by its id");
	if (counts->from == DESIRED_COUNTS_BOTS && !names_table(desired) && !is_spoilt(rules, "spec.bots") &&
	    !is_spoilt(rules, "spec.aws"))
		broken(
		    rules, "spec.vectors.counts.from",
		    "needs the application's table with `bots`: set spec.bots.table, or spec.aws.stack to find it by");
	if (counts->from != DESIRED_COUNTS_SOURCE || is_spoilt(rules, "spec.vectors.restore"))
		return;
	if (!vectors->restore.from.present)
		broken(rules, "spec.vectors.counts.from", "needs spec.vectors.restore.from, which is the source");
	else if (vectors->restore.from.snapshot != NULL)
		broken(rules, "spec.vectors.counts.from",
		       "cannot be `source` with a snapshot, which nobody can read before it is restored: capture a "
		       "baseline (trueup capture) before the cluster is replaced, and use `from: baseline`");
}

#define NO_SECRET "names no secret: set secret, or spec.aws.stack to find it by"

/* Whether it is known where the password comes from, if there is to be one. */
static bool names_secret(const struct desired *desired, const struct desired_connect *connect)
{
	return connect->auth == DESIRED_AUTH_IAM || connect->secret != NULL || desired->aws.stack != NULL;
}

static void check_snapshot(const struct rules *rules, const struct desired *desired)
{
	const struct desired_vectors *vectors = &desired->vectors;

	if (vectors->restore.from.snapshot == NULL)
		return;
	if (vectors->restore.method != DESIRED_RESTORE_COPY)
		broken(rules, "spec.vectors.restore.from.snapshot", "needs `method: copy`: its rows are copied");
	if (!vectors->counts.present && !is_spoilt(rules, "spec.vectors.counts"))
		broken(rules, "spec.vectors",
		       "needs counts with `restore.from: {snapshot: …}`, or nobody knows which rows are missing, such "
		       "as `counts: {from: baseline, file: baselines/production.yaml}`");
	if (vectors->connect.host != NULL && desired->cluster.identifier == NULL && desired->aws.stack == NULL &&
	    !is_spoilt(rules, "spec.cluster") && !is_spoilt(rules, "spec.aws"))
		broken(rules, "spec.vectors.restore.from.snapshot",
		       "needs the cluster whose network the temporary one shares: set spec.cluster.identifier, or "
		       "spec.aws.stack to find it by");
}

/* DMS logs in by itself, with what is in secrets, and is told where to. */
static void check_dms(const struct rules *rules, const struct desired *desired)
{
	const struct desired_restore *restore = &desired->vectors.restore;
	const struct desired_source *from = &restore->from;

	if (restore->method != DESIRED_RESTORE_DMS)
		return;
	if (!restore->dms.present)
		broken(rules, "spec.vectors.restore",
		       "needs dms with `method: dms`, such as `dms: {role: \"arn:aws:iam::123456789012:role/dms\", "
		       "subnetGroup: bedrock-chat-dms}`");
	if (!from->present)
		broken(
		    rules, "spec.vectors.restore",
		    "needs from with `method: dms`: {cluster: …} or {connect: {…}}, a database that is there already");
	if (from->connect.present && from->connect.auth == DESIRED_AUTH_IAM)
		broken(rules, "spec.vectors.restore.from.connect.auth",
		       "must be secret with `method: dms`: DMS logs in with a password");
	if (desired->vectors.connect.auth == DESIRED_AUTH_IAM)
		broken(rules, "spec.vectors.connect.auth",
		       "must be secret with `method: dms`: DMS logs in with a password");
	if (!desired->rotation.present && !is_spoilt(rules, "spec.rotation"))
		broken(rules, "spec.vectors.restore.method",
		       "needs spec.rotation beside `dms`: rotation is off while DMS works, and the section says "
		       "whether it is to be on afterwards");
}

static void check_restore(const struct rules *rules, const struct desired *desired)
{
	const struct desired_restore *restore = &desired->vectors.restore;
	const struct desired_source *from = &restore->from;

	if (!restore->present || is_spoilt(rules, "spec.vectors.restore"))
		return;
	if (restore->method == DESIRED_RESTORE_COPY && !from->present)
		broken(rules, "spec.vectors.restore",
		       "needs from with `method: copy`, such as `from: {cluster: old-cluster}`");
	if (restore->method == DESIRED_RESTORE_REPLICATION && !from->present)
		broken(rules, "spec.vectors.restore",
		       "needs from with `method: replication`, such as `from: {cluster: old-cluster}`");
	check_dms(rules, desired);
	if (from->cluster != NULL && desired->cluster.identifier != NULL &&
	    strcmp(from->cluster, desired->cluster.identifier) == 0)
		broken(rules, "spec.vectors.restore.from.cluster",
		       "is the deployment's own cluster: source and target are one");
	if (from->connect.present && from->connect.host == NULL)
		broken(rules, "spec.vectors.restore.from.connect", "needs host: no cluster supplies it here");
	if (from->connect.present && !names_secret(desired, &from->connect))
		broken(rules, "spec.vectors.restore.from.connect", NO_SECRET);
	check_snapshot(rules, desired);
}

/* Rows that are made anew have other ids, and so other digests: where these count, the drift would never end. */
static void check_embed(const struct rules *rules, const struct desired *desired)
{
	const struct desired_vectors *vectors = &desired->vectors;
	const struct desired_counts *counts = &vectors->counts;
	bool digests = counts->from == DESIRED_COUNTS_BASELINE || counts->from == DESIRED_COUNTS_SOURCE;

	if (!vectors->restore.present || vectors->restore.method != DESIRED_RESTORE_EMBED ||
	    is_spoilt(rules, "spec.vectors"))
		return;
	if (!counts->present)
		broken(rules, "spec.vectors.restore.method",
		       "needs spec.vectors.counts with `embed`, to tell which bots fall short");
	else if (digests && vectors->match == DESIRED_MATCH_EXACT && vectors->tolerance == 0)
		broken(rules, "spec.vectors.restore.method",
		       "gives rows new ids with `embed`, so that the digests of these counts would never match again: "
		       "write `tolerance: 5%` or `match: at-least` into spec.vectors");
	if (desired->aws.stack == NULL && !is_spoilt(rules, "spec.aws"))
		broken(rules, "spec.vectors.restore.method",
		       "needs spec.aws.stack with `embed`: the stack names cluster, task definition and network of the "
		       "embedding tasks");
}

static void check_vectors(const struct rules *rules, const struct desired *desired)
{
	const struct desired_vectors *vectors = &desired->vectors;
	bool named = desired->cluster.identifier != NULL || desired->aws.stack != NULL || vectors->connect.host != NULL;

	if (!vectors->present)
		return;
	check_connect(rules, &vectors->connect, "spec.vectors.connect");
	check_connect(rules, &vectors->restore.from.connect, "spec.vectors.restore.from.connect");
	check_counts(rules, desired);
	check_restore(rules, desired);
	check_embed(rules, desired);
	if (is_spoilt(rules, "spec.vectors.connect") || is_spoilt(rules, "spec.cluster") ||
	    is_spoilt(rules, "spec.aws"))
		return;
	if (!named)
		broken(rules, "spec.vectors",
		       "names no database: set connect.host, spec.cluster.identifier, or spec.aws.stack to find it by");
	else if (!names_secret(desired, &vectors->connect))
		broken(rules, "spec.vectors", "names no secret: set connect.secret, or spec.aws.stack to find it by");
}

static void check_rotation(const struct rules *rules, const struct desired *desired)
{
	if (desired->rotation.present && desired->aws.stack == NULL && desired->vectors.connect.secret == NULL &&
	    !is_spoilt(rules, "spec.aws") && !is_spoilt(rules, "spec.vectors"))
		broken(rules, "spec.rotation",
		       "names no secret: set spec.aws.stack to find it by, or spec.vectors.connect.secret");
}

static void check_users(const struct rules *rules, const struct desired *desired)
{
	const struct desired_users *users = &desired->users;
	struct arena *arena = rules->reader->arena;
	size_t i;

	if (!users->present)
		return;
	if (users->pool == NULL && desired->aws.stack == NULL && !is_spoilt(rules, "spec.aws") &&
	    !is_spoilt(rules, "spec.users.pool"))
		broken(rules, "spec.users", "names no user pool: set pool, or spec.aws.stack to find it by");
	for (i = 0; i < users->group_count; i++) {
		const struct desired_group *group = &users->groups[i];
		const char *path = read_path(rules->reader, "spec.users.groups", group->name);
		const struct tree_node *node = tree_get(tree_nearest(rules->root, "spec.users.groups"), group->name);
		bool listed = tree_get(node, "members") != NULL || tree_get(node, "membersFrom") != NULL;

		if (group->exclusive && !listed && !is_spoilt(rules, path))
			spec_issue_add(arena, rules->reader->issues, read_place(rules->reader, node, path),
			               "needs members or membersFrom with `exclusive: true`; for an empty group write "
			               "`members: []`");
	}
}

static void check_bots(const struct rules *rules, const struct desired *desired)
{
	const struct desired_connect *connect = &desired->vectors.connect;
	bool named = desired->cluster.identifier != NULL || desired->aws.stack != NULL || connect->host != NULL;

	if (!desired->bots.present || is_spoilt(rules, "spec.bots") || is_spoilt(rules, "spec.aws"))
		return;
	if (!names_table(desired))
		broken(rules, "spec.bots", "names no table: set table, or spec.aws.stack to find it by");
	else if (!desired->bots.usable || is_spoilt(rules, "spec.vectors") || is_spoilt(rules, "spec.cluster"))
		return;
	else if (!named)
		broken(rules, "spec.bots.usable",
		       "needs the database, to search: set spec.vectors.connect.host, spec.cluster.identifier, or "
		       "spec.aws.stack to find it by");
	else if (!names_secret(desired, connect))
		broken(
		    rules, "spec.bots.usable",
		    "needs the database's password: set spec.vectors.connect.secret, or spec.aws.stack to find it by");
}

/* What the spec says by saying something else. */
static void set_implied(struct desired_vectors *vectors)
{
	struct desired_source *source = &vectors->restore.from;

	if (source->present && source->snapshot == NULL && !vectors->counts.present) {
		vectors->counts.present = true;
		vectors->counts.from = DESIRED_COUNTS_SOURCE;
	}
	if (source->snapshot != NULL)
		source->kind = DESIRED_SOURCE_SNAPSHOT;
	else if (source->cluster != NULL)
		source->kind = DESIRED_SOURCE_CLUSTER;
	else if (source->connect.present)
		source->kind = DESIRED_SOURCE_CONNECT;
}

void rule_check_all(struct reader *reader, const struct tree_node *root, size_t first, struct desired *desired)
{
	struct rules rules = {.reader = reader, .root = root, .first = first, .end = reader->issues->count};

	set_implied(&desired->vectors);
	check_cluster(&rules, desired);
	check_rotation(&rules, desired);
	check_vectors(&rules, desired);
	check_users(&rules, desired);
	check_bots(&rules, desired);
}
