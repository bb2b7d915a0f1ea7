#include "aws/dynamodb.h"
#include "aws/service.h"

#include <string.h>

#define MARK "#BOT#"
#define BATCH_MAX 100  /* items in one request */
#define BATCH_TRIES 20 /* that leave some of them unread */

/* What is read of a bot. Names of attributes may be words of DynamoDB's own, so all are given as placeholders. */
#define PROJECTION "PK,SK,#k,#b,#s,#r,#e,#p"

static json_t *make_names(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "#k", "Knowledge", "#b", "BedrockKnowledgeBase", "#s",
	                 "SyncStatus", "#r", "SyncStatusReason", "#e", "LastExecId", "#p", "ApiPublishmentStackName");
}

static const char *read_text(struct arena *arena, const json_t *item, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(item, name), "S"));

	return text != NULL && *text != '\0' ? arena_strdup(arena, text) : NULL;
}

/* Knowledge is a map of lists: source_urls, sitemap_urls, filenames and, with later versions, s3_urls. */
static bool knows(const json_t *item, const char *list)
{
	const json_t *knowledge = json_object_get(json_object_get(item, "Knowledge"), "M");

	return json_array_size(json_object_get(json_object_get(knowledge, list), "L")) > 0;
}

/* Returns whether the item is a bot. */
static bool read_bot(struct arena *arena, const json_t *item, struct dynamodb_bot *bot)
{
	const char *key = json_string_value(json_object_get(json_object_get(item, "SK"), "S"));
	const char *mark = key != NULL ? strstr(key, MARK) : NULL;

	*bot = (struct dynamodb_bot){0};
	if (mark == NULL)
		return false;
	*bot = (struct dynamodb_bot){
	    .id = arena_strdup(arena, mark + strlen(MARK)),
	    .owner = read_text(arena, item, "PK"),
	    .knowledge = knows(item, "source_urls") || knows(item, "sitemap_urls") || knows(item, "filenames") ||
	                 knows(item, "s3_urls"),
	    .sitemaps = knows(item, "sitemap_urls"),
	    .knowledge_base = json_is_object(json_object_get(json_object_get(item, "BedrockKnowledgeBase"), "M")),
	    .sync_status = read_text(arena, item, "SyncStatus"),
	    .sync_reason = read_text(arena, item, "SyncStatusReason"),
	    .last_exec = read_text(arena, item, "LastExecId"),
	    .published = read_text(arena, item, "ApiPublishmentStackName"),
	};
	return bot->owner != NULL;
}

static void read_page(struct arena *arena, const json_t *page, struct dynamodb_bots *bots)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(page, "Items"), i, item)
	{
		struct dynamodb_bot bot;

		if (read_bot(arena, item, &bot))
			*ARENA_PUSH(arena, bots->items, bots->count) = bot;
	}
}

/* start: the key that the page begins behind, NULL for the first page; its reference stays the caller's. */
static json_t *make_scan(const char *table, json_t *start)
{
	json_t *body =
	    json_pack("{s:s, s:b, s:s, s:s, s:o, s:{s:{s:s}}}", "TableName", table, "ConsistentRead", 1,
	              "FilterExpression", "contains(SK, :mark)", "ProjectionExpression", PROJECTION,
	              "ExpressionAttributeNames", make_names(), "ExpressionAttributeValues", ":mark", "S", MARK);

	if (body != NULL && start != NULL)
		json_object_set(body, "ExclusiveStartKey", start);
	return body;
}

int dynamodb_list_bots(struct aws *aws, struct arena *arena, const char *table, struct dynamodb_bots *bots,
                       struct error *err)
{
	struct service_pages pages = {0};
	json_t *start = NULL;
	int more;

