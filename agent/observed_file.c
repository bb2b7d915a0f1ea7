#include "observed_file.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* `path` has to be there in whatever `part` was seen. */
static int need(const void *value, const char *path, struct error *err)
{
	return value != NULL ? 0 : error_set(err, ERROR_INVALID, "%s is missing", path);
}

static int check_database(const struct observed_database *database, const char *path, struct error *err)
{
	size_t i;

	if (!database->exists)
		return 0;
	if (need(database->identifier, "identifier", err) != 0 || need(database->resource_id, "resourceId", err) != 0 ||
	    need(database->status, "status", err) != 0)
		return error_context(err, "%s", path);
	for (i = 0; i < database->instance_count; i++)
		if (need(database->instances[i].identifier, "identifier", err) != 0 ||
		    need(database->instances[i].class, "class", err) != 0 ||
		    need(database->instances[i].status, "status", err) != 0)
			return error_context(err, "%s.instances[%zu]", path, i);
	return 0;
}

static int check_cluster(const struct observed_cluster *cluster, struct error *err)
{
	if (cluster->head.status != OBSERVED_SEEN)
		return 0;
	if (need(cluster->identifier, "cluster.identifier", err) != 0 ||
	    check_database(&cluster->current, "cluster.current", err) != 0 ||
	    check_database(&cluster->aside, "cluster.aside", err) != 0 ||
	    check_database(&cluster->fresh, "cluster.fresh", err) != 0)
		return -1;
	if (!cluster->snapshot.exists)
		return 0;
	if (need(cluster->snapshot.identifier, "identifier", err) != 0 ||
	    need(cluster->snapshot.status, "status", err) != 0)
		return error_context(err, "cluster.snapshot");
	return 0;
}

static int compare_bots(const void *a, const void *b)
{
	return strcmp(((const struct observed_bot *)a)->id, ((const struct observed_bot *)b)->id);
}

/* Sorted by id is how they are looked up; a person who adds one need not know that. */
static int check_bots(struct observed_bot *bots, size_t count, const char *path, struct error *err)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (need(bots[i].id, "id", err) != 0)
			return error_context(err, "%s[%zu]", path, i);
		if (bots[i].rows < 0)
			return error_set(err, ERROR_INVALID, "%s[%zu].rows is negative", path, i);
	}
	if (count > 1)
		qsort(bots, count, sizeof(*bots), compare_bots);
	for (i = 1; i < count; i++)
		if (strcmp(bots[i - 1].id, bots[i].id) == 0)
			return error_set(err, ERROR_INVALID, "%s has %s twice", path, bots[i].id);
	return 0;
}

static int check_restore(const struct observed_restore *restore, struct error *err)
{
	const char *path = "vectors.restore";
	size_t i;

	if (restore->head.status != OBSERVED_SEEN)
		return 0;
	if (need(restore->target, "target", err) != 0 || need(restore->target_id, "targetId", err) != 0)
		return error_context(err, "%s", path);
	for (i = 0; i < restore->snapshot_count; i++)
		if (need(restore->snapshots[i].identifier, "identifier", err) != 0 ||
		    need(restore->snapshots[i].status, "status", err) != 0)
			return error_context(err, "%s.snapshots[%zu]", path, i);
	for (i = 0; i < restore->cluster_count; i++)
		if (need(restore->clusters[i].exists ? path : NULL, "exists", err) != 0 ||
		    check_database(&restore->clusters[i], "cluster", err) != 0)
			return error_context(err, "%s.clusters[%zu]", path, i);
	return 0;
}

static int check_vectors(struct observed_vectors *vectors, struct error *err)
{
	const struct observed_index *index = &vectors->schema.index;

	if (check_bots(vectors->bots, vectors->bot_count, "vectors.bots", err) != 0 ||
	    check_bots(vectors->source, vectors->source_count, "vectors.source", err) != 0)
		return -1;
	if (index->exists && (need(index->name, "name", err) != 0 || need(index->method, "method", err) != 0))
		return error_context(err, "vectors.schema.index");
	return check_restore(&vectors->restore, err);
}

static int compare_app_bots(const void *a, const void *b)
{
	return strcmp(((const struct observed_app_bot *)a)->id, ((const struct observed_app_bot *)b)->id);
}

