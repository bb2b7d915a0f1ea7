/* pgtool_replication.c - the commands that set up a replication, look at it, and take it down. */
#include "base/arena.h"
#include "pg/copy.h"
#include "pg/delete.h"
#include "pg/replication.h"
#include "pgtool.h"

#include <stdlib.h>
#include <string.h>

/* Both ends of a replication, as a restoration has them. */
struct ends {
	const char *name;
	const char *table;
	struct pg_settings role; /* the source, as the target's server logs in */
	struct pg_session *source;
	struct pg_session *target;
};

static int copy_at(struct tool *tool, const char *snapshot, struct error *err)
{
	struct pg_copy_result result;
	struct pg_copy_request request = {
	    .source = &tool->settings[0],
	    .target = &tool->settings[1],
	    .source_table = tool->tables[0],
	    .target_table = tool->tables[1],
	    .snapshot = snapshot,
	    .stop = &tool_stopped,
	};
	int status = pg_copy(&request, tool->arena, &result, err);

	json_object_set_new(tool->answer, "rows_copied", json_integer(result.rows_copied));
	return status;
}

static int delete_deleted(struct tool *tool, struct ends *ends, struct error *err)
{
	struct pg_ids ids;
	int64_t rows;

	if (pg_slot_list_deleted(ends->source, tool->arena, ends->table, ends->name, &ids, err) < 0 ||
	    pg_delete_ids(ends->target, ends->table, ids.items, ids.count, &rows, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "deleted", json_pack("[I, I]", (json_int_t)ids.count, (json_int_t)rows));
	return 0;
}

/* Publication, subscription, slot, copy: and then it follows. With stop=yes it is cut off before it copies. */
static int run_follow(struct tool *tool, struct ends *ends, struct error *err)
{
	struct pg_publisher_address address = {ends->role.host, ends->role.port, ends->role.database,
	                                       ends->role.sslmode};
	const struct secret *password = ends->role.password;
	struct pg_session *holder = NULL;
	char snapshot[PG_SNAPSHOT_SIZE];
	int status = -1;

	if (pg_subscriber_drop(ends->target, ends->name, err) == 0 &&
	    pg_slot_put_aside(ends->source, ends->name, err) == 0 &&
	    pg_publisher_create(ends->source, ends->table, ends->name, password, err) == 0 &&
	    pg_subscriber_create(ends->target, ends->name, &address, password, err) == 0 &&
	    pg_slot_create(&ends->role, ends->name, snapshot, &holder, err) == 0 &&
	    delete_deleted(tool, ends, err) == 0 && tool_option(tool, "stop", NULL) == NULL &&
	    copy_at(tool, snapshot, err) == 0 && pg_slot_drop_old(ends->source, ends->name, err) == 0)
		status = pg_subscriber_enable(ends->target, ends->name, err);
	pg_session_close(holder);
	return status;
}

static int run_redirect(struct tool *tool, struct ends *ends, struct error *err)
{
	struct pg_publisher_address address = {ends->role.host, ends->role.port, ends->role.database,
	                                       ends->role.sslmode};

	address.port = tool_number(tool_option(tool, "port", arena_printf(tool->arena, "%d", address.port)));
	if (pg_publisher_renew(ends->source, ends->name, ends->role.password, err) < 0 ||
	    pg_subscriber_redirect(ends->target, ends->name, &address, ends->role.password, err) < 0)
		return -1;
	return pg_subscriber_probe(ends->target, ends->name, err);
}

static int run_followed(struct tool *tool, struct ends *ends, struct error *err)
{
	struct pg_publisher publisher;
	struct pg_subscriber subscriber;
	bool caught_up = false;

	if (pg_publisher_observe(ends->source, tool->arena, ends->table, ends->name, &publisher, err) < 0 ||
	    pg_subscriber_observe(ends->target, tool->arena, ends->name, &subscriber, err) < 0)
		return -1;
	if (publisher.slot &&
	    pg_replication_catch_up(ends->source, ends->name, tool_number(tool_option(tool, "patience", "0")),
	                            &caught_up, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "source",
	                    json_pack("{s:b, s:b, s:I, s:b, s:s?, s:s?, s:b, s:b, s:b, s:b, s:b, s:b}", "rds",
	                              (int)publisher.rds, "logical", (int)publisher.logical, "slots_left",
	                              (json_int_t)publisher.slots_left, "identity", (int)publisher.identity, "extra",
	                              publisher.extra, "missing", publisher.missing, "publication",
	                              (int)publisher.publication, "role", (int)publisher.role, "slot",
	                              (int)publisher.slot, "active", (int)publisher.slot_active, "lost",
	                              (int)publisher.slot_lost, "old_slot", (int)publisher.old_slot));
	json_object_set_new(tool->answer, "target",
	                    json_pack("{s:s?, s:b, s:b, s:b}", "missing", subscriber.missing, "subscription",
	                              (int)subscriber.subscription, "enabled", (int)subscriber.enabled, "errors",
	                              (int)(subscriber.errors > 0)));
	json_object_set_new(tool->answer, "caught_up", json_boolean(caught_up));
	return 0;
}

static int run_unfollow(struct tool *tool, struct ends *ends, struct error *err)
{
	if (tool_option(tool, "source-only", NULL) == NULL && pg_subscriber_drop(ends->target, ends->name, err) < 0)
		return -1;
	return pg_publisher_drop(ends->source, ends->name, err);
}

static const struct replicating_command {
	const char *name;
	int (*run)(struct tool *tool, struct ends *ends, struct error *err);
} replicating_commands[] = {
    {"follow", run_follow}, {"followed", run_followed}, {"redirect", run_redirect}, {"unfollow", run_unfollow}};

static const struct replicating_command *find_replicating(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(replicating_commands) / sizeof(replicating_commands[0]); i++)
		if (strcmp(replicating_commands[i].name, name) == 0)
			return &replicating_commands[i];
	return NULL;
}

bool tool_replicates(const char *name)
{
	return find_replicating(name) != NULL;
}

int tool_replicate(struct tool *tool, const char *name, struct error *err)
{
	struct ends ends = {.name = tool_option(tool, "name", "trueup_test"), .table = tool->tables[0]};
	struct secret *password = pg_replication_password();
	int status = -1;

	ends.role = tool->settings[0];
	ends.role.user = ends.name;
	ends.role.password = password;
	tool->settings[0].writes = tool->settings[1].writes = true;
	if (pg_session_open(&tool->settings[0], &ends.source, err) == 0 &&
	    pg_session_open(&tool->settings[1], &ends.target, err) == 0)
		status = find_replicating(name)->run(tool, &ends, err);
	pg_session_close(ends.target);
	pg_session_close(ends.source);
	secret_free(password);
	return status;
}
