/*
 * pgtool.c - reconcile/pg/ from the command line, for the tests and contrib/bench.
 *
 *     pgtool COMMAND "host=… port=… [table=…] …" ["host=… …"] [OPTION=VALUE…]
 *
 * A side is words of key=value: host hostaddr port database user sslmode
 * sslrootcert table timeout. The password is the environment's PGTOOL_PASSWORD.
 * The answer is one line of JSON: what was asked for, or {"error": {…}} and
 * exit 1.
 */
#include "pgtool.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "pg/compare.h"
#include "pg/copy.h"
#include "pg/delete.h"
#include "pg/held.h"
#include "pg/schema.h"
#include "pg/search.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
	const char *name;
	bool writes;
	int (*run)(struct tool *tool, struct pg_session *session, struct error *err);
};

volatile bool tool_stopped;

static void stop_on_signal(int number)
{
	(void)number;
	tool_stopped = true;
}

const char *tool_option(const struct tool *tool, const char *key, const char *otherwise)
{
	size_t length = strlen(key);
	int i;

	for (i = 0; i < tool->option_count; i++)
		if (strncmp(tool->options[i], key, length) == 0 && tool->options[i][length] == '=')
			return tool->options[i] + length + 1;
	return otherwise;
}

static void usage(const char *why)
{
	fprintf(stderr, "pgtool: %s\n", why);
	exit(64);
}

int tool_number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void side_set(struct tool *tool, int side, char *word)
{
	struct pg_settings *settings = &tool->settings[side];
	char *value = strchr(word, '=');
	const struct {
		const char *key;
		const char **where;
	} texts[] = {
	    {"host", &settings->host},      {"hostaddr", &settings->hostaddr}, {"database", &settings->database},
	    {"user", &settings->user},      {"sslmode", &settings->sslmode},   {"sslrootcert", &settings->sslrootcert},
	    {"table", &tool->tables[side]},
	};
	size_t i;

	if (value == NULL)
		usage("a side is words of key=value");
	*value++ = '\0';
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(word, texts[i].key) == 0) {
			*texts[i].where = value;
			return;
		}
	if (strcmp(word, "port") == 0)
		settings->port = tool_number(value);
	else if (strcmp(word, "timeout") == 0)
		settings->connect_timeout_s = tool_number(value);
	else
		usage(word);
}

static void side_parse(struct tool *tool, const char *text)
{
	int side = tool->side_count++;
	const char *password = getenv("PGTOOL_PASSWORD");
	char *rest = arena_strdup(tool->arena, text);
	char *word;

	tool->tables[side] = "items";
	tool->settings[side].application_name = "pgtool";
	tool->settings[side].stop = &tool_stopped;
	if (password != NULL)
		tool->settings[side].password = secret_new(password, strlen(password));
	while ((word = strtok_r(rest, " ", &rest)) != NULL)
		side_set(tool, side, word);
}

static json_t *bots_json(const struct pg_bots *bots)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < bots->count; i++)
		json_object_set_new(
		    object, bots->items[i].name,
		    json_pack("{s:I, s:s}", "rows", (json_int_t)bots->items[i].rows, "digest", bots->items[i].digest));
	return object;
}

