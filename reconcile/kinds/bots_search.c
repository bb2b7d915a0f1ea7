#include "kinds/bots_search.h"
#include "aws/bedrock.h"
#include "base/clock.h"
#include "kinds/database.h"
#include "pg/digest.h"
#include "pg/schema.h"
#include "pg/search.h"

#include <string.h>

/* What the application asks for by default, in version 0 and the first of version 1 (backend/app/config.py). */
#define LIMIT 5
/* Bots whose searches are tried in one statement. */
#define BATCH 20
/* Searches that take longer in all are an answer by themselves. */
#define LONGEST_MS ((int64_t)5 * 60 * 1000)
/* Questions that recall is taken of, and those that are asked in words: each costs an embedding. */
#define SAMPLE 20
#define WORDED 5
#define WORDED_CHARACTERS 200

struct searching {
	struct kind_context *context;
	struct observed_bots *out;
	const char *table;
	struct pg_session *session;
	struct pg_question *questions; /* of the bots that have rows with an embedding */
	size_t count;
};

static const char *name_table(const struct desired *desired)
{
	return desired->vectors.present ? desired->vectors.table : "items";
}

static int count_rows(struct searching *searching, struct error *err)
{
	struct arena *arena = searching->context->arena;
	struct pg_schema schema;
	struct pg_bots bots = {0};
	size_t i;

	if (pg_schema_observe(searching->session, arena, searching->table, &schema, err) != 0)
		return -1;
	if (schema.mismatch != NULL)
		return error_set(err, ERROR_STATE, "the rows of %s cannot be read: %s", searching->table,
		                 schema.mismatch);
	if (schema.table_exists && pg_count_bots(searching->session, arena, searching->table, &bots, err) != 0)
		return -1;
	for (i = 0; i < searching->out->bot_count; i++) {
		const struct pg_bot *bot = pg_bots_find(&bots, searching->out->bots[i].id);

		searching->out->bots[i].rows = bot != NULL ? bot->rows : 0;
	}
	return 0;
}

/* The bots that should have rows, and have some. */
static size_t list_bots(struct searching *searching, struct observed_app_bot ***bots)
{
	size_t i, count = 0;

	for (i = 0; i < searching->out->bot_count; i++) {
		struct observed_app_bot *bot = &searching->out->bots[i];

		if (observed_bot_needs_rows(bot) && bot->rows > 0)
			*ARENA_PUSH(searching->context->arena, *bots, count) = bot;
	}
	return count;
}

static int try_batch(struct searching *searching, struct observed_app_bot **bots, size_t count, struct error *err)
{
	struct arena *arena = searching->context->arena;
	struct pg_question questions[BATCH];
	size_t i;

	for (i = 0; i < count; i++)
		questions[i] = (struct pg_question){.bot = bots[i]->id};
	if (pg_search_pick(searching->session, arena, searching->table, questions, count, err) != 0 ||
	    pg_search_ask(searching->session, arena, searching->table, questions, count, err) != 0)
		return -1;
	for (i = 0; i < count; i++) {
		bots[i]->search = questions[i].id == NULL ? "no embedding"
		                  : questions[i].answered ? "answers"
		                                          : "misses";
		if (questions[i].id != NULL)
			*ARENA_PUSH(arena, searching->questions, searching->count) = questions[i];
	}
	return 0;
}

static int try_bots(struct searching *searching, struct observed_app_bot **bots, size_t count, struct error *err)
{
	struct observed_searches *searches = &searching->out->searches;
	int64_t until = clock_monotonic_ms() + LONGEST_MS;
	size_t done, next;

	searches->meant = (int64_t)count;
	for (done = 0; done < count && clock_monotonic_ms() < until; done = next) {
		next = done + BATCH < count ? done + BATCH : count;
		if (try_batch(searching, bots + done, next - done, err) != 0)
			return -1;
		searches->tried = (int64_t)next;
	}
	return 0;
}

/* Questions from bots at even distances, so that a sample is the same each time. Returns how many. */
static size_t take_sample(const struct searching *searching, size_t most, struct pg_question *sample)
{
	size_t count = searching->count < most ? searching->count : most, i;

	for (i = 0; i < count; i++)
		sample[i] = searching->questions[i * searching->count / count];
	return count;
}

static int measure_recall(struct searching *searching, struct error *err)
{
	struct observed_searches *searches = &searching->out->searches;
	struct pg_question sample[SAMPLE];
	size_t count = take_sample(searching, SAMPLE, sample);
	struct pg_recall recall;

	if (pg_search_recall(searching->session, searching->context->arena, searching->table, searches->index, sample,
	                     count, LIMIT, &recall, err) != 0)
		return -1;
	searches->limit = LIMIT;
	searches->questions = recall.questions;
	searches->expected = recall.expected;
	searches->found = recall.found;
	searches->indexed = recall.indexed;
	return 0;
}

static struct observed_app_bot *find_bot(struct observed_bots *bots, const char *id)
{
	size_t i;

	for (i = 0; strcmp(bots->bots[i].id, id) != 0; i++)
		;
	return &bots->bots[i];
}

/* The content's first words, whole where they are many. NULL: it has none. */
static const char *take_words(struct arena *arena, const char *content)
{
	char *words = content != NULL ? arena_strdup(arena, content + strspn(content, " \t\r\n")) : NULL;
	char *end;

	if (words == NULL || *words == '\0')
		return NULL;
	end = strrchr(words, ' ');
	if (end != NULL && strlen(words) > WORDED_CHARACTERS / 2)
		*end = '\0';
	return words;
}