	*bots = (struct dynamodb_bots){0};
	do {
		struct aws_response response;

		more = service_call_json(aws, arena, AWS_DYNAMODB_SCAN, make_scan(table, start), &response, err);
		json_decref(start);
		start = NULL;
		if (more == 0) {
			read_page(arena, response.json, bots);
			start = json_incref(json_object_get(response.json, "LastEvaluatedKey"));
			more = service_next_page(&pages, arena, service_dump_json(arena, json_incref(start)), err);
		}
		aws_response_free(&response);
	} while (more > 0);
	json_decref(start);
	return more;
}

/* The item's key. A bot's ids are what the table gave, so they are UTF-8; else NULL. */
static json_t *make_key(struct arena *arena, const char *owner, const char *id)
{
	return json_pack("{s:{s:s}, s:{s:s}}", "PK", "S", owner, "SK", "S",
	                 arena_printf(arena, "%s" MARK "%s", owner, id));
}

int dynamodb_get_bot(struct aws *aws, struct arena *arena, const char *table, const char *owner, const char *id,
                     struct dynamodb_bot *bot, struct error *err)
{
	json_t *body = json_pack("{s:s, s:b, s:o, s:s, s:o}", "TableName", table, "ConsistentRead", 1, "Key",
	                         make_key(arena, owner, id), "ProjectionExpression", PROJECTION,
	                         "ExpressionAttributeNames", make_names());
	struct aws_response response;
	bool found;

	if (service_call_json(aws, arena, AWS_DYNAMODB_GET_ITEM, body, &response, err) != 0)
		return -1;
	found = read_bot(arena, json_object_get(response.json, "Item"), bot);
	aws_response_free(&response);
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "bot %s is not in the table %s any more", id, table);
	return 0;
}

const char *dynamodb_format_key(struct arena *arena, const struct dynamodb_key *key)
{
	return service_dump_json(arena, make_key(arena, key->owner, key->id));
}

const char *dynamodb_parse_key(struct arena *arena, const char *text)
{
	json_t *item = text != NULL ? json_loads(text, 0, NULL) : NULL;
	struct dynamodb_bot bot;
	bool found = read_bot(arena, item, &bot);

	json_decref(item);
	return found ? bot.id : NULL;
}

/* Those of the request that were answered are added; *left is what is still to be asked, or NULL. */
static int get_batch(struct aws *aws, struct arena *arena, json_t *request, const char *table,
                     struct dynamodb_bots *bots, json_t **left, struct error *err)
{
	struct aws_response response;
	struct dynamodb_bot bot;
	const json_t *items;
	size_t i;
	json_t *item;

	if (service_call_json(aws, arena, AWS_DYNAMODB_BATCH_GET_ITEM, json_pack("{s:o}", "RequestItems", request),
	                      &response, err) != 0)
		return -1;
	items = json_object_get(json_object_get(response.json, "Responses"), table);
	json_array_foreach(items, i, item)
	{
		if (read_bot(arena, item, &bot))
			*ARENA_PUSH(arena, bots->items, bots->count) = bot;
	}
	item = json_object_get(response.json, "UnprocessedKeys");
	*left = json_object_size(item) > 0 ? json_incref(item) : NULL;
	aws_response_free(&response);
	return 0;
}

/* The request for some of the keys, as BatchGetItem takes it. */
static json_t *make_batch(struct arena *arena, const char *table, const struct dynamodb_key *keys, size_t count)
{
	json_t *wanted = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(wanted, make_key(arena, keys[i].owner, keys[i].id));
	return json_pack("{s:{s:o, s:b, s:s, s:o}}", table, "Keys", wanted, "ConsistentRead", 1, "ProjectionExpression",
	                 PROJECTION, "ExpressionAttributeNames", make_names());
}

/* DynamoDB may leave some for later, as it is busy. */
static int get_all(struct aws *aws, struct arena *arena, const char *table, json_t *request, struct dynamodb_bots *bots,
                   struct error *err)
{
	int tries;

