/*
 * embed_world.h - one look at what embedding is about: ECS's tasks, the bots'
 * items, their rows. In this order: an item that is read after its task was
 * seen to have stopped says how that task ended.
 */
#ifndef TRUEUP_KINDS_EMBED_WORLD_H
#define TRUEUP_KINDS_EMBED_WORLD_H

#include "aws/dynamodb.h"
#include "aws/ecs.h"
#include "kinds/kind.h"
#include "pg/digest.h"

struct embed_task {
	const struct ecs_task *task;
	const char *bot; /* that it is told; NULL: none that can be read */
};

struct embed_world {
	const char *table;   /* the application's, of bots */
	const char *cluster; /* ECS's */
	struct ecs_definition definition;
	struct embed_task *tasks;
	size_t task_count;
	struct dynamodb_bots items; /* sorted by id */
	bool counted;
	struct pg_bots rows;
	int64_t now; /* Unix time, seconds */
};

/* The names that come from the stack, for observing and acting alike. ERROR_NOT_FOUND: it does not have them. */
int embed_world_name(const struct kind_context *context, const char **cluster, const char **definition,
                     struct error *err);

/* Look: all tasks, and the items of the bots that no task works on. Everything is in the context's arena. */
int embed_world_look(struct kind_context *context, const struct dynamodb_key *bots, size_t count,
                     struct embed_world *world, struct error *err);

/* A task of the bot's that has not stopped, or NULL. */
const struct ecs_task *embed_world_find_living(const struct embed_world *world, const char *bot);

/* The stopped tasks of a bot, of the present revision: how many, and the one that was started last. */
int64_t embed_world_count_stopped(const struct embed_world *world, const char *bot, const struct ecs_task **newest);

/* The bot's item, or NULL. */
const struct dynamodb_bot *embed_world_find_item(const struct embed_world *world, const char *bot);

/* The bot's rows, from a count of all that is made once in a look, when first asked for. */
int embed_world_count_rows(struct kind_context *context, struct embed_world *world, const char *bot, int64_t *rows,
                           struct error *err);

#endif