static int check_application(struct observed_bots *bots, struct error *err)
{
	size_t i;

	for (i = 0; i < bots->bot_count; i++)
		if (need(bots->bots[i].id, "id", err) != 0 || need(bots->bots[i].owner, "owner", err) != 0)
			return error_context(err, "bots.bots[%zu]", i);
	if (bots->bot_count > 1)
		qsort(bots->bots, bots->bot_count, sizeof(*bots->bots), compare_app_bots);
	return bots->head.status == OBSERVED_SEEN ? need(bots->table, "bots.table", err) : 0;
}

static int check_people(const struct observed_user *users, size_t count, struct error *err)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (need(users[i].username, "username", err) != 0)
			return -1;
	return 0;
}

static int check_users(const struct observed_users *users, struct error *err)
{
	size_t i;

	for (i = 0; i < users->group_count; i++)
		if (need(users->groups[i].name, "name", err) != 0 ||
		    check_people(users->groups[i].members, users->groups[i].member_count, err) != 0)
			return error_context(err, "users.groups[%zu]", i);
	for (i = 0; i < users->candidate_count; i++)
		if (need(users->candidates[i].asked, "asked", err) != 0 ||
		    check_people(users->candidates[i].users, users->candidates[i].user_count, err) != 0)
			return error_context(err, "users.candidates[%zu]", i);
	return users->head.status == OBSERVED_SEEN ? need(users->pool, "users.pool", err) : 0;
}

static int check_rotation(const struct observed_rotation *rotation, struct error *err)
{
	return rotation->head.status == OBSERVED_SEEN ? need(rotation->secret, "rotation.secret", err) : 0;
}

static int check_observed(struct observed *observed, struct error *err)
{
	const struct observed_account *account = &observed->account;

	if (need(observed->name, "name", err) != 0)
		return -1;
	if (account->head.status == OBSERVED_SEEN &&
	    (need(account->account, "account.account", err) != 0 || need(account->arn, "account.arn", err) != 0))
		return -1;
	if (check_cluster(&observed->cluster, err) != 0 || check_rotation(&observed->rotation, err) != 0 ||
	    check_vectors(&observed->vectors, err) != 0 || check_application(&observed->bots, err) != 0)
		return -1;
	return check_users(&observed->users, err);
}

/* The line, from 1, that a byte of the text stands in. */
static size_t line_of(const char *text, size_t at)
{
	size_t i, line = 1;

	for (i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

static size_t skip_space(const char *text, size_t at)
{
	return at + strspn(text + at, " \t\r\n");
}

static int read_one(struct arena *arena, const json_t *json, struct observed_file *file, struct error *err)
{
	struct observed observed;
	size_t i;

	if (record_from_json(&observed_record, arena, json, &observed, err) != 0 || check_observed(&observed, err) != 0)
		return -1;
	for (i = 0; i < file->count; i++)
		if (strcmp(file->items[i].name, observed.name) == 0)
			return error_set(err, ERROR_INVALID, "%s is there twice", observed.name);
	*ARENA_PUSH(arena, file->items, file->count) = observed;
	return 0;
}

int observed_file_read(struct arena *arena, const char *path, struct observed_file *file, struct error *err)
{
	size_t at, length;
	char *text;

	memset(file, 0, sizeof(*file));
	file->path = path;
	if (file_read(arena, path, FILE_MAX_BYTES, &text, &length, err) != 0)
		return -1;
	for (at = skip_space(text, 0); at < length; at = skip_space(text, at)) {
		json_error_t problem;
		json_t *json =
		    json_loadb(text + at, length - at, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &problem);
		size_t line = line_of(text, at);
		int rc;

		if (json == NULL)
			return error_set(err, ERROR_INVALID, "%s:%zu: %s", path, line + (size_t)problem.line - 1,
			                 problem.text);
		at += (size_t)problem.position;
		rc = read_one(arena, json, file, err);
		json_decref(json);
		if (rc != 0)
			return error_context(err, "%s:%zu", path, line);
	}
	return file->count > 0 ? 0 : error_set(err, ERROR_INVALID, "%s is empty", path);
}

int observed_file_find(const struct observed_file *file, const char *name, struct observed *observed, struct error *err)
{
	size_t i;

	for (i = 0; i < file->count; i++) {
		if (strcmp(file->items[i].name, name) == 0) {
			*observed = file->items[i];
			return 0;
		}
	}
	return error_set(err, ERROR_NOT_FOUND, "%s has nothing of %s: run trueup observe with its spec", file->path,
	                 name);
}
