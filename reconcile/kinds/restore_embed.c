/*
 * Rows by embedding again: an action a bot, all of them looked at together.
 *
 * Who works on a bot is read from ECS and the bot's item at every look, and
 * nothing is remembered between looks. Two things keep a bot from being
 * embedded twice at once where an answer was lost: a client token that follows
 * from what was seen, and an update that holds only if nothing has changed
 * since.
 */
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "kinds/embed_judge.h"
#include "kinds/embed_world.h"
#include "kinds/restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAST_S 3600  /* by then ECS may have forgotten a task */
#define TOKENS_MAX 5 /* of one bot and starting point */

struct embed {
	struct kind_context *context; /* of the actions: its arena lives as long as they do */
	struct kind_context look;     /* the same with an arena for this look */
	struct embed_world world;
	int64_t room; /* for so many more bots at the same time */
};

static int64_t get_number(const struct plan_action *action, const char *name, int64_t otherwise)
{
	const char *text = plan_action_get(action, name);

	return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static void give_up(const struct embed *embed, struct plan_action *action, const char *text)
{
	action->state = ACTION_FAILED;
	action->error = arena_strdup(embed->context->arena, text);
}

/* The rows are asked for only where they decide: they cost a query. */
static int collect_facts(struct embed *embed, const struct plan_action *action, struct embed_facts *facts,
                         struct error *err)
{
	const struct desired_restore *desired = &embed->context->desired->vectors.restore;
	const char *bot = plan_action_get(action, "bot");

	*facts = (struct embed_facts){
	    .item = embed_world_find_item(&embed->world, bot),
	    .living = embed_world_find_living(&embed->world, bot),
	    .least = get_number(action, "least", 0),
	    .most = get_number(action, "most", INT64_MAX),
	    .now = embed->world.now,
	    .watched = (clock_monotonic_ms() - action->since) / 1000,
	    .attempts = desired->attempts,
	    .pickup = desired->pickup,
	    .queues = desired->via == DESIRED_EMBED_QUEUE,
	};
	facts->stopped = embed_world_count_stopped(&embed->world, bot, &facts->newest);
	if (facts->living != NULL || facts->item == NULL || facts->item->sync_status == NULL ||
	    strcmp(facts->item->sync_status, "SUCCEEDED") != 0)
		return 0;
	return embed_world_count_rows(&embed->look, &embed->world, bot, &facts->rows, err);
}

/* The application shows a bot that is QUEUED as on its way. What nothing will come of is better seen to have failed. */
static void say_failed(struct embed *embed, const struct embed_facts *facts)
{
	struct error err;

	if (dynamodb_set_sync(embed->context->aws, embed->look.arena, embed->world.table, facts->item, "FAILED",
	                      "It was queued, and no embedding task was started.", &err) != 0)
		log_warn("bot %s stays QUEUED: %s", facts->item->id, err.message);
}

static int queue_bot(struct embed *embed, const struct embed_facts *facts, int64_t lost, struct error *err)
{
	const char *reason = embed_format_queued(embed->look.arena, time(NULL), lost);

	return dynamodb_set_sync(embed->context->aws, embed->look.arena, embed->world.table, facts->item, "QUEUED",
	                         reason, err);
}

/*
 * The same for the same bot, task definition and starting point, so that a
 * request whose answer was lost, even to a killed run, is not another one.
 * after: a task that an earlier token gave.
 */
static const char *make_token(struct embed *embed, const struct embed_facts *facts, const char *after)
{
	char *token = arena_alloc(embed->look.arena, DIGEST_SHA256_HEX_SIZE);
	const char *last = facts->item->last_exec != NULL ? facts->item->last_exec : "";
	const char *text =
	    arena_printf(embed->look.arena, "%s|%s|%s|%s|%" PRId64 "|%s", embed->context->desired->metadata.name,
	                 facts->item->id, embed->world.definition.arn, last, facts->stopped, after);

	digest_sha256_hex(text, strlen(text), token);
	return token;
}

/* A token is remembered for longer than the task that it started is: what it gives then is no new start. */
static bool is_past(const struct embed *embed, const struct ecs_task *task)
{
	return task->created_ms / 1000 + PAST_S < embed->world.now;
}

static int run_new_task(struct embed *embed, const struct embed_facts *facts, struct ecs_run *run, struct error *err)
{
	const char *after = "";
	struct ecs_task task;
	int tries;

	for (tries = 0; tries < TOKENS_MAX; tries++) {
		run->token = make_token(embed, facts, after);
		if (ecs_run_task(embed->context->aws, embed->look.arena, run, &task, err) != 0)
			return -1;
		if (!is_past(embed, &task)) {
			log_info("embedding task %s was started for bot %s", task.id, facts->item->id);
			return 0;
		}
		after = task.id;
	}
	return error_set(err, ERROR_SERVICE, "ECS answers with tasks of long ago, the last being %s", after);
}

static int run_task(struct embed *embed, const struct embed_facts *facts, struct error *err)
{
	const struct observed_stack *stack = embed->context->stack;
	const struct dynamodb_key key = {facts->item->owner, facts->item->id};
	const char *told = dynamodb_format_key(embed->look.arena, &key);
	const char *const command[] = {"-u", "embedding/main.py", told, NULL};
	enum desired_embed_form form = embed->context->desired->vectors.restore.form;
	struct ecs_run run = {
	    .cluster = embed->world.cluster,
	    .definition = embed->world.definition.arn,
	    .container = embed->world.definition.container,
	    .command = form != DESIRED_EMBED_ENVIRONMENT ? command : NULL,
	    .event = form != DESIRED_EMBED_ARGUMENT ? told : NULL,
	    .subnets = stack->subnets,
	    .subnet_count = stack->subnet_count,
	    .security_group = stack->task_security_group,
	    .started_by = arena_printf(embed->look.arena, "trueup/%s", embed->context->desired->metadata.name),
	};

	if (stack->subnet_count == 0 || stack->task_security_group == NULL)
		return error_set(err, ERROR_NOT_FOUND,
		                 "the stack %s names no private subnets or no security group for the tasks: use "
		                 "`via: queue`",
		                 stack->name);
	return run_new_task(embed, facts, &run, err);
}

static void start(struct embed *embed, struct plan_action *action, const struct embed_facts *facts, int64_t lost)
{
	bool queue = embed->context->desired->vectors.restore.via == DESIRED_EMBED_QUEUE;
	struct error err;

	if (embed->room <= 0) {
		action->state = ACTION_WAITING;
		action->waits_for = "other bots come first: spec.vectors.restore.concurrency says how many at a time";
		return;
	}
	embed->room--;
	if ((queue ? queue_bot(embed, facts, lost, &err) : run_task(embed, facts, &err)) == 0) {
		kind_action_wait(embed->context, action, "%s", queue ? "it was queued" : "its task was started");
	} else if (err.code == ERROR_STATE) {
		/* Somebody else was there in between. The next look tells what with. */
		kind_action_wait(embed->context, action, "%s", err.message);
	} else {
		kind_action_fail(embed->context, action, &err);
	}
}

static void follow(struct embed *embed, struct plan_action *action, bool may_start)
{
	struct embed_facts facts;
	struct embed_judgement judgement;
	struct error err;

	if (collect_facts(embed, action, &facts, &err) != 0) {
		kind_action_fail(embed->context, action, &err);
		return;
	}
	if (facts.living == NULL && facts.item == NULL) {
		give_up(embed, action, "the application has no such bot any more; plan again");
		return;
	}
	embed_judge(embed->look.arena, &facts, &judgement);
	switch (judgement.verdict) {
	case EMBED_START:
		if (may_start)
			start(embed, action, &facts, judgement.lost);
		break;
	case EMBED_WAIT:
		kind_action_wait(embed->context, action, "%s", judgement.text);
		break;
	case EMBED_DONE:
		action->state = ACTION_DONE;
		break;
	case EMBED_FAILED:
		give_up(embed, action, judgement.text);
		if (judgement.stuck)
			say_failed(embed, &facts);
		break;
	}
}

/* Twice over them: what is under way is counted before anything is started. */
static void follow_all(struct embed *embed, struct plan_action **actions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		actions[i]->state = ACTION_PLANNED;
		follow(embed, actions[i], false);
		embed->room -= actions[i]->state == ACTION_WAITING;
	}
	for (size_t i = 0; i < count; i++)
		if (actions[i]->state == ACTION_PLANNED)
			follow(embed, actions[i], true);
}

static struct dynamodb_key *list_keys(struct embed *embed, struct plan_action **actions, size_t count)
{
	struct dynamodb_key *keys = arena_array(embed->look.arena, count, sizeof(*keys));

	for (size_t i = 0; i < count; i++)
		keys[i] =
		    (struct dynamodb_key){plan_action_get(actions[i], "owner"), plan_action_get(actions[i], "bot")};
	return keys;
}

void restore_embed(struct kind_context *context, struct plan_action **actions, size_t count)
{
	struct embed embed = {
	    .context = context, .look = *context, .room = context->desired->vectors.restore.concurrency};
	struct error err;

	embed.look.arena = arena_new();
	if (embed_world_look(&embed.look, list_keys(&embed, actions, count), count, &embed.world, &err) == 0) {
		follow_all(&embed, actions, count);
	} else {
		for (size_t i = 0; i < count; i++)
			kind_action_fail(context, actions[i], &err);
	}
	arena_free(embed.look.arena);
}
