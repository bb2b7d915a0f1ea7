/*
 * Rows by DMS, step by step: see plan/diff_dms.c for the chain. Each step looks
 * at what is there, makes what is missing, and takes "already exists" for done.
 */
#include "kinds/restore_dms.h"
#include "base/log.h"
#include "kinds/restore.h"
#include "kinds/rows.h"
#include "pg/compare.h"
#include "pg/held.h"
#include "plan/diff.h"
#include "plan/names.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>

/* What all of it is called. */
static const char *name_of(const struct kind_context *context)
{
	return names_dms(context->arena, context->desired->metadata.name);
}

static const char *name_of_provider(const struct kind_context *context, const char *end)
{
	return names_dms_provider(context->arena, context->desired->metadata.name, end);
}

static struct dms_tag own_tag(const struct kind_context *context)
{
	return (struct dms_tag){NAMES_TAG, context->desired->metadata.name};
}

/* Our own, made by an earlier run, or asked for twice since the first answer was lost. */
static int is_made(int rc, const struct error *err)
{
	return rc == 0 || err->code == ERROR_EXISTS ? 0 : -1;
}

/* Both ends, resolved but not opened; to be freed either way. */
struct ends {
	struct database source;
	struct database target;
};

static int resolve_ends(struct kind_context *context, struct ends *ends, struct error *err)
{
	*ends = (struct ends){0};
	if (database_resolve_source(context, &ends->source, err) != 0)
		return error_context(err, "spec.vectors.restore.from");
	return database_resolve_target(context, &ends->target, err);
}

static void free_ends(struct ends *ends)
{
	database_free(&ends->source);
	database_free(&ends->target);
}

/* --- dms-connect --- */

/* Where the spec lets a connection go without TLS, DMS may, too. DMS would check certificates only against its own. */
static const char *sslmode_of(const struct database *database)
{
	return strcmp(database->settings.sslmode, "disable") == 0 ? "none" : "require";
}

static int create_provider(struct kind_context *context, const struct database *database,
                           const struct restore_dms_end *end, const char *name, struct error *err)
{
	struct dms_tag tag = own_tag(context);
	struct dms_provider provider = {
	    .name = name,
	    .server = end->host,
	    .port = end->port,
	    .database = database->settings.database,
	    .sslmode = sslmode_of(database),
	};

	return is_made(dms_create_provider(context->aws, context->arena, &provider, &tag, err), err);
}

static int create_providers(struct kind_context *context, const struct ends *ends, struct error *err)
{
	struct restore_dms_end end;

	if (restore_dms_locate(context, &ends->source, &end, err) != 0 ||
	    create_provider(context, &ends->source, &end, name_of_provider(context, "source"), err) != 0 ||
	    restore_dms_locate(context, &ends->target, &end, err) != 0)
		return -1;
	return create_provider(context, &ends->target, &end, name_of_provider(context, "target"), err);
}

/* DMS works beside the target, and nobody gets to it from outside. */
static int create_profile(struct kind_context *context, const struct ends *ends, struct error *err)
{
	struct dms_tag tag = own_tag(context);
	struct restore_dms_end end;
	struct dms_profile profile = {
	    .name = name_of(context),
	    .subnet_group = context->desired->vectors.restore.dms.subnet_group,
	    .public = false,
	};

	if (restore_dms_locate(context, &ends->target, &end, err) != 0)
		return -1;
	profile.security_groups = end.security_groups;
	profile.security_group_count = end.security_group_count;
	return is_made(dms_create_profile(context->aws, context->arena, &profile, &tag, err), err);
}

static int create_project(struct kind_context *context, const struct ends *ends, struct error *err)
{
	const struct desired_dms *desired = &context->desired->vectors.restore.dms;
	const char *role = desired->secrets_role != NULL ? desired->secrets_role : desired->role;
	struct dms_tag tag = own_tag(context);
	struct dms_project project = {
	    .name = name_of(context),
	    .profile = name_of(context),
	    .source = {name_of_provider(context, "source"), ends->source.secret, role},
	    .target = {name_of_provider(context, "target"), ends->target.secret, role},
	};

	return is_made(dms_create_project(context->aws, context->arena, &project, &tag, err), err);
}

void restore_dms_connect(struct kind_context *context, struct plan_action *action)
{
	struct ends ends;
	struct error err;
	int rc = resolve_ends(context, &ends, &err);

	if (rc == 0)
		rc = create_profile(context, &ends, &err);
	if (rc == 0)
		rc = create_providers(context, &ends, &err);
	if (rc == 0)
		rc = create_project(context, &ends, &err);
	free_ends(&ends);
	if (rc != 0)
		kind_action_fail(context, action, &err);
	else
		action->state = ACTION_DONE;
}

