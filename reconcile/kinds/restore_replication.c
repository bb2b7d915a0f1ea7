/*
 * Rows by logical replication, as plan/diff_replication.c orders it.
 *
 * To begin: role and publication are made, the subscription (disabled: a target
 * that cannot reach the source is told so now, not after an hour's copying) and
 * the slot; the rows of the slot's moment are copied as restore.method `copy`
 * does it, so that bots which are equal already are left alone and rows which
 * are nowhere else are kept; the subscription is enabled. What is there of a
 * beginning that was cut off is taken down, but for what its slot knows: see
 * pg_slot_put_aside().
 *
 * To follow: the source is read as of one moment, the target once it has caught
 * up with that moment. Are all bots of the source equal, everything is taken
 * down. Are they not, somebody writes, and the next look may find it otherwise;
 * or rows of the target were changed, which no change of the source's puts
 * right: it is begun anew, and the copy replaces them.
 */
#include "base/log.h"
#include "kinds/database.h"
#include "kinds/restore.h"
#include "kinds/rows.h"
#include "pg/compare.h"
#include "pg/delete.h"
#include "pg/digest.h"
#include "pg/replication.h"
#include "plan/policy.h"

#include <inttypes.h>
#include <string.h>

enum {
	CATCH_UP_MS = 6000, /* a server tries again every 5 s (wal_retrieve_retry_interval) */
	LOOKS = 3,          /* at both ends before the action waits */
};

/* Both ends. The sessions write; they outlast the wish to stop, so that what was made is taken down. */
struct replication {
	struct kind_context *context;
	const char *name;
	struct database source;
	struct database target;
	struct pg_session *publisher;
	struct pg_session *subscriber;
};

struct sight {
	struct pg_publisher source;
	struct pg_subscriber target;
};

static bool is_under_way(const struct sight *sight)
{
	return sight->target.enabled && sight->source.slot && !sight->source.slot_lost;
}

/* --- both ends --- */

static void close_ends(struct replication *replication)
{
	pg_session_close(replication->subscriber);
	pg_session_close(replication->publisher);
	replication->subscriber = replication->publisher = NULL;
}

static int open_ends(struct replication *replication, struct error *err)
{
	replication->source.settings.stop = replication->target.settings.stop = NULL;
	if (database_open(replication->context, &replication->source, &replication->publisher, err) == 0 &&
	    database_open(replication->context, &replication->target, &replication->subscriber, err) == 0)
		return 0;
	close_ends(replication);
	return -1;
}

static int resolve_ends(struct replication *replication, struct error *err)
{
	if (database_resolve_source(replication->context, &replication->source, err) != 0)
		return error_context(err, "spec.vectors.restore.from");
	return database_resolve_target(replication->context, &replication->target, err);
}

static void free_ends(struct replication *replication)
{
	close_ends(replication);
	database_free(&replication->target);
	database_free(&replication->source);
}

static int look(struct replication *replication, struct sight *sight, struct error *err)
{
	struct arena *arena = replication->context->arena;
	const char *table = replication->context->desired->vectors.table;

	if (pg_subscriber_observe(replication->subscriber, arena, replication->name, &sight->target, err) != 0)
		return -1;
	return pg_publisher_observe(replication->publisher, arena, table, replication->name, &sight->source, err);
}

/* The subscription first: nobody is to be connected to the slot any more. */
static int take_down(struct replication *replication, struct error *err)
{
	if (pg_subscriber_drop(replication->subscriber, replication->name, err) != 0)
		return -1;
	return pg_publisher_drop(replication->publisher, replication->name, err);
}

/* With sessions of its own, since those of before may be lost; what went wrong before is what is reported. */
static void take_down_after_all(struct replication *replication)
{
	struct error err;

	close_ends(replication);
	if (open_ends(replication, &err) != 0 || take_down(replication, &err) != 0)
		log_warn("%s could not be taken down, the next run will: %s", replication->name, err.message);
}

/* The way from the target's server, which knows nothing of our tunnel. */
static struct pg_publisher_address address_of(const struct database *source)
{
	const struct pg_settings *settings = &source->settings;

	return (struct pg_publisher_address){settings->host, settings->port, settings->database, settings->sslmode};
}

/* --- begun --- */

/*
 * The slot of a beginning that was cut off is kept for what it knows; where that
 * cannot be had, it goes too. While the subscription is there, that is how such
 * a slot is told from one of a replication that was done: so it goes last.
 */
