#include "base/file.h"
#include "base/test_main.h"
#include "spec/baseline.h"
#include "spec/desired.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD                                                                                                           \
	"apiVersion: trueup/v1\nkind: VectorBaseline\n"                                                                \
	"metadata: {name: production, capturedAt: 2026-11-22T09:00:00Z, cluster: my-cluster, digest: v1}\n"
#define DIGEST "5d41402abc4b2a76b9719d911017c592"
#define ZEROS "00000000000000000000000000000000"

static int parse(struct arena *arena, const char *text, struct desired_baseline *out, struct error *err)
{
	return baseline_parse(arena, "b.yaml", text, strlen(text), out, err);
}

START_TEST(the_contract_s_example_is_read)
{
	struct arena *arena = arena_new();
	struct desired_baseline baseline;
	struct error err;

	ck_assert_int_eq(parse(arena, HEAD "bots:\n  01HZZZZZZZZZZZZZZZZZZZZZZZ: {rows: 1204, digest: " DIGEST "}\n",
	                       &baseline, &err),
	                 0);
	ck_assert_str_eq(baseline.name, "production");
	ck_assert_str_eq(baseline.cluster, "my-cluster");
	ck_assert_str_eq(baseline.digest, "v1");
	ck_assert_int_eq(baseline.captured_at, 1795338000);
	ck_assert_uint_eq(baseline.bot_count, 1);
	ck_assert_int_eq(baseline_find_bot(&baseline, "01HZZZZZZZZZZZZZZZZZZZZZZZ")->rows, 1204);
	ck_assert_ptr_null(baseline_find_bot(&baseline, "01HZZZZZZZZZZZZZZZZZZZZZZ"));
	arena_free(arena);
}
END_TEST

/* Ids and digests that YAML would take for numbers, names that need quotes, any order: what is written is read. */
START_TEST(what_is_written_is_read_again)
{
	static struct desired_baseline_bot bots[] = {
	    {"(null)", 3, ZEROS},
	    {"01HZZZZZZZZZZZZZZZZZZZZZZZ", 0, "1234567890123456789012345678e901"},
	    {"00000000000000000000000001", 7, "12345678901234567890123456789012"},
	    {"0000000000000000000000e001", 1, DIGEST},
	    {"true", 1, DIGEST},
	    {"it's: \"odd\" \xC3\xA9#", 1000000000000, DIGEST},
	    {"-", 1, DIGEST},
	};
	struct desired_baseline written = {.name = "123",
	                                   .captured_at = 1795338000,
	                                   .digest = "v1",
	                                   .bots = bots,
	                                   .bot_count = sizeof(bots) / sizeof(bots[0])};
	struct arena *arena = arena_new();
	struct desired_baseline read;
	struct buf first = {0}, second = {0};
	struct error err;
	size_t i;

	ck_assert_msg(baseline_format(&written, &first, &err) == 0, "%s", err.message);
	ck_assert_int_eq(parse(arena, buf_text(&first), &read, &err), 0);
	ck_assert_str_eq(read.name, "123");
	ck_assert_ptr_null(read.cluster);
	ck_assert_int_eq(read.captured_at, 1795338000);
	ck_assert_uint_eq(read.bot_count, written.bot_count);
	for (i = 0; i < written.bot_count; i++) {
		const struct desired_baseline_bot *bot = baseline_find_bot(&read, bots[i].id);

		ck_assert_ptr_nonnull(bot);
		ck_assert_int_eq(bot->rows, bots[i].rows);
		ck_assert_str_eq(bot->digest, bots[i].digest);
		ck_assert(i == 0 || strcmp(read.bots[i - 1].id, read.bots[i].id) < 0);
	}
	ck_assert_int_eq(baseline_format(&read, &second, &err), 0);
	ck_assert_str_eq(buf_text(&first), buf_text(&second));
	buf_free(&first);
	buf_free(&second);
	arena_free(arena);
}
END_TEST

START_TEST(what_is_not_a_baseline_is_refused)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
	    {"", "b.yaml: must be one YAML document, found 0"},
	    {HEAD "bots: {}\n---\n" HEAD "bots: {}\n", "b.yaml: must be one YAML document, found 2"},
	    {"[]", "b.yaml:1:1: must be a mapping with apiVersion, kind, metadata and bots, found a list"},
	    {HEAD, "b.yaml:1:1: bots is missing, such as `bots: {}`"},
	    {HEAD "bots:\n  a: {rows: 1, digest: " DIGEST "}\n  a: {rows: 1, digest: " DIGEST "}\n",
	     "b.yaml:6:3: bots.a: duplicate key; it is in line 5 already"},
	    {HEAD "bots:\n  a: {rows: -1, digest: " DIGEST "}\n",
	     "b.yaml:5:13: bots.a.rows: must be between 0 and 1000000000000, found -1"},
	    {HEAD "bots:\n  a: {rows: 1}\n  b: 2\n",
	     "b.yaml:5:6: bots.a: digest is missing, such as `digest: " DIGEST "`;and 1 more"},
	    {HEAD "bots:\n  a: {rows: 1, digest: " ZEROS "}\n",
	     "b.yaml:5:24: bots.a.digest: must be text, found the whole number " ZEROS
	     ": a number loses its leading zero; write \"" ZEROS "\", in quotes"},
	    {HEAD "bots:\n  a: {rows: 1, digest: 5D41402ABC4B2A76B9719D911017C592}\n",
	     "b.yaml:5:24: bots.a.digest: must be 32 lower-case hexadecimal digits, found "
	     "\"5D41402ABC4B2A76B9719D911017C592\""},
	    {HEAD "bots:\n  123456789012345678901234567: {rows: 1, digest: " DIGEST "}\n",
	     "b.yaml:5:3: bots.123456789012345678901234567: is too long: at most 26 characters"},
	    {HEAD "bot: {}\nbots: {}\n", "b.yaml:4:1: bot: unknown key; did you mean bots?"},
	    {"apiVersion: trueup/v1\nkind: VectorBaseline\nmetadata: {name: a, capturedAt: yesterday, digest: v1}\n"
	     "bots: {}\n",
	     "b.yaml:3:33: metadata.capturedAt: must be a time such as 2026-11-22T09:00:00Z, found \"yesterday\""},
	};
	struct arena *arena = arena_new();
	struct desired_baseline baseline;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(parse(arena, rows[i].text, &baseline, &err), -1);
		ck_assert_int_eq(err.code, ERROR_INVALID);
		ck_assert_str_eq(err.message, rows[i].message);
	}
	arena_free(arena);
}
END_TEST