/* --- dms-prepare, dms-compare: in both databases --- */

struct sides {
	struct pg_side source;
	struct pg_side target;
};

typedef int in_both(struct kind_context *context, struct plan_action *action, const struct sides *sides,
                    struct error *err);

static int open_both(struct kind_context *context, struct ends *ends, struct sides *sides, struct error *err)
{
	struct kind_context reading = *context;

	reading.writes = false;
	if (database_open(&reading, &ends->source, &sides->source.session, err) != 0)
		return -1;
	return database_open(context, &ends->target, &sides->target.session, err);
}

static void run_in_both(struct kind_context *context, struct plan_action *action, in_both *run)
{
	const char *table = context->desired->vectors.table;
	struct sides sides = {.source.table = table, .target.table = table};
	struct ends ends;
	struct error err;
	int rc = resolve_ends(context, &ends, &err);

	if (rc == 0)
		rc = open_both(context, &ends, &sides, &err);
	if (rc == 0)
		rc = run(context, action, &sides, &err);
	pg_session_close(sides.source.session);
	pg_session_close(sides.target.session);
	free_ends(&ends);
	if (rc != 0)
		kind_action_fail(context, action, &err);
}

static int make_room(struct kind_context *context, struct plan_action *action, const struct sides *sides,
                     struct error *err)
{
	bool may_lose = plan_is_allowed(context->desired, "delete-vectors");
	struct pg_held held;

	if (pg_delete_held(&sides->source, &sides->target, may_lose, context->arena, &held, err) != 0)
		return -1;
	action->state = ACTION_DONE;
	if (held.kept_count > 0) {
		action->state = ACTION_BLOCKED;
		action->waits_for = arena_printf(
		    context->arena,
		    "DMS moves whole tables, and %zu bot%s rows that are nowhere but here (%s): look at them, and put "
		    "delete-vectors into spec.allow if they may go, or let rows be copied "
		    "(spec.vectors.restore.method: copy)",
		    held.kept_count, held.kept_count == 1 ? " has" : "s have",
		    rows_list_names(context->arena, held.kept, held.kept_count));
	} else if (held.rows > 0) {
		log_warn("%" PRId64
		         " rows of %zu bots were deleted from %s: the source holds them, and DMS brings them",
		         held.rows, held.bots, context->desired->vectors.table);
	}
	return 0;
}

void restore_dms_prepare(struct kind_context *context, struct plan_action *action)
{
	run_in_both(context, action, make_room);
}

/* What only the target has was written there since, or was never the source's. */
static int compare_rows(struct kind_context *context, struct plan_action *action, const struct sides *sides,
                        struct error *err)
{
	struct pg_comparison comparison;
	const char **names = NULL;
	size_t i, count = 0;
	int64_t rows = 0;

	if (pg_compare(&sides->source, &sides->target, context->arena, &comparison, err) != 0)
		return -1;
	action->state = ACTION_DONE;
	for (i = 0; i < comparison.count; i++) {
		const struct pg_difference *item = &comparison.items[i];

		if (item->source_rows == 0 || item->equal)
			continue;
		*ARENA_PUSH(context->arena, names, count) = item->bot;
		rows += item->source_rows - item->target_rows;
	}
	if (count == 0)
		return 0;
	action->state = ACTION_FAILED;
	action->error = arena_printf(
	    context->arena,
	    "DMS says that all is loaded, and %zu bot%s not as the source has %s, short of %" PRId64
	    " rows (%s): let the "
	    "rest be copied (spec.vectors.restore.method: copy), or have it begun anew: aws dms delete-data-migration "
	    "--data-migration-identifier %s",
	    count, count == 1 ? " is" : "s are", count == 1 ? "it" : "them", rows,
	    rows_list_names(context->arena, names, count), name_of(context));
	return 0;
}

void restore_dms_compare(struct kind_context *context, struct plan_action *action)
{
	run_in_both(context, action, compare_rows);
}

/* --- dms-migrate --- */

static int create_migration(struct kind_context *context, struct error *err)
{
	const char *table = context->desired->vectors.table, *dot = strchr(table, '.');
	struct dms_tag tag = own_tag(context);
	struct dms_migration migration = {
	    .name = name_of(context),
	    .project = name_of(context),
	    .role = context->desired->vectors.restore.dms.role,
	    .schema = dot != NULL ? arena_printf(context->arena, "%.*s", (int)(dot - table), table) : "public",
	    .table = dot != NULL ? dot + 1 : table,
	};

	return is_made(dms_create_migration(context->aws, context->arena, &migration, &tag, err), err);
}