static int clear_the_way(struct replication *replication, const struct sight *sight, struct error *err)
{
	bool cut_off = sight->target.subscription || sight->source.old_slot;

	if (!cut_off || pg_slot_put_aside(replication->publisher, replication->name, err) != 0) {
		if (cut_off)
			log_warn("%s: %s", replication->source.server, err->message);
		if (pg_slot_drop(replication->publisher, replication->name, err) != 0)
			return -1;
	}
	return pg_subscriber_drop(replication->subscriber, replication->name, err);
}

static int make_ends(struct replication *replication, const struct secret *password, struct error *err)
{
	const char *table = replication->context->desired->vectors.table, *name = replication->name;
	struct pg_publisher_address address = address_of(&replication->source);

	if (pg_publisher_create(replication->publisher, table, name, password, err) != 0)
		return error_context(err, "source");
	return pg_subscriber_create(replication->subscriber, name, &address, password, err);
}

/* Where an earlier beginning was cut off: what it had copied, and the source has deleted since. */
static int delete_deleted(struct replication *replication, struct error *err)
{
	const char *table = replication->context->desired->vectors.table;
	struct pg_ids ids;
	int64_t rows;

	if (pg_slot_list_deleted(replication->publisher, replication->context->arena, table, replication->name, &ids,
	                         err) != 0 ||
	    pg_delete_ids(replication->subscriber, table, ids.items, ids.count, &rows, err) != 0)
		return -1;
	if (rows > 0)
		log_info("%" PRId64 " rows that the source has deleted meanwhile were deleted on the target, too",
		         rows);
	return 0;
}

static int copy_rows(struct replication *replication, const char *snapshot, struct rows_result *result,
                     struct error *err)
{
	struct kind_context *context = replication->context;
	struct rows_request request = {
	    .source = &replication->source,
	    .target = &replication->target,
	    .table = context->desired->vectors.table,
	    .snapshot = snapshot,
	    .streams = (int)context->desired->vectors.restore.streams,
	    .may_lose = plan_is_allowed(context->desired, "delete-vectors"),
	};

	close_ends(replication); /* they would idle for as long as it takes */
	if (rows_match(context, &request, result, err) != 0)
		return -1;
	return open_ends(replication, err);
}

/* The rows of the slot's moment. */
static int load(struct replication *replication, const struct secret *password, struct rows_result *result,
                struct error *err)
{
	struct pg_settings role = replication->source.settings;
	char snapshot[PG_SNAPSHOT_SIZE];
	struct pg_session *holder;
	int rc;

	role.user = replication->name;
	role.password = password;
	role.stop = replication->context->stop;
	if (pg_slot_create(&role, replication->name, snapshot, &holder, err) != 0)
		return -1;
	rc = delete_deleted(replication, err);
	if (rc == 0)
		rc = copy_rows(replication, snapshot, result, err);
	pg_session_close(holder);
	return rc;
}

/* What is kept for a person to look at ends the replication before it has begun. */
static int begin_with(struct replication *replication, const struct secret *password, struct rows_result *result,
                      struct error *err)
{
	if (make_ends(replication, password, err) != 0 || load(replication, password, result, err) != 0)
		return -1;
	if (result->kept_count > 0)
		return take_down(replication, err);
	if (pg_slot_drop_old(replication->publisher, replication->name, err) != 0)
		return -1;
	return pg_subscriber_enable(replication->subscriber, replication->name, err);
}

/*
 * Returns 0 also where the action is BLOCKED, since rows of the target are
 * nowhere else. What may pass leaves the slot there, since it is tried again at
 * once, and what the slot knows is needed then; nothing else does.
 */
static int begin(struct replication *replication, struct plan_action *action, const struct sight *sight,
                 struct error *err)
{
	struct secret *password = pg_replication_password();
	struct rows_result result = {0};
	int rc = clear_the_way(replication, sight, err);

	if (rc == 0)
		rc = begin_with(replication, password, &result, err);
	secret_free(password);
	if (rc != 0 && (!err->retryable || *replication->context->stop))
		take_down_after_all(replication);
	action->asked = rc == 0;
	if (rc == 0 && result.kept_count > 0)
		restore_report_rows(replication->context, action, &result);
	return rc;
}

/* --- followed --- */

/* Nobody knows the password of before: a new one, and the address as it is now. */
static int renew(struct replication *replication, struct error *err)
{
	struct secret *password = pg_replication_password();
	struct pg_publisher_address address = address_of(&replication->source);
	int rc = pg_subscriber_is_discreet(replication->subscriber, err);

	if (rc == 0)
		rc = pg_publisher_renew(replication->publisher, replication->name, password, err);
	if (rc == 0)
		rc = pg_subscriber_redirect(replication->subscriber, replication->name, &address, password, err);
	secret_free(password);
	return rc;
}

