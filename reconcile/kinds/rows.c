#include "kinds/rows.h"
#include "base/log.h"
#include "pg/copy.h"
#include "pg/delete.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 5

const char *rows_list_names(struct arena *arena, const char *const *names, size_t count)
{
	const char *text = count > 0 ? names[0] : "";
	size_t i;

	for (i = 1; i < count && i < NAMES_SHOWN; i++)
		text = arena_printf(arena, "%s, %s", text, names[i]);
	return count <= NAMES_SHOWN ? text : arena_printf(arena, "%s and %zu more", text, count - NAMES_SHOWN);
}

/* The bots of a state, by name. */
static void list_state(struct arena *arena, const struct pg_copy_result *copied, enum pg_copy_state state,
                       const char ***names, size_t *count)
{
	size_t i;

	for (i = 0; i < copied->bot_count; i++)
		if (copied->bots[i].state == state)
			*ARENA_PUSH(arena, *names, *count) = copied->bots[i].name;
}

static int compare_bot_name(const void *name, const void *bot)
{
	return strcmp(name, ((const struct pg_copy_bot *)bot)->name);
}

/* Bots that were asked for and that neither side has a row of. */
static void add_unheard_of(struct kind_context *context, const struct rows_request *request,
                           const struct pg_copy_result *copied, struct rows_result *result)
{
	size_t i;

	for (i = 0; i < request->bot_count; i++)
		if (copied->bot_count == 0 || bsearch(request->bots[i], copied->bots, copied->bot_count,
		                                      sizeof(*copied->bots), compare_bot_name) == NULL)
			*ARENA_PUSH(context->arena, result->absent, result->absent_count) = request->bots[i];
}

/* The copy opens its own sessions; a secret that was rotated is noticed, and read again, here. */
static int check_access(struct kind_context *context, const struct rows_request *request, struct error *err)
{
	struct kind_context reading = *context;
	struct pg_session *session;

	reading.writes = false;
	if (database_open(&reading, request->source, &session, err) != 0)
		return -1;
	pg_session_close(session);
	if (database_open(context, request->target, &session, err) != 0)
		return -1;
	pg_session_close(session);
	return 0;
}

static int copy_bots(struct kind_context *context, const struct rows_request *request, struct pg_copy_result *copied,
                     struct error *err)
{
	struct pg_copy_request copy = {
	    .source = &request->source->settings,
	    .target = &request->target->settings,
	    .source_table = request->table,
	    .target_table = request->table,
	    .bots = request->bots,
	    .bot_count = request->bot_count,
	    .snapshot = request->snapshot,
	    .streams = request->streams,
	    .may_lose = request->may_lose,
	    .stop = context->stop,
	    .progress = context->progress,
	};
	int rc = pg_copy(&copy, context->arena, copied, err);

	if (copied->text_reason != NULL)
		log_warn("rows were copied as text, which is slow: %s", copied->text_reason);
	if (copied->extra_columns != NULL)
		log_warn("columns that only the source has were not copied: %s", copied->extra_columns);
	return rc;
}

static int delete_bots(struct kind_context *context, const struct rows_request *request, const char *const *bots,
                       size_t count, struct error *err)
{
	struct pg_session *session;
	int64_t rows;
	int rc;

	if (database_open(context, request->target, &session, err) != 0)
		return -1;
	rc = pg_delete_bots(session, request->table, bots, count, &rows, err);
	pg_session_close(session);
	return rc;
}

int rows_match(struct kind_context *context, const struct rows_request *request, struct rows_result *result,
               struct error *err)
{
	struct pg_copy_result copied;
	const char **done = NULL;

	*result = (struct rows_result){0};
	if (check_access(context, request, err) != 0 || copy_bots(context, request, &copied, err) != 0)
		return -1;
	list_state(context->arena, &copied, PG_COPY_VERIFIED, &done, &result->copied);
	list_state(context->arena, &copied, PG_COPY_KEPT, &result->kept, &result->kept_count);
	list_state(context->arena, &copied, PG_COPY_ABSENT, &result->absent, &result->absent_count);
	add_unheard_of(context, request, &copied, result);
	if (request->may_delete && copied.extra_count > 0)
		return delete_bots(context, request, copied.extra, copied.extra_count, err);
	return 0;
}
