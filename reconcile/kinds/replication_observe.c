/* What there is of a logical replication on both ends, for plan/diff_replication.c. */
#include "kinds/database.h"
#include "kinds/restore.h"
#include "pg/replication.h"
#include "plan/names.h"

#include <inttypes.h>

static const char *derive_name(const struct kind_context *context)
{
	const struct desired *desired = context->desired;
	const struct desired_source *from = &desired->vectors.restore.from;
	const char *source = from->cluster;

	if (from->kind == DESIRED_SOURCE_CONNECT)
		source = arena_printf(context->arena, "%s:%" PRId64 "/%s", from->connect.host, from->connect.port,
		                      from->connect.database != NULL ? from->connect.database : "");
	return names_replication(context->arena, desired->metadata.name, source, desired->vectors.table);
}

static int observe_target(struct kind_context *context, struct observed_replication *out, struct error *err)
{
	struct database target;
	struct pg_session *session;
	struct pg_subscriber seen = {0};
	int rc;

	if (database_resolve_target(context, &target, err) != 0)
		return -1;
	rc = database_open(context, &target, &session, err);
	if (rc == 0)
		rc = pg_subscriber_observe(session, context->arena, out->name, &seen, err);
	pg_session_close(session);
	database_free(&target);
	out->target = (struct observed_subscriber){seen.missing, seen.subscription, seen.enabled};
	return rc;
}

static void fill_source(const struct pg_publisher *seen, struct observed_publisher *out)
{
	*out = (struct observed_publisher){
	    .rds = seen->rds,
	    .logical = seen->logical,
	    .identity = seen->identity,
	    .extra = seen->extra,
	    .missing = seen->missing,
	    .publication = seen->publication,
	    .role = seen->role,
	    .slot = seen->slot,
	    .slot_lost = seen->slot_lost,
	    .old_slot = seen->old_slot,
	    .slots_left = seen->slots_left,
	    .held_bytes = seen->held_bytes,
	};
}

static int observe_source(struct kind_context *context, struct observed_replication *out, struct error *err)
{
	struct database source;
	struct pg_session *session;
	struct pg_publisher seen;
	int rc;

	if (database_resolve_source(context, &source, err) != 0) {
		out->source_gone = database_is_gone(err);
		return -1;
	}
	rc = database_open(context, &source, &session, err);
	if (rc == 0)
		rc = pg_publisher_observe(session, context->arena, context->desired->vectors.table, out->name, &seen,
		                          err);
	if (rc == 0)
		fill_source(&seen, &out->source);
	pg_session_close(session);
	database_free(&source);
	return rc;
}

void restore_observe_replication(struct kind_context *context, struct observed_replication *out)
{
	struct error err;

	out->name = derive_name(context);
	out->head.status = OBSERVED_SEEN;
	if (observe_target(context, out, &err) != 0 || observe_source(context, out, &err) != 0)
		observed_set_unknown(&out->head, context->arena, &err);
}