static int run_connect(struct tool *tool, struct pg_session *session, struct error *err)
{
	struct pg_bots bots;

	/* With a table named, also a statement. */
	if (tool_option(tool, "read", NULL) != NULL &&
	    pg_count_bots(session, tool->arena, tool->tables[0], &bots, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "connected", json_true());
	return 0;
}

static int run_count(struct tool *tool, struct pg_session *session, struct error *err)
{
	struct pg_bots bots;

	if (pg_count_bots(session, tool->arena, tool->tables[0], &bots, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "bots", bots_json(&bots));
	return 0;
}

static void names_parse(struct tool *tool, const char *text, const char ***names, size_t *count)
{
	char *rest = arena_strdup(tool->arena, text);
	char *word;

	while ((word = strtok_r(rest, ",", &rest)) != NULL)
		*ARENA_PUSH(tool->arena, *names, *count) = word;
}

static int run_digest(struct tool *tool, struct pg_session *session, struct error *err)
{
	const char *only = tool_option(tool, "bots", NULL);
	struct pg_bots wanted = {0}, bots;
	const char **names = NULL;
	size_t count = 0, i;

	if (only != NULL)
		names_parse(tool, only, &names, &count);
	for (i = 0; i < count; i++)
		ARENA_PUSH(tool->arena, wanted.items, wanted.count)->name = names[i];
	if (pg_digest_bots(session, tool->arena, tool->tables[0], only != NULL ? &wanted : NULL, &bots, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "bots", bots_json(&bots));
	return 0;
}

static int run_observe(struct tool *tool, struct pg_session *session, struct error *err)
{
	json_t *columns = json_object(), *indexes = json_array();
	struct pg_schema schema;
	size_t i;

	if (pg_schema_observe(session, tool->arena, tool->tables[0], &schema, err) < 0)
		return -1;
	for (i = 0; i < schema.column_count; i++)
		json_object_set_new(columns, schema.columns[i].name, json_string(schema.columns[i].type));
	for (i = 0; i < schema.vector_index_count; i++) {
		const struct pg_index *index = &schema.vector_indexes[i];

		json_array_append_new(indexes, json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name", index->name,
		                                         "method", index->method, "opclass", index->opclass, "lists",
		                                         (json_int_t)index->lists, "trained",
		                                         (json_int_t)index->trained, "valid", (int)index->valid));
	}
	json_object_set_new(tool->answer, "schema",
	                    json_pack("{s:i, s:s?, s:s?, s:b, s:b, s:o, s:s?, s:i, s:b, s:b, s:o}", "server_version",
	                              schema.server_version, "vector", schema.vector_installed, "available",
	                              schema.vector_available, "pgcrypto", (int)schema.pgcrypto_installed, "table",
	                              (int)schema.table_exists, "columns", columns, "mismatch", schema.mismatch,
	                              "dimension", schema.dimension, "primary_key", (int)schema.primary_key,
	                              "botid_index", (int)schema.botid_index, "vector_indexes", indexes));
	return 0;
}

static int run_create(struct tool *tool, struct pg_session *session, struct error *err)
{
	int dimension = tool_number(tool_option(tool, "dimension", "1024"));

	return pg_schema_create(session, tool->tables[0], dimension, err);
}

static int run_build(struct tool *tool, struct pg_session *session, struct error *err)
{
	struct pg_index_request request = {
	    .table = tool->tables[0],
	    .method = tool_option(tool, "method", "ivfflat"),
	    .lists = tool_number(tool_option(tool, "lists", "0")),
	    .concurrently = tool_option(tool, "concurrently", NULL) != NULL,
	};

	return pg_index_build(session, &request, err);
}

static int run_drop(struct tool *tool, struct pg_session *session, struct error *err)
{
	return pg_index_drop(session, tool->tables[0], err);
}

static int run_delete(struct tool *tool, struct pg_session *session, struct error *err)
{
	const char **names = NULL;
	size_t count = 0;
	int64_t rows;

	names_parse(tool, tool_option(tool, "bots", ""), &names, &count);
	if (pg_delete_bots(session, tool->tables[0], names, count, &rows, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "rows", json_integer(rows));
	return 0;
}

static int run_vacuum(struct tool *tool, struct pg_session *session, struct error *err)
{
	return pg_table_vacuum(session, tool->tables[0], err);
}

/* What `trueup` asks of the searches of some bots, or all. */
static int run_search(struct tool *tool, struct pg_session *session, struct error *err)
{
	const char *table = tool->tables[0], *only = tool_option(tool, "bots", NULL),
	           *embedding = tool_option(tool, "text", NULL);
	int limit = tool_number(tool_option(tool, "limit", "5"));
	struct pg_question *questions = NULL;
	struct pg_recall recall = {0};
	struct pg_answers answers = {0};
	struct pg_bots bots;
	const char **names = NULL, *index, *content = NULL;
	size_t count = 0, asked = 0, i;
	json_t *list = json_object();
	struct pg_sample sample;
	bool crowded = false;

	json_object_set_new(tool->answer, "bots", list);
	if (pg_count_bots(session, tool->arena, table, &bots, err) < 0)
		return -1;
	for (i = 0; only == NULL && i < bots.count; i++)
		*ARENA_PUSH(tool->arena, names, count) = bots.items[i].name;
	if (only != NULL)
		names_parse(tool, only, &names, &count);
	questions = arena_array(tool->arena, count, sizeof(*questions));
	for (i = 0; i < count; i++)
		questions[i].bot = names[i];
	if (pg_search_pick(session, tool->arena, table, questions, count, err) < 0 ||
	    pg_search_index(session, tool->arena, table, &index, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "index", index != NULL ? json_string(index) : json_null());
	if (index != NULL &&
	    (pg_search_ask(session, tool->arena, table, questions, count, err) < 0 ||
	     pg_search_recall(session, tool->arena, table, index, questions, count, limit, &recall, err) < 0))
		return -1;
	for (i = 0; i < count; i++) {
		json_object_set_new(
		    list, questions[i].bot,
		    json_pack("{s:s?, s:b}", "id", questions[i].id, "answered", (int)questions[i].answered));
		if (questions[i].id != NULL)
			questions[asked++] = questions[i];
	}
	sample = (struct pg_sample){questions, asked, tool_number(tool_option(tool, "rows", "2"))};
	if (asked > 0 &&
	    (pg_search_content(session, tool->arena, table, questions[0].id, 4, &content, err) < 0 ||
	     (index != NULL && pg_search_is_crowded(session, tool->arena, table, &sample, &crowded, err) < 0)))
		return -1;
	if (embedding != NULL &&
	    pg_search_text(session, tool->arena, table, &questions[0], embedding, limit, &answers, err) < 0)
		return -1;
	json_object_set_new(tool->answer, "recall",
	                    json_pack("{s:I, s:I, s:I, s:I}", "questions", (json_int_t)recall.questions, "expected",
	                              (json_int_t)recall.expected, "found", (json_int_t)recall.found, "indexed",
	                              (json_int_t)recall.indexed));
	json_object_set_new(tool->answer, "content", json_pack("s?", content));
	json_object_set_new(tool->answer, "crowded", json_boolean(crowded));
	json_object_set_new(
	    tool->answer, "text",
	    json_pack("{s:I, s:b}", "answers", (json_int_t)answers.answers, "found", (int)answers.found));
	return 0;
}

static int compare_print(struct tool *tool, struct pg_session *sessions[SIDES], struct error *err)
{
	struct pg_side source = {sessions[0], tool->tables[0]}, target = {sessions[1], tool->tables[1]};
	struct pg_comparison comparison;
	json_t *unequal = json_object();
	size_t i;

	if (pg_compare(&source, &target, tool->arena, &comparison, err) < 0) {
		json_decref(unequal);
		return -1;
	}
	for (i = 0; i < comparison.count; i++) {
		const struct pg_difference *item = &comparison.items[i];

		if (!item->equal)
			json_object_set_new(unequal, item->bot,
			                    json_pack("{s:I, s:I, s:I}", "source", (json_int_t)item->source_rows,
			                              "target", (json_int_t)item->target_rows, "target_only",
			                              (json_int_t)item->target_only));
	}
	json_object_set_new(tool->answer, "bots", json_integer((json_int_t)comparison.count));
	json_object_set_new(tool->answer, "unequal", unequal);
	return 0;
}

static int held_print(struct tool *tool, struct pg_session *sessions[SIDES], struct error *err)
{
	struct pg_side source = {sessions[0], tool->tables[0]}, target = {sessions[1], tool->tables[1]};
	const char *lose = tool_option(tool, "lose", "no");
	json_t *kept = json_array();
	struct pg_held held;
	size_t i;
	int status;

	if (strcmp(lose, "look") == 0)
		status = pg_look_for_held(&source, &target, tool->arena, &held, err);
	else
		status = pg_delete_held(&source, &target, strcmp(lose, "yes") == 0, tool->arena, &held, err);
	if (status < 0) {
		json_decref(kept);
		return -1;
	}
	for (i = 0; i < held.kept_count; i++)
		json_array_append_new(kept, json_string(held.kept[i]));
	json_object_set_new(tool->answer, "kept", kept);
	json_object_set_new(tool->answer, "bots", json_integer((json_int_t)held.bots));
	json_object_set_new(tool->answer, "rows", json_integer((json_int_t)held.rows));
	return 0;
}

static int run_paired(struct tool *tool, const char *name, struct error *err)
{
	bool clears = strcmp(name, "delete-held") == 0;
	struct pg_session *sessions[SIDES] = {NULL, NULL};
	int status = -1;

	tool->settings[1].writes = clears;
	if (pg_session_open(&tool->settings[0], &sessions[0], err) == 0 &&
	    pg_session_open(&tool->settings[1], &sessions[1], err) == 0)
		status = clears ? held_print(tool, sessions, err) : compare_print(tool, sessions, err);
	pg_session_close(sessions[1]);
	pg_session_close(sessions[0]);
	return status;
}

static void copy_print(struct tool *tool, const struct pg_copy_result *result)
{
	static const char *const words[] = {"pending", "equal", "copied", "verified", "absent", "kept"};
	json_t *bots = json_object(), *extra = json_array();
	size_t i;

	for (i = 0; i < result->bot_count; i++)
		json_object_set_new(bots, result->bots[i].name,
		                    json_pack("{s:s, s:I, s:s}", "state", words[result->bots[i].state], "rows",
		                              (json_int_t)result->bots[i].rows, "digest", result->bots[i].digest));
	for (i = 0; i < result->extra_count; i++)
		json_array_append_new(extra, json_string(result->extra[i]));
	json_object_set_new(tool->answer, "rows_copied", json_integer(result->rows_copied));
	json_object_set_new(tool->answer, "text", json_pack("s?", result->text_reason));
	json_object_set_new(tool->answer, "extra_columns", json_pack("s?", result->extra_columns));
	json_object_set_new(tool->answer, "extra", extra);
	json_object_set_new(tool->answer, "bots", bots);
}

/* Watches a copy from beside it, as a terminal's progress bar does, and notes how long each phase took. */
struct watch {
	struct pg_copy_progress progress;
	int64_t ends[PG_COPY_FINISHED]; /* milliseconds */
};

static void *watch_run(void *context)
{
	struct watch *watch = context;
	int64_t begin = clock_monotonic_ms();
	int phase = PG_COPY_CONNECTING;

	while (phase < PG_COPY_FINISHED) {
		int now = atomic_load(&watch->progress.phase);

		for (; phase < now; phase++)
			watch->ends[phase] = clock_monotonic_ms() - begin;
		clock_sleep_ms(5, NULL);
	}
	return NULL;
}

static void watch_print(struct tool *tool, const struct watch *watch)
{
	static const char *const words[] = {"connecting", "comparing", "streaming", "verifying"};
	json_t *ends = json_object();
	int phase;

	for (phase = 0; phase < PG_COPY_FINISHED; phase++)
		json_object_set_new(ends, words[phase], json_integer(watch->ends[phase]));
	json_object_set_new(tool->answer, "ends_ms", ends);
	json_object_set_new(tool->answer, "rows_done", json_integer(atomic_load(&watch->progress.rows_done)));
	json_object_set_new(tool->answer, "bytes_done", json_integer(atomic_load(&watch->progress.bytes_done)));
}

static int run_copy(struct tool *tool, struct error *err)
{
	struct watch watch = {0};
	pthread_t watcher;
	const char *only = tool_option(tool, "bots", NULL);
	const char *format = tool_option(tool, "format", "auto");
	const char **names = NULL;
	struct pg_copy_result result = {0};
	struct pg_copy_request request = {
	    .source = &tool->settings[0],
	    .target = &tool->settings[1],
	    .source_table = tool->tables[0],
	    .target_table = tool->tables[1],
	    .streams = tool_number(tool_option(tool, "streams", "0")),
	    .format = strcmp(format, "text") == 0 ? PG_COPY_TEXT : PG_COPY_AUTO,
	    .may_lose = tool_option(tool, "keep", NULL) == NULL,
	    .stop = &tool_stopped,
	    .progress = &watch.progress,
	};
	int status;

	if (only != NULL)
		names_parse(tool, only, &names, &request.bot_count);
	request.bots = names;
	if (pthread_create(&watcher, NULL, watch_run, &watch) != 0)
		usage("no thread could be started");
	status = pg_copy(&request, tool->arena, &result, err);
	pthread_join(watcher, NULL);
	copy_print(tool, &result);
	watch_print(tool, &watch);
	return status;
}

static const struct command commands[] = {
    {"connect", false, run_connect}, {"count", false, run_count},   {"digest", false, run_digest},
    {"observe", false, run_observe}, {"create", true, run_create},  {"build", true, run_build},
    {"drop", true, run_drop},        {"delete", true, run_delete},  {"vacuum", true, run_vacuum},
    {"refused", false, run_create},  {"search", false, run_search},
};

static int run_single(struct tool *tool, const char *name, struct error *err)
{
	struct pg_session *session;
	size_t i;
	int status;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0]))
		usage(name);
	tool->settings[0].writes = commands[i].writes;
	if (pg_session_open(&tool->settings[0], &session, err) < 0)
		return -1;
	status = commands[i].run(tool, session, err);
	pg_session_close(session);
	return status;
}

static bool is_paired(const char *name)
{
	return strcmp(name, "compare") == 0 || strcmp(name, "copy") == 0 || strcmp(name, "delete-held") == 0;
}

int main(int argc, char **argv)
{
	struct tool tool = {.arena = arena_new(), .answer = json_object()};
	struct error err = {0};
	bool replicating = argc > 1 && tool_replicates(argv[1]);
	bool two = replicating || (argc > 1 && is_paired(argv[1]));
	int sides = two ? 2 : 1, status, i;

	if (argc < 2 + sides)
		usage("COMMAND SIDE [SIDE] [OPTION=VALUE…]");
	signal(SIGTERM, stop_on_signal);
	log_configure(LOG_INFO, LOG_TEXT);
	for (i = 0; i < sides; i++)
		side_parse(&tool, argv[2 + i]);
	tool.options = argv + 2 + sides;
	tool.option_count = argc - 2 - sides;
	if (strcmp(argv[1], "copy") == 0)
		status = run_copy(&tool, &err);
	else if (replicating)
		status = tool_replicate(&tool, argv[1], &err);
	else if (two)
		status = run_paired(&tool, argv[1], &err);
	else
		status = run_single(&tool, argv[1], &err);
	if (status < 0)
		json_object_set_new(tool.answer, "error",
		                    json_pack("{s:s, s:s, s:s, s:b, s:s}", "code", error_code_name(err.code),
		                              "service_code", err.service_code, "permission", err.permission,
		                              "retryable", (int)err.retryable, "message", err.message));
	json_dumpf(tool.answer, stdout, 0);
	putchar('\n');
	for (i = 0; i < sides; i++)
		secret_free((struct secret *)tool.settings[i].password);
	json_decref(tool.answer);
	arena_free(tool.arena);
	return status < 0;
}
