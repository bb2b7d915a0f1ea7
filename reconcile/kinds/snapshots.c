#include "kinds/snapshots.h"
#include "base/clock.h"
#include "plan/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * CloudFormation calls the last snapshot of what it deletes
 * STACK-snapshot-LOGICALID-RANDOM, and RDS keeps that in lower case.
 */
static bool is_final(const struct kind_context *context, const struct rds_snapshot *snapshot)
{
	const char *stack = context->desired->aws.stack, *rest = snapshot->identifier;
	static const char middle[] = "-snapshot-VectorStoreCluster";
	size_t length = stack != NULL ? strlen(stack) : 0;

	return stack != NULL && strncasecmp(rest, stack, length) == 0 &&
	       strncasecmp(rest + length, middle, sizeof(middle) - 1) == 0;
}

struct observed_snapshot snapshots_convert(const struct kind_context *context, const struct rds_snapshot *snapshot)
{
	struct observed_snapshot out = {
	    .exists = true,
	    .identifier = snapshot->identifier,
	    .status = snapshot->status,
	    .percent = snapshot->percent_progress,
	    .deployment = rds_find_tag(snapshot->tags, snapshot->tag_count, NAMES_TAG),
	    .cluster = snapshot->cluster,
	    .resource_id = snapshot->resource_id,
	    .encrypted = snapshot->storage_encrypted,
	    .final = is_final(context, snapshot),
	};
	char created[CLOCK_RFC3339_SIZE];

	if (snapshot->created != 0) {
		clock_format_rfc3339(snapshot->created, created);
		out.created = arena_strdup(context->arena, created);
	}
	return out;
}

static bool is_same(const char *wanted, const char *text)
{
	return wanted != NULL && text != NULL && strcmp(wanted, text) == 0;
}

static bool concerns(const struct kind_context *context, const struct observed_snapshot *snapshot,
                     const struct snapshots_filter *filter)
{
	return snapshot->final || is_same(context->desired->metadata.name, snapshot->deployment) ||
	       is_same(filter->resource_id, snapshot->resource_id) || is_same(filter->cluster, snapshot->cluster);
}

static int compare_created(const void *a, const void *b)
{
	const struct rds_snapshot *one = a, *other = b;

	if (one->created != other->created)
		return one->created < other->created ? -1 : 1;
	return strcmp(one->identifier, other->identifier);
}

int snapshots_observe(struct kind_context *context, const struct snapshots_filter *filter,
                      struct observed_snapshot **snapshots, size_t *count, struct error *err)
{
	struct rds_snapshots listed;
	size_t i;

	*snapshots = NULL;
	*count = 0;
	if (rds_list_snapshots(context->aws, context->arena, &listed, err) != 0)
		return -1;
	if (listed.count > 0)
		qsort(listed.items, listed.count, sizeof(*listed.items), compare_created);
	for (i = 0; i < listed.count; i++) {
		struct observed_snapshot snapshot = snapshots_convert(context, &listed.items[i]);

		if (concerns(context, &snapshot, filter))
			*ARENA_PUSH(context->arena, *snapshots, *count) = snapshot;
	}
	return 0;
}
