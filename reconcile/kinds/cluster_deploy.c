/*
 * Whatever the deployment's command says of itself, the world decides: the
 * stack, which may be at work without it, and the cluster that the stack names.
 * So a command that was killed half-way, or failed after all was done, is no
 * reason to run it again, and one that ended well none to believe it.
 */
#include "kinds/cluster_deploy.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "kinds/clusters.h"
#include "kinds/stack.h"
#include "plan/diff.h"
#include "plan/names.h"
#include "spec/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS 10000 /* for a command whose time is over, to end by itself */
#define LAST_LINES 5
#define LAST_LINE_MAX 200 /* of each, in a report; the log has all */

/* As it is when an action looks. */
struct stage {
	struct observed_stack stack;
	const struct rds_cluster *cluster; /* the stack's; NULL: it names none, or that is not there */
	const struct rds_cluster *source;  /* the one to be replaced; NULL: gone */
};

static int look(struct kind_context *context, const struct plan_action *action, struct stage *stage, struct error *err)
{
	const char *name = plan_action_get(action, "stack"), *source = plan_action_get(action, "source");
	struct rds_clusters clusters;
	size_t i;

	*stage = (struct stage){0};
	if ((name != NULL && stack_read(context, name, &stage->stack, err) != 0) ||
	    rds_describe_clusters(context->aws, context->arena, &clusters, err) != 0)
		return -1;
	if (stage->stack.cluster != NULL)
		stage->cluster = clusters_find(&clusters, stage->stack.cluster);
	for (i = 0; source != NULL && i < clusters.count; i++)
		if (strcmp(clusters.items[i].resource_id, source) == 0)
			stage->source = &clusters.items[i];
	return 0;
}

static bool is_as_wanted(const struct plan_action *action, const struct rds_cluster *cluster)
{
	const char *key = plan_action_get(action, "kmsKey");

	return cluster != NULL && clusters_is_encrypted(cluster) &&
	       (key == NULL || (cluster->kms_key_id != NULL && strcmp(cluster->kms_key_id, key) == 0));
}

static void fail(struct plan_action *action, const char *why)
{
	action->state = ACTION_FAILED;
	action->error = why;
}

/* --- snapshot --- */

static int create_snapshot(struct kind_context *context, const struct plan_action *action, const char *identifier,
                           struct rds_snapshot *snapshot, struct error *err)
{
	struct rds_tag tag = clusters_own_tag(context);
	struct stage stage;

	if (look(context, action, &stage, err) != 0)
		return -1;
	if (stage.source == NULL)
		return error_set(err, ERROR_NOT_FOUND, "the old cluster is gone");
	return rds_create_snapshot(context->aws, context->arena, identifier, stage.source->identifier, &tag, 1,
	                           snapshot, err);
}

void cluster_take_snapshot(struct kind_context *context, struct plan_action *action)
{
	const char *identifier = plan_action_get(action, "snapshot"), *deployment;
	struct rds_snapshot snapshot;
	struct error err;
	int rc = rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, &err);

	if (rc != 0 && err.code == ERROR_NOT_FOUND)
		rc = create_snapshot(context, action, identifier, &snapshot, &err);
	if (rc != 0 && err.code == ERROR_EXISTS) /* our own, asked for twice: the first answer was lost */
		rc = rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, &err);
	if (rc != 0) {
		kind_action_fail(context, action, &err);
		return;
	}
	deployment = rds_find_tag(snapshot.tags, snapshot.tag_count, NAMES_TAG);
	if (deployment == NULL || strcmp(deployment, context->desired->metadata.name) != 0)
		fail(action, arena_printf(context->arena,
		                          "a snapshot named %s is there that was not made for this "
		                          "deployment: copy it to another name, then delete it",
		                          identifier));
	else
		clusters_follow_status(context, action, arena_printf(context->arena, "the snapshot %s", identifier),
		                       snapshot.status);
}

/* --- deploy --- */

static const char *directory_of(const struct kind_context *context)
{
	const char *directory = context->desired->cluster.deploy.directory;

	return directory != NULL ? directory : place_directory(context->arena, context->desired->file);
}

/* cdk writes into cdk.out beside its cdk.json; that it cannot is known before anything goes for its sake. */
static const char *find_unwritable(struct arena *arena, const char *directory)
{
	const char *out = arena_printf(arena, "%s/cdk.out", directory);

	if (access(arena_printf(arena, "%s/cdk.json", directory), F_OK) != 0)
		return NULL;
	if (access(out, F_OK) != 0)
		out = directory;
	return access(out, W_OK | X_OK) != 0 ? out : NULL;
}