/* It gets through to the source, and yet not on. */
static void block(struct replication *replication, struct plan_action *action)
{
	action->state = ACTION_BLOCKED;
	action->waits_for = arena_printf(
	    replication->context->arena,
	    "a person: %s fails to take over a change of %s, again and again, and its log says why: if a row of the "
	    "same id is in the way, delete that one; the source keeps its WAL for as long as this lasts",
	    replication->target.server, replication->source.server);
}

/* A server whose change fails is back at once, and so is often seen connected: that it gets on is what counts. */
static bool gets_on(const struct sight *before, const struct sight *now)
{
	bool fails = now->target.errors > before->target.errors;

	return now->source.confirmed > before->source.confirmed || (now->source.slot_active && !fails);
}

/* The target lags behind: because there is much to do, or because it does not get on. */
static int wait_for_target(struct replication *replication, struct plan_action *action, const struct sight *before,
                           struct error *err)
{
	struct sight now;

	if (look(replication, &now, err) != 0)
		return -1;
	kind_action_wait(replication->context, action, "the target follows %s, %" PRId64 " kB behind",
	                 replication->source.server, now.source.behind_bytes / 1024);
	if (gets_on(before, &now) || !now.target.enabled)
		return 0;
	if (!action->asked) {
		if (renew(replication, err) != 0)
			return -1;
		action->asked = true;
		return 0;
	}
	if (pg_subscriber_probe(replication->subscriber, replication->name, err) != 0)
		return -1;
	if (now.target.errors > before->target.errors)
		block(replication, action);
	return 0;
}

struct moment {
	struct pg_session *source; /* each in a transaction of its moment */
	struct pg_session *target;
	bool caught_up;
	const char **unequal; /* bots of the source */
	size_t unequal_count;
	const char *digests; /* of these bots on both sides; NULL: their counts differ already */
};

static int open_moment(struct kind_context *context, struct database *database, struct pg_session **session,
                       struct error *err)
{
	struct kind_context reading = *context;
	char ignored[PG_SNAPSHOT_SIZE];

	reading.writes = false;
	database->settings.stop = context->stop;
	if (database_open(&reading, database, session, err) != 0)
		return -1;
	return pg_snapshot_export(*session, ignored, err);
}

/* A bot that only the target has is not compared: it was deleted on the source, or never was there. */
static void list_unequal(struct replication *replication, const struct pg_comparison *comparison, struct moment *moment)
{
	size_t i;

	moment->unequal_count = 0;
	for (i = 0; i < comparison->count; i++)
		if (comparison->items[i].source_rows > 0 && !comparison->items[i].equal)
			*ARENA_PUSH(replication->context->arena, moment->unequal, moment->unequal_count) =
			    comparison->items[i].bot;
}

static const char *join_digests(struct replication *replication, const struct pg_comparison *comparison)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < comparison->count; i++) {
		const struct pg_difference *item = &comparison->items[i];

		if (item->source_rows > 0 && !item->equal)
			text = arena_printf(replication->context->arena, "%s%s %s %s\n", text, item->bot,
			                    item->source_digest, item->target_digest);
	}
	return text;
}

/* Counts before digests, which read every row: while somebody adds rows, they tell already. */
static int compare_sides(struct replication *replication, struct moment *moment, struct error *err)
{
	static const struct pg_bots none = {0};
	const char *table = replication->context->desired->vectors.table;
	struct pg_side source = {moment->source, table}, target = {moment->target, table};
	struct arena *arena = replication->context->arena;
	struct pg_comparison comparison;
	size_t i;

	if (pg_compare_rows(&source, &target, &none, arena, &comparison, err) != 0)
		return -1;
	for (i = 0; i < comparison.count; i++)
		comparison.items[i].equal = comparison.items[i].source_rows == comparison.items[i].target_rows;
	list_unequal(replication, &comparison, moment);
	if (moment->unequal_count > 0)
		return 0;
	if (pg_compare_rows(&source, &target, NULL, arena, &comparison, err) != 0)
		return -1;
	list_unequal(replication, &comparison, moment);
	moment->digests = join_digests(replication, &comparison);
	return 0;
}

static int compare_moments(struct replication *replication, struct moment *moment, struct error *err)
{
	struct kind_context *context = replication->context;

	if (open_moment(context, &replication->source, &moment->source, err) != 0 ||
	    pg_replication_catch_up(replication->publisher, replication->name, CATCH_UP_MS, &moment->caught_up, err) !=
	        0)
		return -1;
	if (!moment->caught_up)
		return 0;
	if (open_moment(context, &replication->target, &moment->target, err) != 0)
		return -1;
	return compare_sides(replication, moment, err);
}