/* The answer did not come: whether it was carried out is seen in a moment. */
static bool is_lost(const struct error *err)
{
	return err->code == ERROR_UNREACHABLE || err->code == ERROR_TIMEOUT || err->code == ERROR_PROTOCOL;
}

/* Started once a run: DMS may take its time to show it. */
static void start(struct kind_context *context, struct plan_action *action, const char *name)
{
	struct error err;

	if (!action->asked && dms_start_migration(context->aws, context->arena, name, &err) != 0) {
		err.retryable |= is_lost(&err);
		kind_action_fail(context, action, &err);
		return;
	}
	action->asked = true;
	kind_action_wait(context, action, "the data migration %s is being started", name);
}

static void follow(struct kind_context *context, struct plan_action *action, const char *name,
                   const struct observed_dms_migration *migration)
{
	switch (diff_dms_phase(migration)) {
	case DIFF_DMS_READY:
		start(context, action, name);
		break;
	case DIFF_DMS_LOADED:
		action->state = ACTION_DONE;
		break;
	case DIFF_DMS_FAILED:
	case DIFF_DMS_STOPPED:
		action->state = ACTION_FAILED;
		action->error = diff_dms_advice(context->arena, name, migration);
		break;
	default:
		kind_action_wait(context, action, "the data migration %s is %s, %" PRId64 " %%", name,
		                 migration->status, migration->percent);
		break;
	}
}

void restore_dms_migrate(struct kind_context *context, struct plan_action *action)
{
	const char *name = name_of(context);
	struct observed_dms_migration observed;
	struct dms_migration migration;
	struct error err;

	if (dms_find_migration(context->aws, context->arena, name, &migration, &err) == 0) {
		observed = restore_dms_convert(&migration);
		follow(context, action, name, &observed);
	} else if (err.code == ERROR_NOT_FOUND && action->asked) {
		error_set(&err, ERROR_NOT_FOUND, "the data migration %s is gone: somebody has deleted it", name);
		kind_action_fail(context, action, &err);
	} else if (err.code == ERROR_NOT_FOUND && create_migration(context, &err) == 0) {
		kind_action_wait(context, action, "the data migration %s is being made", name);
	} else {
		kind_action_fail(context, action, &err);
	}
}

/* --- dms-discard, dms-delete --- */

/* 1 once it is gone, 0 while it is on its way, or -1. */
static int delete_migration(struct kind_context *context, struct plan_action *action, struct error *err)
{
	const char *name = name_of(context);
	struct observed_dms_migration observed;
	struct dms_migration migration;
	int rc = dms_find_migration(context->aws, context->arena, name, &migration, err);

	if (rc != 0)
		return err->code == ERROR_NOT_FOUND ? 1 : -1;
	observed = restore_dms_convert(&migration);
	switch (diff_dms_phase(&observed)) {
	case DIFF_DMS_RUNS:
		if (!action->asked)
			rc = dms_stop_migration(context->aws, context->arena, name, err);
		action->asked = rc == 0;
		break;
	case DIFF_DMS_CREATING:
	case DIFF_DMS_DELETING:
		break;
	default:
		rc = dms_delete(context->aws, context->arena, DMS_MIGRATION, name, err);
		break;
	}
	kind_action_wait(context, action, "the data migration %s is %s, and is to be deleted", name, migration.status);
	return rc == 0 || err->code == ERROR_STATE ? 0 : -1;
}

static int delete_one(struct kind_context *context, enum dms_kind kind, const char *name, struct error *err)
{
	if (dms_delete(context->aws, context->arena, kind, name, err) == 0 || err->code == ERROR_NOT_FOUND)
		return 0;
	return -1;
}

/* In the order in which one is in the way of the other. */
static int delete_rest(struct kind_context *context, struct error *err)
{
	if (delete_one(context, DMS_PROJECT, name_of(context), err) != 0 ||
	    delete_one(context, DMS_PROVIDER, name_of_provider(context, "source"), err) != 0 ||
	    delete_one(context, DMS_PROVIDER, name_of_provider(context, "target"), err) != 0)
		return -1;
	return delete_one(context, DMS_PROFILE, name_of(context), err);
}

void restore_dms_delete(struct kind_context *context, struct plan_action *action)
{
	struct error err;
	int gone = delete_migration(context, action, &err);

	if (gone == 0)
		return;
	if (gone < 0 || delete_rest(context, &err) != 0)
		kind_action_fail(context, action, &err);
	else
		action->state = ACTION_DONE;
}