const char *cluster_find_deploy_problem(const struct kind_context *context)
{
	const struct desired_deploy *deploy = &context->desired->cluster.deploy;
	const char *directory = directory_of(context), *unwritable;
	struct stat info;

	if (context->desired->cluster.replace != DESIRED_REPLACE_DEPLOY)
		return NULL;
	if (stat(directory, &info) != 0 || !S_ISDIR(info.st_mode))
		return arena_printf(context->arena, "spec.cluster.deploy.directory: there is no directory %s",
		                    directory);
	if (!process_exists(deploy->command.items[0], directory))
		return arena_printf(context->arena, "spec.cluster.deploy.command: there is no program %s",
		                    deploy->command.items[0]);
	unwritable = find_unwritable(context->arena, directory);
	if (unwritable != NULL)
		return arena_printf(context->arena,
		                    "spec.cluster.deploy.directory: cdk writes into %s, and trueup's user may not",
		                    unwritable);
	return NULL;
}

/* The last lines of what the command said, oldest first. */
struct tail {
	char lines[LAST_LINES][LAST_LINE_MAX];
	size_t count; /* of all that were there */
};

static void keep_line(struct tail *tail, const char *line)
{
	char *kept = tail->lines[tail->count % LAST_LINES];
	size_t length = strnlen(line, LAST_LINE_MAX - 1);

	/* What is empty tells nothing, and nor does where in its own code a program was when it gave up. */
	if (length == 0 || strncmp(line + strspn(line, " "), "at ", 3) == 0)
		return;
	while (line[length] != '\0' && ((unsigned char)line[length] & 0xc0) == 0x80)
		length--; /* between characters */
	memcpy(kept, line, length);
	kept[length] = '\0';
	tail->count++;
}

static const char *join_tail(struct arena *arena, const struct tail *tail)
{
	size_t first = tail->count > LAST_LINES ? tail->count - LAST_LINES : 0, i;
	const char *text = tail->count > 0 ? "; its last lines: " : "; it said nothing";

	for (i = first; i < tail->count; i++)
		text = arena_printf(arena, "%s%s%s", text, i > first ? " | " : "", tail->lines[i % LAST_LINES]);
	return text;
}

/* "`npx` ended with exit code 1; its last lines: …" */
static const char *describe_run(struct kind_context *context, const struct process_outcome *outcome,
                                const struct tail *tail)
{
	const struct desired_deploy *deploy = &context->desired->cluster.deploy;
	char how[128], timeout[32] = "", limit[96] = "";

	process_describe(outcome, how, sizeof(how));
	clock_format_duration(deploy->timeout, timeout, sizeof(timeout));
	if (outcome->ending == PROCESS_TIMED_OUT)
		snprintf(limit, sizeof(limit), " (spec.cluster.deploy.timeout is %s)", timeout);
	return arena_printf(context->arena, "the command %s %s%s%s", deploy->command.items[0], how, limit,
	                    join_tail(context->arena, tail));
}

/* Leaves in action->ran what came of the command, and how it ended in *outcome. -1 if it could not be started. */
static int run_command(struct kind_context *context, struct plan_action *action, struct process_outcome *outcome,
                       struct error *err)
{
	const struct desired_deploy *deploy = &context->desired->cluster.deploy;
	const char **argv = arena_array(context->arena, deploy->command.count + 1, sizeof(*argv));
	struct process_options options = {
	    .argv = argv,
	    .directory = directory_of(context),
	    .timeout_ms = deploy->timeout * 1000,
	    .grace_ms = GRACE_MS,
	    .stop = context->stop,
	    .errors = true,
	};
	char line[PROCESS_LINE_MAX];
	struct process *process;
	struct tail tail = {.count = 0};

	memcpy(argv, deploy->command.items, deploy->command.count * sizeof(*argv));
	log_info("running %s in %s", argv[0], options.directory);
	if (process_start(&options, &process, err) != 0)
		return error_context(err, "spec.cluster.deploy.command");
	while (process_read_line(process, line)) {
		log_info("%s: %s", argv[0], line);
		keep_line(&tail, line);
	}
	*outcome = process_finish(process);
	action->ran = describe_run(context, outcome, &tail);
	return 0;
}

/* Waits for the stack. What the command ended with is said meanwhile, and counts if the time to wait runs out. */
static void wait_for_stack(struct kind_context *context, struct plan_action *action, const struct stage *stage)
{
	kind_action_wait(context, action, "the stack %s is %s", stage->stack.name, stage->stack.status);
	action->error = action->ran_well ? NULL : action->ran;
}