static int compare_now(struct replication *replication, struct moment *moment, struct error *err)
{
	int rc;

	*moment = (struct moment){0};
	rc = compare_moments(replication, moment, err);
	pg_session_close(moment->target);
	pg_session_close(moment->source);
	return rc;
}

/* Whoever writes to the source changes what its bots have: so the same difference twice is of the target's making. */
static bool is_the_same(const char *before, const char *now)
{
	return before != NULL && now != NULL && strcmp(before, now) == 0;
}

static int begin_anew(struct replication *replication, struct plan_action *action, const struct moment *moment,
                      struct error *err)
{
	struct arena *arena = replication->context->arena;

	kind_action_wait(replication->context, action,
	                 "rows of %s were changed on the target (%s), so that the replication is begun anew",
	                 moment->unequal_count == 1 ? "a bot" : "bots",
	                 rows_list_names(arena, moment->unequal, moment->unequal_count));
	log_warn("%s", action->waits_for);
	return take_down(replication, err);
}

static int follow(struct replication *replication, struct plan_action *action, struct error *err)
{
	struct kind_context *context = replication->context;
	const char *digests = NULL;
	struct moment moment;
	struct sight before;
	int looks;

	if (look(replication, &before, err) != 0)
		return -1;
	for (looks = 0; looks < LOOKS; looks++) {
		if (compare_now(replication, &moment, err) != 0)
			return -1;
		if (!moment.caught_up)
			return wait_for_target(replication, action, &before, err);
		if (moment.unequal_count > 0 && is_the_same(digests, moment.digests))
			return begin_anew(replication, action, &moment, err);
		digests = moment.digests;
		if (moment.unequal_count > 0)
			continue;
		if (take_down(replication, err) != 0)
			return -1;
		log_info("%s had the rows of %s at one moment, and no longer follows it", replication->target.server,
		         replication->source.server);
		action->state = ACTION_DONE;
		return 0;
	}
	kind_action_wait(context, action,
	                 "the target follows %s, where somebody writes: %zu bot%s not equal just now (%s); it is done "
	                 "at the first moment at which all are",
	                 replication->source.server, moment.unequal_count, moment.unequal_count == 1 ? " is" : "s are",
	                 rows_list_names(context->arena, moment.unequal, moment.unequal_count));
	return 0;
}

/* To stop is to leave the target following: nothing is half done, and the next run goes on. */
static int follow_unless_stopped(struct replication *replication, struct plan_action *action, struct error *err)
{
	int rc = follow(replication, action, err);

	if (rc == 0 || !*replication->context->stop)
		return rc;
	kind_action_wait(replication->context, action, "the target goes on following %s", replication->source.server);
	return 0;
}

static int replicate(struct replication *replication, struct plan_action *action, struct error *err)
{
	struct sight sight;

	if (resolve_ends(replication, err) != 0 || open_ends(replication, err) != 0 ||
	    look(replication, &sight, err) != 0)
		return -1;
	if (!is_under_way(&sight)) {
		if (begin(replication, action, &sight, err) != 0)
			return -1;
		if (action->state == ACTION_BLOCKED)
			return 0;
	}
	return follow_unless_stopped(replication, action, err);
}

void restore_replicate(struct kind_context *context, struct plan_action *action)
{
	struct replication replication = {.context = context, .name = plan_action_get(action, "name")};
	struct error err;

	if (replicate(&replication, action, &err) != 0)
		kind_action_fail(context, action, &err);
	free_ends(&replication);
}

static int end_on_target(struct replication *replication, struct error *err)
{
	if (database_resolve_target(replication->context, &replication->target, err) != 0 ||
	    database_open(replication->context, &replication->target, &replication->subscriber, err) != 0)
		return -1;
	return pg_subscriber_drop(replication->subscriber, replication->name, err);
}

static int end_on_source(struct replication *replication, struct error *err)
{
	if (database_resolve_source(replication->context, &replication->source, err) != 0)
		return database_is_gone(err) ? 0 : -1;
	if (database_open(replication->context, &replication->source, &replication->publisher, err) != 0)
		return -1;
	return pg_publisher_drop(replication->publisher, replication->name, err);
}

void restore_end_replication(struct kind_context *context, struct plan_action *action)
{
	struct replication replication = {.context = context, .name = plan_action_get(action, "name")};
	struct error err;

	action->state = ACTION_DONE;
	if (end_on_target(&replication, &err) != 0 || end_on_source(&replication, &err) != 0)
		kind_action_fail(context, action, &err);
	free_ends(&replication);
}
