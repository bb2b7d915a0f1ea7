#include "daemon/history.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/test_main.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#define BEGAN ((time_t)1764000000)
#define ALL ((size_t)100000)

static struct arena *arena;
static char directory[64];
static const struct agent_retention much = {.days = 3650, .reports = 1000};

static void set_up(void)
{
	arena = arena_new();
	snprintf(directory, sizeof(directory), "/tmp/trueup-history.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st, (void)what, (void)at;
	return remove(path);
}

static void tear_down(void)
{
	ck_assert_int_eq(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	arena_free(arena);
}

static const char *path_of(const char *file)
{
	return arena_printf(arena, "%s/reports/chat/%s", directory, file);
}

/* A run that ended `at` seconds behind the beginning, with so many members missing. */
static void keep(int at, const char *trigger, int drift, const struct agent_retention *retention)
{
	json_t *differences = json_array(), *report;
	struct state_run run = {.trigger = trigger, .problem = "", .after = STATE_DRIFTED, .exit = 2};
	const struct history_keeper keeper = {
	    .directory = directory, .retention = retention, .caller = {"carol", "laptop"}};
	struct error err;
	int i;

	for (i = 0; i < drift; i++)
		json_array_append_new(differences, json_pack("{s:s, s:s}", "path", "members/x", "change", "add"));
	report = json_pack("{s:s, s:[{s:s, s:s, s:o, s:[]}]}", "command", "apply", "resources", "kind", "users", "name",
	                   "g", "differences", differences, "actions");
	run.report = report;
	run.started_at = BEGAN;
	run.finished_at = BEGAN + at;
	ck_assert_msg(history_keep(&keeper, "chat", &run, &err) == 0, "%s", err.message);
	json_decref(report);
}

/* "c b a" for runs started by a, b and c. */
static const char *list(size_t limit)
{
	json_t *runs = history_list(directory, "chat", limit, NULL), *run;
	const char *text = "";
	size_t i;

	json_array_foreach(runs, i, run)
	{
		ck_assert_str_eq(json_string_value(json_object_get(run, "state")), "drifted");
		ck_assert_str_eq(json_string_value(json_object_get(run, "user")), "carol");
		ck_assert_str_eq(json_string_value(json_object_get(run, "host")), "laptop");
		ck_assert_int_eq(access(path_of(json_string_value(json_object_get(run, "report"))), R_OK), 0);
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "",
		                    json_string_value(json_object_get(run, "trigger")));
	}
	json_decref(runs);
	return text;
}

static char *read_index(size_t *length)
{
	struct error err;
	char *text;

	ck_assert_int_eq(file_read(arena, path_of("index.jsonl"), 2 * HISTORY_INDEX_MOST, &text, length, &err), 0);
	return text;
}

/* Not synced, so that many of them take no time. */
static void put_index(const char *text, size_t length)
{
	FILE *out = fopen(path_of("index.jsonl"), "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, length, out), length);
	ck_assert_int_eq(fclose(out), 0);
}

START_TEST(the_last_runs_are_listed_newest_first)
{
	ck_assert_str_eq(list(ALL), "");
	keep(1, "a", 0, &much);
	keep(3, "b", 0, &much);
	keep(3, "c", 0, &much);
	keep(2, "d", 0, &much); /* its clock was set back */
	ck_assert_str_eq(list(ALL), "d c b a");
	ck_assert_str_eq(list(2), "d c");
}
END_TEST

/* Lists read no reports: what is not said in the index is not known. */
START_TEST(a_list_is_read_from_the_index_alone)
{
	json_t *runs;

	keep(1, "a", 0, &much);
	keep(2, "b", 100, &much);
	ck_assert_int_eq(truncate(path_of("00000001764000001000.json"), 0), 0);
	ck_assert_str_eq(list(ALL), "b a");
	runs = history_list(directory, "chat", 1, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(runs, 0), "drift")), 32);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(runs, 0), "driftCount")), 100);
	json_decref(runs);
}
END_TEST

/* Whatever was cut off of it, or is in the place of a byte: the list is whole, and the index is again. */
START_TEST(an_index_that_is_torn_or_gone_is_made_anew)
{
	size_t length, again, i;
	char *text;

	keep(1, "a", 1, &much);
	keep(2, "b", 1, &much);
	text = read_index(&length);
	for (i = 0; i < length; i += 17) {
		put_index(text, i);
		ck_assert_msg(strcmp(list(ALL), "b a") == 0, "cut off at %zu: %s", i, list(ALL));
		ck_assert_str_eq(strchr(read_index(&again), '\n'), strchr(text, '\n'));
		put_index(text, i);
		if (i % 8 == 0) {
			keep(3, "c", 1, &much);
			ck_assert_str_eq(list(ALL), "c b a");
			ck_assert_int_eq(unlink(path_of("00000001764000003000.json")), 0);
		}
	}
	ck_assert_int_eq(unlink(path_of("index.jsonl")), 0);
	ck_assert_str_eq(list(ALL), "b a");
	text[length / 2] = '\0';
	put_index(text, length);
	ck_assert_str_eq(list(ALL), "b a");
}
END_TEST

START_TEST(a_report_that_did_not_get_into_the_index_is_found)
{
	size_t length;
	char *text;

	keep(1, "a", 0, &much);
	text = read_index(&length);
	keep(2, "b", 0, &much);
	put_index(text, length); /* as a power failure leaves it */
	ck_assert_str_eq(list(ALL), "b a");
	put_index(text, length);
	keep(3, "c", 0, &much);
	ck_assert_str_eq(list(ALL), "c b a");
}
END_TEST

static size_t count(int64_t *pause)
{
	json_t *runs = history_list(directory, "chat", ALL, pause);
	size_t found = json_array_size(runs);

	json_decref(runs);
	return found;
}