static void follow_cluster(struct kind_context *context, struct plan_action *action, const struct stage *stage)
{
	if (action->ran != NULL && !action->ran_well)
		log_warn("the stack %s has an encrypted cluster, %s; but %s", stage->stack.name,
		         stage->cluster->identifier, action->ran);
	clusters_follow_status(context, action,
	                       arena_printf(context->arena, "the cluster %s", stage->cluster->identifier),
	                       stage->cluster->status);
}

/* The stack is at rest, or stuck, and its cluster is not what it should be. */
static const char *explain_failure(struct kind_context *context, const struct plan_action *action,
                                   const struct stage *stage)
{
	const struct observed_stack *stack = &stage->stack;
	const char *text;

	if (diff_stack_is_stuck(stack->status) || diff_stack_is_halfway(stack->status))
		text = diff_advise_stuck(context->arena, stack->name, stack->status);
	else if (stack->failure == NULL && action->ran_well)
		text = arena_printf(context->arena,
		                    "the cluster of the stack %s is %s as before: does the command deploy this stack, "
		                    "and a version that encrypts the cluster?",
		                    stack->name, stack->cluster != NULL ? stack->cluster : "missing");
	else
		text = arena_printf(context->arena, "the stack %s is %s", stack->name, stack->status);
	if (stack->failure != NULL)
		text = arena_printf(context->arena, "%s (%s)", text, stack->failure);
	return action->ran != NULL ? arena_printf(context->arena, "%s; %s", text, action->ran) : text;
}

/* The last look before the old cluster goes: nothing is replaced of which there is no snapshot. False: not yet. */
static bool has_snapshot(struct kind_context *context, struct plan_action *action)
{
	const char *identifier = plan_action_get(action, "snapshot");
	struct rds_snapshot snapshot;
	struct error err;

	if (rds_describe_snapshot(context->aws, context->arena, identifier, &snapshot, &err) != 0) {
		kind_action_fail(context, action, &err);
		return false;
	}
	clusters_follow_status(context, action, arena_printf(context->arena, "the snapshot %s", identifier),
	                       snapshot.status);
	return action->state == ACTION_DONE;
}

/* Whether the stack's cluster is the encrypted one, and stays so. */
static bool is_replaced(const struct plan_action *action, const struct stage *stage)
{
	const char *status = stage->stack.status;

	return is_as_wanted(action, stage->cluster) && !diff_stack_is_changing(status) &&
	       !diff_stack_is_halfway(status);
}

/* Settles the action by what there is. False: nothing is there yet, and nothing in the way of the command. */
static bool judge(struct kind_context *context, struct plan_action *action)
{
	struct stage stage;
	struct error err;

	if (look(context, action, &stage, &err) != 0)
		kind_action_fail(context, action, &err);
	else if (is_replaced(action, &stage))
		follow_cluster(context, action, &stage);
	else if (diff_stack_is_busy(stage.stack.status))
		wait_for_stack(context, action, &stage);
	else if (action->ran != NULL || diff_stack_is_stuck(stage.stack.status) || is_as_wanted(action, stage.cluster))
		fail(action, explain_failure(context, action, &stage));
	else
		return false;
	return true;
}

void cluster_deploy(struct kind_context *context, struct plan_action *action)
{
	struct process_outcome outcome = {0};
	struct error err;

	if (judge(context, action) || !has_snapshot(context, action))
		return;
	if (run_command(context, action, &outcome, &err) != 0) {
		kind_action_fail(context, action, &err);
		return;
	}
	action->ran_well = outcome.ending == PROCESS_STOPPED || (outcome.ending == PROCESS_EXITED && outcome.code == 0);
	judge(context, action);
	if (action->state == ACTION_FAILED && outcome.ending == PROCESS_STOPPED)
		action->error = action->ran; /* before it had set anything off */
}

/* --- settle --- */

void cluster_settle_stack(struct kind_context *context, struct plan_action *action)
{
	struct stage stage;
	struct error err;

	if (look(context, action, &stage, &err) != 0) {
		kind_action_fail(context, action, &err);
	} else if (is_replaced(action, &stage)) {
		follow_cluster(context, action, &stage);
	} else if (diff_stack_is_busy(stage.stack.status)) {
		wait_for_stack(context, action, &stage);
	} else {
		action->state = ACTION_BLOCKED;
		action->waits_for =
		    arena_printf(context->arena, "a person: the deployment has not replaced the cluster: %s",
		                 explain_failure(context, action, &stage));
	}
}