	for (tries = 0; request != NULL && tries < BATCH_TRIES; tries++) {
		json_t *left = NULL;

		if (get_batch(aws, arena, request, table, bots, &left, err) != 0)
			return -1;
		request = left;
	}
	if (request == NULL)
		return 0;
	json_decref(request);
	error_set(err, ERROR_THROTTLED, "DynamoDB leaves items of the table %s unread", table);
	err->retryable = true;
	return -1;
}

int dynamodb_get_bots(struct aws *aws, struct arena *arena, const char *table, const struct dynamodb_key *keys,
                      size_t count, struct dynamodb_bots *bots, struct error *err)
{
	*bots = (struct dynamodb_bots){0};
	for (size_t i = 0; i < count; i += BATCH_MAX) {
		size_t most = count - i < BATCH_MAX ? count - i : BATCH_MAX;

		if (get_all(aws, arena, table, make_batch(arena, table, keys + i, most), bots, err) != 0)
			return -1;
	}
	return 0;
}

/* What must still hold for a status to be set. */
static const char *make_condition(const struct dynamodb_bot *bot)
{
	if (bot->sync_status == NULL)
		return "attribute_exists(SK) AND attribute_not_exists(#s)";
	return bot->last_exec != NULL ? "#s = :was AND #e = :exec" : "#s = :was";
}

static json_t *make_update(struct arena *arena, const char *table, const struct dynamodb_bot *bot, const char *status,
                           const char *reason)
{
	json_t *values = json_pack("{s:{s:s}, s:{s:s}}", ":status", "S", status, ":reason", "S", reason);
	json_t *names = json_pack("{s:s, s:s}", "#s", "SyncStatus", "#r", "SyncStatusReason");

	if (values != NULL && bot->sync_status != NULL)
		json_object_set_new(values, ":was", json_pack("{s:s}", "S", bot->sync_status));
	if (values != NULL && bot->sync_status != NULL && bot->last_exec != NULL) {
		json_object_set_new(values, ":exec", json_pack("{s:s}", "S", bot->last_exec));
		json_object_set_new(names, "#e", json_string("LastExecId"));
	}
	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "TableName", table, "Key",
	                 make_key(arena, bot->owner, bot->id), "UpdateExpression", "SET #s = :status, #r = :reason",
	                 "ConditionExpression", make_condition(bot), "ExpressionAttributeNames", names,
	                 "ExpressionAttributeValues", values);
}

static bool is_lost(const struct error *err)
{
	return err->code == ERROR_UNREACHABLE || err->code == ERROR_TIMEOUT || err->code == ERROR_PROTOCOL ||
	       strcmp(err->service_code, "ConditionalCheckFailedException") == 0 ||
	       (err->code == ERROR_SERVICE && err->retryable);
}

static bool is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int dynamodb_set_sync(struct aws *aws, struct arena *arena, const char *table, const struct dynamodb_bot *bot,
                      const char *status, const char *reason, struct error *err)
{
	json_t *body = make_update(arena, table, bot, status, reason != NULL ? reason : "");
	struct dynamodb_bot now;
	struct error ignored;

	if (reason != NULL && *reason == '\0')
		reason = NULL;
	if (service_do_json(aws, arena, AWS_DYNAMODB_UPDATE_ITEM, body, err) == 0)
		return 0;
	if (!is_lost(err))
		return -1;
	if (dynamodb_get_bot(aws, arena, table, bot->owner, bot->id, &now, &ignored) != 0) {
		if (ignored.code == ERROR_NOT_FOUND)
			*err = ignored;
		return -1;
	}
	if (is_same(now.sync_status, status) && is_same(now.sync_reason, reason))
		return 0;
	if (err->code == ERROR_STATE)
		return error_set(err, ERROR_STATE, "bot %s: somebody has set its SyncStatus from %s to %s meanwhile",
		                 bot->id, bot->sync_status != NULL ? bot->sync_status : "nothing",
		                 now.sync_status != NULL ? now.sync_status : "nothing");
	err->retryable = true; /* the condition keeps a second one from doing harm */
	return -1;
}