/* As on a full disk: no list but one in a minute parses all reports. */
START_TEST(an_index_that_cannot_be_written_is_not_made_with_every_list)
{
	int64_t pause = 0;
	int i;

	for (i = 0; i < 24; i++)
		keep(i, "a", 0, &much);
	ck_assert_uint_eq(count(&pause), 24);
	ck_assert_int_eq(pause, 0);
	ck_assert_int_eq(unlink(path_of("index.jsonl")), 0);
	ck_assert_int_eq(mkdir(path_of("index.jsonl"), 0700), 0);
	ck_assert_uint_eq(count(&pause), 24);
	ck_assert_int_gt(pause, clock_monotonic_ms());
	keep(i, "b", 0, &much);
	ck_assert_uint_eq(count(&pause), 20);
	ck_assert_uint_eq(count(NULL), 25);
	pause = 1;
	ck_assert_uint_eq(count(&pause), 25);
}
END_TEST

/* Whoever holds it may have been stopped, and the agent's loop does not wait for that. */
START_TEST(a_lock_that_is_held_for_long_keeps_nobody)
{
	int64_t began = clock_monotonic_ms();
	int fd;

	keep(1, "a", 0, &much);
	fd = open(path_of(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	keep(2, "b", 0, &much);
	ck_assert_int_eq(unlink(path_of("index.jsonl")), 0);
	ck_assert_str_eq(list(ALL), "b a");
	ck_assert_int_lt(clock_monotonic_ms() - began, 10000);
	close(fd);
}
END_TEST

START_TEST(retention_is_by_number_and_holds_for_who_says_none)
{
	const struct agent_retention few = {.days = 3650, .reports = 2};

	keep(1, "a", 0, &much);
	keep(2, "b", 0, &few);
	keep(3, "c", 0, NULL);
	ck_assert_str_eq(list(ALL), "c b");
	keep(4, "d", 0, NULL);
	ck_assert_str_eq(list(ALL), "d c");
	ck_assert_int_ne(access(path_of("00000001764000001000.json"), F_OK), 0);
}
END_TEST

/* A run that ends while the clock is years ahead must not take all others with it. */
START_TEST(the_newest_are_kept_whatever_their_age)
{
	const struct agent_retention young = {.days = 1, .reports = 1000};
	int i, now = (int)(time(NULL) - BEGAN);

	for (i = 1; i <= 24; i++)
		keep(i, "a", 0, &much);
	keep(now, "b", 0, &young);
	ck_assert_uint_eq(count(NULL), 20);
	ck_assert_str_eq(list(2), "b a");
}
END_TEST

static void put_file(const char *file, time_t age)
{
	const struct utimbuf times = {time(NULL) - age, time(NULL) - age};

	close(open(path_of(file), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(utime(path_of(file), &times), 0);
}

static bool is_there(const char *file)
{
	return access(path_of(file), F_OK) == 0;
}

START_TEST(what_was_left_half_written_is_removed)
{
	static const char *const left[] = {"00000001764000001000.json.Ab3dEf", "index.jsonl.Ab3dEf"};
	static const char *const others[] = {"index.jsonl.bak", "notes.Ab3dEf", "00000001764000009000.json.ABCDEF"};
	size_t i;

	keep(1, "a", 0, &much);
	for (i = 0; i < 2; i++)
		put_file(left[i], 7200);
	for (i = 0; i < 2; i++)
		put_file(others[i], 172800);
	put_file(others[2], 0); /* is being written */
	keep(2, "b", 0, &much);
	for (i = 0; i < 2; i++)
		ck_assert_msg(!is_there(left[i]), "%s", left[i]);
	for (i = 0; i < 3; i++)
		ck_assert_msg(is_there(others[i]), "%s", others[i]);
}
END_TEST

/* At its most the older half of it goes, the reports stay, and what is listed is whole. */
START_TEST(the_index_is_bounded)
{
	char *text = arena_alloc(arena, HISTORY_INDEX_MOST + 4096), *one, *last;
	size_t length, line, at;
	const char *runs;

	keep(1, "a", 20, &much);
	one = read_index(&length);
	last = strchr(one, '\n') + 1;
	line = strlen(last);
	memcpy(text, one, length);
	for (at = length; at + line <= HISTORY_INDEX_MOST; at += line)
		memcpy(text + at, last, line);
	put_index(text, at);
	keep(2, "b", 20, NULL);
	(void)read_index(&length);
	ck_assert_uint_lt(length, HISTORY_INDEX_MOST / 2 + 2 * line + 4096);
	ck_assert_uint_gt(length, HISTORY_INDEX_MOST / 2 - 4096);
	runs = list(10);
	ck_assert_msg(strcmp(runs, "b a a a a a a a a a") == 0, "%s", runs);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("history");
	TCase *tcase = tcase_create("history");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_last_runs_are_listed_newest_first);
	tcase_add_test(tcase, a_list_is_read_from_the_index_alone);
	tcase_add_test(tcase, an_index_that_is_torn_or_gone_is_made_anew);
	tcase_add_test(tcase, a_report_that_did_not_get_into_the_index_is_found);
	tcase_add_test(tcase, retention_is_by_number_and_holds_for_who_says_none);
	tcase_add_test(tcase, an_index_that_cannot_be_written_is_not_made_with_every_list);
	tcase_add_test(tcase, a_lock_that_is_held_for_long_keeps_nobody);
	tcase_add_test(tcase, the_newest_are_kept_whatever_their_age);
	tcase_add_test(tcase, what_was_left_half_written_is_removed);
	tcase_add_test(tcase, the_index_is_bounded);
	suite_add_tcase(suite, tcase);
	return suite;
}
