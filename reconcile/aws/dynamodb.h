/*
 * dynamodb.h - the bots in the application's table.
 *
 * One table holds bots, aliases of bots and conversations. PK is the owner's
 * sub, a bot's SK "{sub}#BOT#{id}" (backend/app/repositories of Bedrock Chat).
 * Results live in the arena. Every read is consistent.
 */
#ifndef TRUEUP_AWS_DYNAMODB_H
#define TRUEUP_AWS_DYNAMODB_H

#include "aws/client.h"

/* Text that is absent, empty or NULL in the table is NULL here. */
struct dynamodb_bot {
	const char *id;
	const char *owner;       /* the user's sub: the item's PK */
	bool knowledge;          /* any list of its Knowledge is not empty */
	bool sitemaps;           /* its Knowledge names sitemaps */
	bool knowledge_base;     /* a Bedrock knowledge base answers for it */
	const char *sync_status; /* QUEUED, RUNNING, SUCCEEDED, FAILED, ORIGINAL_NOT_FOUND */
	const char *sync_reason;
	const char *last_exec; /* id of the ECS task that embedded it last */
	const char *published; /* stack of its published API */
};

struct dynamodb_bots {
	struct dynamodb_bot *items; /* as the table gives them: in no order */
	size_t count;
};

/* All bots of all users, aliases left out. Reads the whole table, conversations too, a megabyte a call. */
int dynamodb_list_bots(struct aws *aws, struct arena *arena, const char *table, struct dynamodb_bots *bots,
                       struct error *err);

/* One bot as it is now; ERROR_NOT_FOUND if it is not there any more. */
int dynamodb_get_bot(struct aws *aws, struct arena *arena, const char *table, const char *owner, const char *id,
                     struct dynamodb_bot *bot, struct error *err);

/* Whose bot: PK and SK of its item. */
struct dynamodb_key {
	const char *owner;
	const char *id;
};

/* Many bots as they are now, a hundred a call; those that are not there any more are left out. */
int dynamodb_get_bots(struct aws *aws, struct arena *arena, const char *table, const struct dynamodb_key *keys,
                      size_t count, struct dynamodb_bots *bots, struct error *err);

/* A bot's key as DynamoDB writes it, which is what embedding tasks are told: {"PK": {"S": …}, "SK": {"S": …}}. */
const char *dynamodb_format_key(struct arena *arena, const struct dynamodb_key *key);

/* The id of the bot whose key, or whole item, stands in such a text; NULL if none does. */
const char *dynamodb_parse_key(struct arena *arena, const char *text);

/*
 * Set SyncStatus and SyncStatusReason (NULL: empty), if SyncStatus is still
 * bot->sync_status, and no task has embedded it since bot->last_exec. After a lost answer, or where the condition no
 * longer holds, the bot is looked at again: if it shows what was to be written, that was done. ERROR_STATE (not
 * retryable): somebody else has changed it, and the message says to what. ERROR_NOT_FOUND: the bot is gone.
 */
int dynamodb_set_sync(struct aws *aws, struct arena *arena, const char *table, const struct dynamodb_bot *bot,
                      const char *status, const char *reason, struct error *err);

#endif
