#include "kinds/rows.h"
#include "base/log.h"
#include "pg/compare.h"
#include "pg/copy.h"
#include "pg/delete.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 5

struct name_list {
	const char **items;
	size_t count;
};

const char *rows_list_names(struct arena *arena, const char *const *names, size_t count)
{
	const char *text = count > 0 ? names[0] : "";
	size_t i;

	for (i = 1; i < count && i < NAMES_SHOWN; i++)
		text = arena_printf(arena, "%s, %s", text, names[i]);
	return count <= NAMES_SHOWN ? text : arena_printf(arena, "%s and %zu more", text, count - NAMES_SHOWN);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *const *sort_names(struct arena *arena, const char *const *names, size_t count)
{
	const char **sorted = arena_grow(arena, names, count, count, sizeof(*sorted));

	qsort(sorted, count, sizeof(*sorted), compare_names);
	return sorted;
}

static bool has_name(const char *const *sorted, size_t count, const char *name)
{
	return bsearch(&name, sorted, count, sizeof(*sorted), compare_names) != NULL;
}

/* A reading session on the source, whatever the context may do. */
static int open_source(struct kind_context *context, struct database *source, struct pg_session **session,
                       struct error *err)
{
	struct kind_context reading = *context;

	reading.writes = false;
	return database_open(&reading, source, session, err);
}

/* What differs, bot by bot, as one moment of each side has it. */
static int compare(struct kind_context *context, const struct rows_request *request, struct pg_comparison *comparison,
                   struct error *err)
{
	struct pg_side source = {.table = request->table}, target = {.table = request->table};
	int rc = open_source(context, request->source, &source.session, err);

	if (rc == 0)
		rc = database_open(context, request->target, &target.session, err);
	if (rc == 0)
		rc = pg_compare(&source, &target, context->arena, comparison, err);
	pg_session_close(target.session);
	pg_session_close(source.session);
	return rc;
}

/* Sort what differs into bots to copy, to keep, and to delete. */
static void choose(struct kind_context *context, const struct rows_request *request,
                   const struct pg_comparison *comparison, struct rows_result *result, struct name_list *copy,
                   struct name_list *gone)
{
	const char *const *wanted = sort_names(context->arena, request->bots, request->bot_count);
	size_t i;

	for (i = 0; i < comparison->count; i++) {
		const struct pg_difference *bot = &comparison->items[i];

		if (bot->equal || (request->bots != NULL && !has_name(wanted, request->bot_count, bot->bot)))
			continue;
		if (bot->source_rows == 0 && request->bots == NULL && request->may_delete)
			*ARENA_PUSH(context->arena, gone->items, gone->count) = bot->bot;
		else if (bot->source_rows == 0)
			*ARENA_PUSH(context->arena, result->absent, result->absent_count) = bot->bot;
		else if (bot->target_only > 0 && !request->may_lose)
			*ARENA_PUSH(context->arena, result->kept, result->kept_count) = bot->bot;
		else
			*ARENA_PUSH(context->arena, copy->items, copy->count) = bot->bot;
	}
}

/* Bots that were asked for and that neither side has a row of. */
static void add_unheard_of(struct kind_context *context, const struct rows_request *request,
                           const struct pg_comparison *comparison, struct rows_result *result)
{
	const char **known = arena_array(context->arena, comparison->count, sizeof(*known));
	size_t i;

	for (i = 0; i < comparison->count; i++)
		known[i] = comparison->items[i].bot; /* sorted already */
	for (i = 0; i < request->bot_count; i++)
		if (!has_name(known, comparison->count, request->bots[i]))
			*ARENA_PUSH(context->arena, result->absent, result->absent_count) = request->bots[i];
}

static int copy_bots(struct kind_context *context, const struct rows_request *request, const struct name_list *bots,
                     struct rows_result *result, struct error *err)
{
	struct pg_copy_request copy = {
	    .source = &request->source->settings,
	    .target = &request->target->settings,
	    .source_table = request->table,
	    .target_table = request->table,
	    .bots = bots->items,
	    .bot_count = bots->count,
	    .streams = request->streams,
	    .stop = context->stop,
	    .progress = context->progress,
	};
	struct pg_copy_result copied;
	int rc = pg_copy(&copy, context->arena, &copied, err);

	result->copied = bots->count;
	result->rows = copied.rows_copied;
	if (copied.text_reason != NULL)
		log_warn("rows were copied as text, which is slow: %s", copied.text_reason);
	if (copied.extra_columns != NULL)
		log_warn("columns that only the source has were not copied: %s", copied.extra_columns);
	return rc;
}

static int delete_bots(struct kind_context *context, const struct rows_request *request, const struct name_list *bots,
                       struct error *err)
{
	struct pg_session *session;
	int64_t rows;
	int rc;

	if (database_open(context, request->target, &session, err) != 0)
		return -1;
	rc = pg_delete_bots(session, request->table, bots->items, bots->count, &rows, err);
	pg_session_close(session);
	return rc;
}

int rows_match(struct kind_context *context, const struct rows_request *request, struct rows_result *result,
               struct error *err)
{
	struct pg_comparison comparison;
	struct name_list copy = {0}, gone = {0};

	*result = (struct rows_result){0};
	if (compare(context, request, &comparison, err) != 0)
		return -1;
	choose(context, request, &comparison, result, &copy, &gone);
	add_unheard_of(context, request, &comparison, result);
	if (copy.count > 0 && copy_bots(context, request, &copy, result, err) != 0)
		return -1;
	if (gone.count > 0 && delete_bots(context, request, &gone, err) != 0)
		return -1;
	return 0;
}
