/* The vectors kind: schema, rows of each bot, vector index. */

#include "kinds/database.h"
#include "kinds/embed_world.h"
#include "kinds/kind.h"
#include "kinds/restore.h"
#include "kinds/restore_dms.h"
#include "kinds/source.h"
#include "kinds/stack.h"
#include "kinds/vectors_steps.h"
#include "pg/digest.h"
#include "pg/schema.h"
#include "pg/search.h"
#include "plan/diff.h"

#include <string.h>

/* CloudFormation puts so much of the stack's name in front of a role's, at most. */
#define ROLE_STACK_LENGTH 24

static bool vectors_is_wanted(const struct desired *desired)
{
	return desired->vectors.present;
}

static void fill_index(const struct pg_schema *schema, struct observed_index *out)
{
	const struct pg_index *index = pg_schema_vector_index(schema);

	if (index == NULL && schema->vector_index_count > 0)
		index = &schema->vector_indexes[0];
	if (index == NULL)
		return;
	out->exists = true;
	out->valid = index->valid;
	out->name = index->name;
	out->method = index->method;
	out->lists = index->lists;
	out->trained = index->trained;
}

static void fill_schema(const struct pg_schema *schema, struct observed_schema *out)
{
	out->extension = schema->vector_installed;
	out->table = schema->table_exists;
	out->primary_key = schema->primary_key;
	out->botid_index = schema->botid_index;
	out->mismatch = schema->mismatch;
	fill_index(schema, &out->index);
}

/* NOLINTNEXTLINE(misc-redundant-expression): that they are equal is what is asserted */
_Static_assert(sizeof(PG_BOT_NULL) == sizeof(OBSERVED_NO_BOT), "one name for the rows of no bot");

static void fill_bots(struct arena *arena, const struct pg_bots *bots, struct observed_bot **out, size_t *count)
{
	size_t i;

	*out = arena_array(arena, bots->count, sizeof(**out));
	*count = bots->count;
	for (i = 0; i < bots->count; i++) {
		(*out)[i].id = bots->items[i].name;
		(*out)[i].rows = bots->items[i].rows;
		(*out)[i].digest = bots->items[i].digest[0] != '\0' ? bots->items[i].digest : NULL;
	}
}

/* Digests cost a read of every row; they are computed where something is compared with them. */
static bool wants_digests(const struct kind_context *context)
{
	const struct desired_vectors *desired = &context->desired->vectors;

	if (context->digests)
		return true;
	return desired->counts.present &&
	       (desired->counts.from == DESIRED_COUNTS_BASELINE || desired->counts.from == DESIRED_COUNTS_SOURCE) &&
	       desired->match == DESIRED_MATCH_EXACT && desired->tolerance == 0;
}

static int read_bots(struct kind_context *context, struct pg_session *session, struct pg_bots *bots, struct error *err)
{
	const char *table = context->desired->vectors.table;

	if (wants_digests(context))
		return pg_digest_bots(session, context->arena, table, NULL, bots, err);
	return pg_count_bots(session, context->arena, table, bots, err);
}

/* With fewer lists, a search reads a quarter of the rows with good reason. */
#define CROWDED_LISTS 8
/* Searches that tell whether an index is crowded. */
#define CROWDED_SEARCHES 5

/* The bot that has the row at this place, were all rows in the order of their bots. */
static const char *bot_at(const struct observed_vectors *seen, int64_t place)
{
	size_t i;

	for (i = 0; i + 1 < seen->bot_count && place >= seen->bots[i].rows; i++)
		place -= seen->bots[i].rows;
	return seen->bots[i].id;
}

/* Questions from bots all over the table, each as likely as it has rows. */
static int take_sample(struct kind_context *context, struct pg_session *session, const struct observed_vectors *seen,
                       struct pg_sample *sample, struct error *err)
{
	int64_t rows = observed_sum_rows(seen->bots, seen->bot_count);
	struct pg_question *picked = arena_array(context->arena, CROWDED_SEARCHES, sizeof(*picked));
	int64_t i;