/* Ask one bot with the words of one of its rows. A row without words is passed over. */
static int ask_in_words(struct searching *searching, struct aws *bedrock, const struct pg_question *question,
                        struct error *err)
{
	struct observed_searches *searches = &searching->out->searches;
	struct arena *arena = searching->context->arena;
	struct observed_app_bot *bot = find_bot(searching->out, question->bot);
	struct pg_answers answers;
	const char *content, *words, *embedding;
	size_t dimension;

	if (pg_search_content(searching->session, arena, searching->table, question->id, WORDED_CHARACTERS, &content,
	                      err) != 0)
		return -1;
	words = take_words(arena, content);
	if (words == NULL)
		return 0;
	if (bedrock_embed_question(bedrock, arena, searching->context->desired->bots.model, words, &embedding,
	                           &dimension, err) != 0)
		return -1;
	if (dimension != PG_EMBEDDING_DIMENSION)
		return error_set(err, ERROR_STATE,
		                 "model %s gives %zu numbers for a text, and the rows have %d: it is not the "
		                 "application's",
		                 searching->context->desired->bots.model, dimension, PG_EMBEDDING_DIMENSION);
	if (pg_search_text(searching->session, arena, searching->table, question, embedding, LIMIT, &answers, err) != 0)
		return -1;
	bot->question = answers.answers > 0 ? "answers" : "nothing";
	searches->words++;
	searches->matched += answers.found;
	return 0;
}

/* The application may ask Bedrock in another region than it is in itself. */
static int open_bedrock(struct kind_context *context, struct aws **bedrock, struct error *err)
{
	const struct desired *desired = context->desired;
	struct aws_settings settings = {
	    .region = desired->bots.region,
	    .assume_role_arn = desired->aws.assume_role.arn,
	    .external_id = desired->aws.assume_role.external_id,
	    .stop = context->stop,
	    .tally = aws_tally(context->aws),
	};

	*bedrock = NULL;
	return desired->bots.region != NULL ? aws_new(&settings, bedrock, err) : 0;
}

static int ask_sample_in_words(struct searching *searching, struct error *err)
{
	struct pg_question sample[WORDED];
	size_t count = take_sample(searching, WORDED, sample), i;
	struct aws *bedrock;
	int rc = open_bedrock(searching->context, &bedrock, err);

	for (i = 0; rc == 0 && i < count; i++)
		rc = ask_in_words(searching, bedrock != NULL ? bedrock : searching->context->aws, &sample[i], err);
	aws_free(bedrock);
	return rc;
}

static int search_in(struct searching *searching, struct error *err)
{
	struct observed_searches *searches = &searching->out->searches;
	struct arena *arena = searching->context->arena;
	struct observed_app_bot **bots = NULL;
	struct error trouble;
	size_t count;

	if (count_rows(searching, err) != 0)
		return -1;
	count = list_bots(searching, &bots);
	if (count == 0)
		return 0;
	if (pg_search_index(searching->session, arena, searching->table, &searches->index, err) != 0)
		return -1;
	if (searches->index == NULL)
		return 0;
	if (try_bots(searching, bots, count, err) != 0 || measure_recall(searching, err) != 0)
		return -1;
	if (searching->context->desired->bots.query != DESIRED_QUERY_BEDROCK)
		return 0;
	searches->words_head.status = OBSERVED_SEEN;
	if (ask_sample_in_words(searching, &trouble) != 0)
		observed_set_unknown(&searches->words_head, arena, &trouble);
	return 0;
}

static int search_target(struct searching *searching, struct error *err)
{
	struct database database;
	int rc;

	if (database_resolve_target(searching->context, &database, err) != 0)
		return -1;
	rc = database_open(searching->context, &database, &searching->session, err);
	if (rc == 0) {
		rc = search_in(searching, err);
		pg_session_close(searching->session);
	}
	database_free(&database);
	return rc;
}

void bots_search(struct kind_context *context, struct observed_bots *out)
{
	struct searching searching = {.context = context, .out = out, .table = name_table(context->desired)};
	struct observed_head *head = &out->searches.head;
	struct error err;

	head->status = OBSERVED_SEEN;
	if (search_target(&searching, &err) == 0)
		return;
	observed_set_unknown(head, context->arena, &err);
	if (database_is_stopped(context)) {
		head->status = OBSERVED_SKIPPED;
		head->reason = DATABASE_STOPPED;
	}
}

void bots_search_permissions(const struct desired *desired, struct kind_permissions *permissions)
{
	const char *model = desired->bots.model;
	struct desired elsewhere = *desired;

	kind_add_permission(permissions, desired, "rds:DescribeDBClusters", NULL);
	database_permissions(desired, &desired->vectors.connect, permissions);
	if (desired->bots.query != DESIRED_QUERY_BEDROCK)
		return;
	if (desired->bots.region != NULL)
		elsewhere.aws.region = desired->bots.region;
	if (strncmp(model, "arn:", 4) != 0)
		model = arena_printf(permissions->arena, "foundation-model/%s", model);
	kind_add_permission(permissions, &elsewhere, "bedrock:InvokeModel", model);
}
