/* What is done for a bot, by what is seen of it: one row a situation. */
#include "base/test_main.h"
#include "kinds/embed_judge.h"

#include <string.h>

#define NOW 1700000600 /* 2023-11-14T22:23:20Z */
#define US(minute, lost) "Queued by trueup at 2023-11-14T22:" minute ":20Z, lost before: " lost

static const struct ecs_task alive = {.id = "t9", .status = "PENDING", .created_ms = 1700000000000};
static const struct ecs_task fine = {.id = "t1", .status = "STOPPED", .stop_code = "EssentialContainerExited"};
static const struct ecs_task crashed = {.id = "t1",
                                        .status = "STOPPED",
                                        .stop_code = "EssentialContainerExited",
                                        .reason = "Essential container in task exited",
                                        .exit_code = 1};
static const struct ecs_task starved = {.id = "t1",
                                        .status = "STOPPED",
                                        .stop_code = "EssentialContainerExited",
                                        .reason = "OutOfMemoryError: Container killed due to memory usage",
                                        .exit_code = 137};
static const struct ecs_task pulled = {.id = "t1",
                                       .status = "STOPPED",
                                       .stop_code = "TaskFailedToStart",
                                       .reason = "CannotPullContainerError: no such image",
                                       .exit_code = -1};

static const struct situation {
	const char *name;
	const char *status, *reason, *last; /* of the item */
	const struct ecs_task *living, *newest;
	int64_t stopped, rows, watched;
	bool tasks; /* via: task */
	enum embed_verdict verdict;
	int64_t lost;
	const char *text; /* a part of it */
} situations[] = {
    /* Nothing works on it. */
    {.name = "rows lost", .status = "SUCCEEDED", .last = "old", .verdict = EMBED_START},
    {.name = "no status", .verdict = EMBED_START},
    {.name = "failed long ago", .status = "FAILED", .reason = "x", .last = "old", .verdict = EMBED_START},
    {.name = "original is gone", .status = "ORIGINAL_NOT_FOUND", .verdict = EMBED_START},
    {.name = "died long ago", .status = "RUNNING", .last = "old", .verdict = EMBED_START},
    {.name = "died", .status = "RUNNING", .last = "t1", .newest = &starved, .stopped = 1, .verdict = EMBED_START},
    {.name = "failed", .status = "FAILED", .last = "t1", .newest = &fine, .stopped = 2, .verdict = EMBED_START},
    {.name = "never started", .status = "SUCCEEDED", .newest = &pulled, .stopped = 1, .verdict = EMBED_START},
    {.name = "embedded before the table was emptied",
     .status = "SUCCEEDED",
     .last = "t1",
     .newest = &fine,
     .stopped = 1,
     .verdict = EMBED_START},
    /* Something does. */
    {.name = "starting", .living = &alive, .status = "QUEUED", .verdict = EMBED_WAIT, .text = "t9 is PENDING"},
    {.name = "starting again", .living = &alive, .newest = &crashed, .stopped = 3, .verdict = EMBED_WAIT},
    {.name = "queued by us",
     .status = "QUEUED",
     .reason = US("22", "0"),
     .verdict = EMBED_WAIT,
     .text = "since 2023-11-14T22:22:20Z"},
    {.name = "queued by somebody",
     .status = "QUEUED",
     .watched = 299,
     .verdict = EMBED_WAIT,
     .text = "since before 2023-11-14T22:18:21Z"},
    /* Queued, and lost. */
    {.name = "lost", .status = "QUEUED", .reason = US("18", "0"), .verdict = EMBED_START, .lost = 1},
    {.name = "lost twice", .status = "QUEUED", .reason = US("18", "1"), .verdict = EMBED_START, .lost = 2},
    {.name = "lost for good",
     .status = "QUEUED",
     .reason = US("18", "2"),
     .verdict = EMBED_FAILED,
     .lost = 3,
     .text = "queued 3 times and got no task"},
    {.name = "lost for good, but not by us",
     .status = "QUEUED",
     .reason = US("18", "2"),
     .tasks = true,
     .verdict = EMBED_START},
    {.name = "lost after failures",
     .status = "QUEUED",
     .reason = US("18", "0"),
     .newest = &crashed,
     .stopped = 2,
     .verdict = EMBED_FAILED,
     .lost = 1,
     .text = "Besides, it was queued 1 time and got no task"},
    {.name = "lost by somebody", .status = "QUEUED", .watched = 300, .verdict = EMBED_START},
    {.name = "not our words", .status = "QUEUED", .reason = "Queued by trueup at noon", .verdict = EMBED_WAIT},
    {.name = "words too long",
     .status = "QUEUED",
     .reason = "Queued by trueup at 2023-11-14T22:00:00.000000000000000Z, lost before: 0",
     .verdict = EMBED_WAIT},
    {.name = "a number that is none", .status = "QUEUED", .reason = US("00", "-1"), .verdict = EMBED_START, .lost = 1},
    /* Embedded. */
    {.name = "done",
     .status = "SUCCEEDED",
     .last = "t1",
     .newest = &fine,
     .stopped = 3,
     .rows = 10,
     .verdict = EMBED_DONE},
    {.name = "done at the edge", .status = "SUCCEEDED", .rows = 9, .verdict = EMBED_DONE},
    {.name = "too few",
     .status = "SUCCEEDED",
     .last = "t1",
     .newest = &fine,
     .stopped = 1,
     .rows = 8,
     .verdict = EMBED_FAILED,
     .text = "gave 8 rows where at least 9 are asked for"},
    {.name = "too many",
     .status = "SUCCEEDED",
     .last = "t1",
     .newest = &fine,
     .stopped = 1,
     .rows = 12,
     .verdict = EMBED_FAILED,
     .text = "gave 12 rows where at most 11"},
    {.name = "too few of long ago", .status = "SUCCEEDED", .last = "old", .rows = 8, .verdict = EMBED_START},
    {.name = "emptied",
     .status = "SUCCEEDED",
     .reason = "No contents to embed.",
     .last = "t1",
     .newest = &fine,
     .stopped = 1,
     .verdict = EMBED_FAILED,
     .text = "nothing to embed"},
    /* Given up. */
    {.name = "failed for good",
     .status = "FAILED",
     .reason = "AccessDenied",
     .last = "t1",
     .newest = &fine,
     .stopped = 3,
     .verdict = EMBED_FAILED,
     .text = "3 embedding tasks did not bring its rows; task t1 failed: AccessDenied"},
    {.name = "failed without a word",
     .status = "FAILED",
     .last = "t1",
     .newest = &fine,
     .stopped = 3,
     .verdict = EMBED_FAILED,
     .text = "it gave no reason"},
    {.name = "died for good",
     .status = "RUNNING",
     .last = "t1",
     .newest = &starved,
     .stopped = 3,
     .verdict = EMBED_FAILED,
     .text = "embeddingContainerMemory"},
    {.name = "crashed for good",
     .status = "RUNNING",
     .newest = &crashed,
     .stopped = 4,
     .verdict = EMBED_FAILED,
     .text = "exit code 1"},
    {.name = "never started for good",
     .status = "SUCCEEDED",
     .newest = &pulled,
     .stopped = 3,
     .verdict = EMBED_FAILED,
     .text = "never started: CannotPullContainerError"},
    {.name = "succeeds, and rows go",
     .status = "SUCCEEDED",
     .last = "t1",
     .newest = &fine,
     .stopped = 3,
     .verdict = EMBED_FAILED,
     .text = "task t1 left it SUCCEEDED"},
};