START_TEST(what_could_not_be_read_is_not_written)
{
	static struct desired_baseline_bot twice[] = {{"a", 1, DIGEST}, {"a", 2, DIGEST}};
	static struct desired_baseline_bot undigested[] = {{"a", 1, ""}};
	static struct desired_baseline_bot not_utf8[] = {{"\xFF", 1, DIGEST}};
	struct desired_baseline baseline = {.name = "a", .digest = "v1", .bots = twice, .bot_count = 2};
	struct error err;

	ck_assert_int_eq(baseline_write(&baseline, "not-written.yaml", &err), -1);
	baseline.bot_count = 1;
	baseline.bots = undigested;
	ck_assert_int_eq(baseline_write(&baseline, "not-written.yaml", &err), -1);
	baseline.bots = not_utf8;
	ck_assert_int_eq(baseline_write(&baseline, "not-written.yaml", &err), -1);
	ck_assert_int_eq(access("not-written.yaml", F_OK), -1);
}
END_TEST

START_TEST(a_hundred_thousand_bots_are_fine_and_more_are_not)
{
	struct arena *arena = arena_new();
	struct desired_baseline read, written = {.name = "large", .digest = "v1", .bot_count = BASELINE_BOTS_MAX};
	char path[] = "/tmp/baseline-XXXXXX";
	struct error err;
	size_t i;

	written.bots = arena_array(arena, BASELINE_BOTS_MAX + 1, sizeof(*written.bots));
	for (i = 0; i <= BASELINE_BOTS_MAX; i++)
		written.bots[i] = (struct desired_baseline_bot){arena_printf(arena, "01H%023zu", i), 1, DIGEST};
	close(mkstemp(path));
	ck_assert_msg(baseline_write(&written, path, &err) == 0, "%s", err.message);
	ck_assert_int_eq(baseline_read(arena, path, &read, &err), 0);
	ck_assert_uint_eq(read.bot_count, BASELINE_BOTS_MAX);
	ck_assert_ptr_nonnull(baseline_find_bot(&read, "01H00000000000000000099999"));
	unlink(path);
	written.bot_count++;
	ck_assert_int_eq(baseline_write(&written, path, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "has more than 100000 bots"));
	ck_assert_int_eq(baseline_read(arena, path, &read, &err), -1);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	arena_free(arena);
}
END_TEST

/* As in parse_test.c, for the other file that people edit. */
START_TEST(no_damage_crashes)
{
	static const char text[] =
	    HEAD "bots:\n  a: {rows: 1, digest: \"" ZEROS "\"}\n  '(null)': {rows: 2, digest: " DIGEST "}\n";
	static const char damage[] = "\0\t\n \"'#%&*,-:<?@[]{|}~\x80\xFF";
	size_t at, i;

	for (at = 0; at < sizeof(text) - 1; at++) {
		for (i = 0; i < sizeof(damage) - 1; i += 9) {
			struct arena *arena = arena_new();
			char *copy = arena_strndup(arena, text, sizeof(text) - 1);
			struct desired_baseline baseline;
			struct error err;

			copy[at] = damage[(i + at) % (sizeof(damage) - 1)];
			if (baseline_parse(arena, "b.yaml", copy, sizeof(text) - 1, &baseline, &err) != 0)
				ck_assert_int_eq(strncmp(err.message, "b.yaml", 6), 0);
			(void)baseline_parse(arena, "b.yaml", text, at, &baseline, &err);
			arena_free(arena);
		}
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("baseline");
	TCase *tcase = tcase_create("baseline");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, the_contract_s_example_is_read);
	tcase_add_test(tcase, what_is_written_is_read_again);
	tcase_add_test(tcase, what_is_not_a_baseline_is_refused);
	tcase_add_test(tcase, what_could_not_be_read_is_not_written);
	tcase_add_test(tcase, a_hundred_thousand_bots_are_fine_and_more_are_not);
	tcase_add_test(tcase, no_damage_crashes);
	suite_add_tcase(suite, tcase);
	return suite;
}
