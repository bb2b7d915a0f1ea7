/* The bots kind: what the application's table knows of each bot, and whether its search answers. */

#include "kinds/bots.h"
#include "aws/dynamodb.h"
#include "kinds/bots_search.h"
#include "kinds/bots_tasks.h"
#include "kinds/kind.h"
#include "kinds/stack.h"
#include "plan/diff.h"

#include <stdlib.h>
#include <string.h>

static bool embeds(const struct desired_vectors *vectors)
{
	return vectors->restore.present && vectors->restore.method == DESIRED_RESTORE_EMBED;
}

static bool counts_bots(const struct desired_vectors *vectors)
{
	return vectors->counts.present && vectors->counts.from == DESIRED_COUNTS_BOTS;
}

static bool bots_are_wanted(const struct desired *desired)
{
	const struct desired_vectors *vectors = &desired->vectors;

	return desired->bots.present || (vectors->present && (counts_bots(vectors) || embeds(vectors)));
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct observed_app_bot *)a)->id, ((const struct observed_app_bot *)b)->id);
}

static void fill_bots(struct arena *arena, const struct dynamodb_bots *bots, struct observed_bots *out)
{
	size_t i;

	out->bots = arena_array(arena, bots->count, sizeof(*out->bots));
	out->bot_count = bots->count;
	for (i = 0; i < bots->count; i++)
		out->bots[i] = (struct observed_app_bot){
		    .id = bots->items[i].id,
		    .owner = bots->items[i].owner,
		    .knowledge = bots->items[i].knowledge,
		    .sitemaps = bots->items[i].sitemaps,
		    .knowledge_base = bots->items[i].knowledge_base,
		    .sync_status = bots->items[i].sync_status,
		    .sync_reason = bots->items[i].sync_reason,
		    .last_exec = bots->items[i].last_exec,
		    .published = bots->items[i].published,
		};
	if (out->bot_count > 0)
		qsort(out->bots, out->bot_count, sizeof(*out->bots), compare_ids);
}

const char *bots_resolve_table(struct kind_context *context, struct error *err)
{
	return stack_resolve(context->desired->bots.table, context->stack->table, context, "spec.bots.table", err);
}

int bots_read(struct kind_context *context, struct observed_bots *out, struct error *err)
{
	struct dynamodb_bots bots;

	out->table = bots_resolve_table(context, err);
	if (out->table == NULL || dynamodb_list_bots(context->aws, context->arena, out->table, &bots, err) != 0)
		return -1;
	fill_bots(context->arena, &bots, out);
	return 0;
}

static void bots_observe(struct kind_context *context, struct observed *observed)
{
	struct observed_bots *out = &observed->bots;
	struct error err;

	out->head.status = OBSERVED_SEEN;
	if (bots_read(context, out, &err) != 0) {
		observed_set_unknown(&out->head, context->arena, &err);
		return;
	}
	if (!context->desired->bots.usable)
		return;
	bots_find_tasks(context, out);
	bots_search(context, out);
}

static void bots_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions)
{
	const char *table = desired->bots.table != NULL ? desired->bots.table : "*";

	(void)enforce;
	kind_add_permission(permissions, desired, "dynamodb:Scan", arena_printf(permissions->arena, "table/%s", table));
	if (!desired->bots.usable)
		return;
	bots_tasks_permissions(desired, permissions);
	bots_search_permissions(desired, permissions);
}

/* Kinds whose diffs read what this one sees. */
static const char *const serves[] = {"vectors", NULL};

const struct kind kind_bots = {
    .name = "bots",
    .part = offsetof(struct observed, bots),
    .serves = serves,
    .is_wanted = bots_are_wanted,
    .observe = bots_observe,
    .diff = plan_diff_bots,
    .permissions = bots_permissions,
};