	for (i = 0; i < CROWDED_SEARCHES; i++)
		picked[i] = (struct pg_question){.bot = bot_at(seen, (2 * i + 1) * rows / 2 / CROWDED_SEARCHES)};
	if (pg_search_pick(session, context->arena, context->desired->vectors.table, picked, CROWDED_SEARCHES, err) !=
	    0)
		return -1;
	*sample = (struct pg_sample){.questions = picked, .rows = rows};
	for (i = 0; i < CROWDED_SEARCHES; i++)
		if (picked[i].id != NULL)
			picked[sample->count++] = picked[i];
	return 0;
}

/*
 * With `lists: auto`, whether the index was trained on rows like those that are
 * there. PostgreSQL does not keep on how many it was built. Where trueup built
 * it, it has written that down; else it shows in what a search reads.
 */
static int observe_index(struct kind_context *context, struct pg_session *session, struct observed_vectors *out,
                         struct error *err)
{
	const struct desired_index *desired = &context->desired->vectors.index;
	struct observed_index *index = &out->schema.index;
	struct pg_sample sample;

	if (!index->exists || strcmp(index->method, "ivfflat") != 0)
		return 0;
	index->suggested = pg_index_lists(observed_sum_rows(out->bots, out->bot_count));
	if (!desired->present || desired->lists != DESIRED_LISTS_AUTO || !index->valid ||
	    index->trained >= index->lists || index->lists < CROWDED_LISTS || index->suggested < CROWDED_LISTS)
		return 0;
	if (take_sample(context, session, out, &sample, err) != 0)
		return -1;
	return pg_search_is_crowded(session, context->arena, context->desired->vectors.table, &sample, &index->crowded,
	                            err);
}

static int observe_in(struct kind_context *context, struct pg_session *session, struct observed_vectors *out,
                      struct error *err)
{
	struct pg_schema schema;
	struct pg_bots bots = {0};

	if (pg_schema_observe(session, context->arena, context->desired->vectors.table, &schema, err) != 0)
		return -1;
	fill_schema(&schema, &out->schema);
	if (schema.table_exists && schema.mismatch == NULL && read_bots(context, session, &bots, err) != 0)
		return -1;
	fill_bots(context->arena, &bots, &out->bots, &out->bot_count);
	return observe_index(context, session, out, err);
}

static int observe_target(struct kind_context *context, struct observed_vectors *out, struct error *err)
{
	struct database database;
	struct pg_session *session;
	int rc;

	if (database_resolve_target(context, &database, err) != 0)
		return -1;
	out->server = database.server;
	rc = database_open(context, &database, &session, err);
	if (rc == 0) {
		rc = observe_in(context, session, out, err);
		pg_session_close(session);
	}
	database_free(&database);
	return rc;
}

static int observe_source(struct kind_context *context, struct observed_vectors *out, struct error *err)
{
	struct database database;
	struct pg_session *session;
	struct pg_bots bots;
	int rc;

	if (database_resolve_source(context, &database, err) != 0)
		return -1;
	rc = database_open(context, &database, &session, err);
	if (rc == 0) {
		rc = read_bots(context, session, &bots, err);
		pg_session_close(session);
	}
	if (rc == 0)
		fill_bots(context->arena, &bots, &out->source, &out->source_count);
	database_free(&database);
	return rc;
}

static void observe_embedding(struct kind_context *context, struct observed_embedding *out)
{
	struct ecs_definition definition;
	const char *cluster, *name;
	struct error err;

	out->head.status = OBSERVED_SEEN;
	if (embed_world_name(context, &cluster, &name, &err) != 0 ||
	    ecs_describe_definition(context->aws, context->arena, name, &definition, &err) != 0) {
		observed_set_unknown(&out->head, context->arena, &err);
		return;
	}
	out->definition = definition.arn;
	out->cpu = definition.cpu;
	out->memory = definition.memory;
}

static bool embeds(const struct desired *desired)
{
	return desired->vectors.restore.present && desired->vectors.restore.method == DESIRED_RESTORE_EMBED;
}

/* For temporary clusters of an earlier spec. Where the database is named, nothing need be read of RDS. */
static bool looks_for_left(const struct desired *desired)
{
	return desired->vectors.restore.from.kind != DESIRED_SOURCE_SNAPSHOT && desired->vectors.connect.host == NULL;
}