START_TEST(judges)
{
	const struct situation *now = &situations[_i];
	struct dynamodb_bot item = {
	    .id = "B", .sync_status = now->status, .sync_reason = now->reason, .last_exec = now->last};
	struct embed_facts facts = {.item = &item,
	                            .living = now->living,
	                            .newest = now->newest,
	                            .stopped = now->stopped,
	                            .rows = now->rows,
	                            .least = 9,
	                            .most = 11,
	                            .now = NOW,
	                            .watched = now->watched,
	                            .queues = !now->tasks,
	                            .attempts = 3,
	                            .pickup = 300};
	struct arena *arena = arena_new();
	struct embed_judgement out;

	embed_judge(arena, &facts, &out);
	ck_assert_msg(out.verdict == now->verdict, "%s: %d, not %d: %s", now->name, out.verdict, now->verdict,
	              out.text);
	ck_assert_msg(out.lost == now->lost, "%s: %d were lost", now->name, (int)out.lost);
	ck_assert_msg(out.stuck == (out.verdict == EMBED_FAILED && now->lost > 0 && now->stopped == 0), "%s",
	              now->name);
	ck_assert_msg((out.text == NULL) == (now->verdict == EMBED_START || now->verdict == EMBED_DONE), "%s",
	              now->name);
	if (now->text != NULL && out.text != NULL)
		ck_assert_msg(strstr(out.text, now->text) != NULL, "%s: %s", now->name, out.text);
	arena_free(arena);
}
END_TEST

START_TEST(reads_its_own_words)
{
	struct arena *arena = arena_new();
	struct dynamodb_bot item = {.sync_status = "QUEUED", .sync_reason = embed_format_queued(arena, NOW - 300, 1)};
	struct embed_facts facts = {.item = &item, .now = NOW, .queues = true, .attempts = 9, .pickup = 301};
	struct embed_judgement out;

	embed_judge(arena, &facts, &out);
	ck_assert_int_eq(out.verdict, EMBED_WAIT);
	facts.pickup = 300;
	embed_judge(arena, &facts, &out);
	ck_assert_int_eq(out.verdict, EMBED_START);
	ck_assert_int_eq(out.lost, 2);
	arena_free(arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("embed_judge");
	TCase *tests = tcase_create("situations");

	tcase_add_loop_test(tests, judges, 0, sizeof(situations) / sizeof(situations[0]));
	tcase_add_test(tests, reads_its_own_words);
	suite_add_tcase(suite, tests);
	return suite;
}