static void observe_restore(struct kind_context *context, struct observed_vectors *vectors)
{
	const struct desired_restore *restore = &context->desired->vectors.restore;

	if (restore->from.kind == DESIRED_SOURCE_SNAPSHOT)
		source_observe(context, &vectors->restore);
	else if (looks_for_left(context->desired))
		source_observe_left(context, &vectors->restore);
	if (embeds(context->desired))
		observe_embedding(context, &vectors->embedding);
	if (restore->present && restore->method == DESIRED_RESTORE_REPLICATION)
		restore_observe_replication(context, &vectors->replication);
}

static void observe_rows(struct kind_context *context, struct observed_vectors *vectors)
{
	const struct desired_counts *counts = &context->desired->vectors.counts;
	struct error err;

	vectors->table = context->desired->vectors.table;
	vectors->head.status = OBSERVED_SEEN;
	if (observe_target(context, vectors, &err) != 0) {
		observed_set_unknown(&vectors->head, context->arena, &err);
		if (database_is_stopped(context)) {
			vectors->head.status = OBSERVED_SKIPPED;
			vectors->head.reason = DATABASE_STOPPED;
		}
		return;
	}
	observe_restore(context, vectors);
	if (!counts->present || counts->from != DESIRED_COUNTS_SOURCE)
		return;
	vectors->source_head.status = OBSERVED_SEEN;
	if (observe_source(context, vectors, &err) != 0)
		observed_set_unknown(&vectors->source_head, context->arena, &err);
}

static void vectors_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_vectors *vectors = &observed->vectors;

	observe_rows(context, vectors);
	if (context->desired->vectors.restore.dms.present)
		restore_dms_observe(context, vectors->head.status == OBSERVED_SEEN && vectors->bot_count > 0,
		                    &vectors->dms);
}

/* Starting and following embedding tasks. The roles that they run as are the stack's, and begin with its name. */
static void embed_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	const char *table = desired->bots.table != NULL ? desired->bots.table : "*";

	kind_add_permission(permissions, desired, "ecs:DescribeTaskDefinition", NULL);
	if (!enforce || (desired->allow & DESIRED_ALLOW_RUN_EMBEDDING_TASKS) == 0)
		return;
	table = arena_printf(permissions->arena, "table/%s", table);
	kind_add_permission(permissions, desired, "ecs:ListTasks", NULL);
	kind_add_permission(permissions, desired, "ecs:DescribeTasks", "task/*");
	kind_add_permission(permissions, desired, "dynamodb:BatchGetItem", table);
	if (desired->vectors.restore.via == DESIRED_EMBED_QUEUE) {
		kind_add_permission(permissions, desired, "dynamodb:GetItem", table);
		kind_add_permission(permissions, desired, "dynamodb:UpdateItem", table);
		return;
	}
	kind_add_permission(permissions, desired, "ecs:RunTask", "task-definition/*");
	kind_add_permission(permissions, desired, "iam:PassRole",
	                    arena_printf(permissions->arena, "role/%.*s*", ROLE_STACK_LENGTH, desired->aws.stack));
}

static void vectors_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	const struct desired_source *from = &desired->vectors.restore.from;

	/* Rows are moved with the database's own grants. */
	if (embeds(desired))
		embed_permissions(desired, enforce, permissions);
	if (desired->vectors.restore.dms.present)
		restore_dms_permissions(desired, enforce, permissions);
	kind_add_permission(permissions, desired, "rds:DescribeDBClusters", NULL);
	database_permissions(desired, &desired->vectors.connect, permissions);
	if (from->kind == DESIRED_SOURCE_CONNECT)
		database_permissions(desired, &from->connect, permissions);
	if (from->kind == DESIRED_SOURCE_SNAPSHOT)
		source_permissions(desired, enforce, permissions);
	else if (looks_for_left(desired))
		source_permissions_left(desired, enforce, permissions);
}

const struct kind kind_vectors = {
    .name = "vectors",
    .part = offsetof(struct observed, vectors),
    .is_wanted = vectors_is_wanted,
    .observe = vectors_observe,
    .diff = plan_diff_vectors,
    .act = vectors_act,
    .permissions = vectors_permissions,
};
