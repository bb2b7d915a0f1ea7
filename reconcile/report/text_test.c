#include "base/test_main.h"
#include "report/glyph.h"
#include "report/report.h"
#include "spec/load.h"

#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct desired desired;
static struct plan plan;
static struct plan_resource *users;
static struct report_input input;
static struct buf out;

static void set_up(void)
{
	arena = arena_new();
	desired = (struct desired){.file = "spec.yaml", .metadata = {.name = "production"}};
	plan = (struct plan){.arena = arena};
	input = (struct report_input){.command = "plan", .desired = &desired, .plan = &plan};
	users = plan_add_resource(&plan, "users", "group");
}

static void tear_down(void)
{
	buf_free(&out);
	arena_free(arena);
}

static const char *render(const struct report_style *style)
{
	json_t *report = report_build(&input);

	buf_clear(&out);
	report_render_text(report, style, &out);
	json_decref(report);
	return buf_text(&out);
}

static void add_members(size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const char *name = arena_printf(arena, "member%04zu", i);
		struct plan_difference difference = {arena_printf(arena, "members/%s", name), CHANGE_ADD, name, NULL};
		struct plan_action *action = plan_add_action(&plan, users, "add", name);

		plan_add_difference(&plan, users, &difference);
		action->reason = "they are listed";
		plan_action_call(&plan, action, "cognito-idp:AdminAddUserToGroup");
	}
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		count++;
	return count;
}

/* The columns of the longest line, counted as a terminal would. */
static int longest_line(const char *text)
{
	struct glyph glyph;
	int width = 0, longest = 0;

	for (; *text != '\0'; text += glyph.length) {
		glyph_read(text, &glyph);
		width = *text == '\n' ? 0 : width + glyph.width;
		longest = width > longest ? width : longest;
	}
	return longest;
}

START_TEST(is_one_line_when_all_is_in_sync)
{
	ck_assert_str_eq(render(&(struct report_style){0}), "production: in sync, 1 resource\n");
	ck_assert_str_eq(render(&(struct report_style){.quiet = true}), "");
	ck_assert_ptr_nonnull(strstr(render(&(struct report_style){.verbose = true}), "in sync  users group"));
}
END_TEST

START_TEST(leaves_out_what_is_in_sync_when_quiet)
{
	plan_add_resource(&plan, "vectors", "items")->state = RESOURCE_DRIFTED;
	ck_assert_ptr_nonnull(strstr(render(&(struct report_style){0}), "users group"));
	ck_assert_ptr_null(strstr(render(&(struct report_style){.quiet = true}), "users group"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "drifted  vectors items"));
}
END_TEST

START_TEST(shortens_long_lists_unless_verbose)
{
	struct plan_difference removal = {"members/last", CHANGE_REMOVE, NULL, "last"};

	add_members(300);
	plan_add_difference(&plan, users, &removal);
	render(&(struct report_style){0});
	ck_assert_uint_lt(count_lines(buf_text(&out)), 30);
	ck_assert_uint_eq(count_of(buf_text(&out), "… and 290 more; -v shows all\n"), 2);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "- members/last\n"));
	ck_assert_ptr_null(strstr(buf_text(&out), "AdminAddUserToGroup"));
	render(&(struct report_style){.verbose = true});
	ck_assert_uint_eq(count_of(buf_text(&out), "+ members/member"), 300);
	ck_assert_uint_eq(count_of(buf_text(&out), "member0299"), 2);
	ck_assert_uint_eq(count_of(buf_text(&out), "calls cognito-idp:AdminAddUserToGroup"), 1);
	ck_assert_ptr_null(strstr(buf_text(&out), "more;"));
}
END_TEST

START_TEST(tells_failed_and_done_apart_in_a_long_list)
{
	size_t i;

	add_members(40);
	for (i = 0; i < plan.action_count; i++)
		plan.actions[i]->state = i % 20 == 7 ? ACTION_FAILED : ACTION_DONE;
	plan.actions[7]->error = "first error";
	plan.actions[27]->error = "second error";
	render(&(struct report_style){0});
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "failed   add member0007: first error"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "failed   add member0027: second error"));
	ck_assert_uint_eq(count_of(buf_text(&out), "… and 28 more"), 1);
}
END_TEST

START_TEST(lets_no_control_character_through)
{
	struct plan_difference difference = {"members/\033]0;x\a", CHANGE_ADD, "a\nb\xC2\x9B", NULL};

	plan_add_difference(&plan, users, &difference);
	plan_set_reason(&plan, users, "red \033[31m, turned \xE2\x80\xAE, return \r, tab\t.");
	render(&(struct report_style){.width = 200});
	ck_assert_ptr_null(strpbrk(buf_text(&out), "\033\a\r\t"));
	ck_assert_ptr_null(strstr(buf_text(&out), "\xC2\x9B"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "red \\x1B[31m, turned \\u202E, return \\r, tab\\t.\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "+ members/\\x1B]0;x\\x07: a\\nb\\x9B\n"));
}
END_TEST

START_TEST(colours_only_when_told_to)
{
	add_members(1);
	ck_assert_ptr_null(strchr(render(&(struct report_style){0}), '\033'));
	render(&(struct report_style){.color = true});
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "\033[33mdrifted\033[0m"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "\033[32m+\033[0m members/member0000\n"));
}
END_TEST

START_TEST(says_the_same_with_colour)
{
	struct buf bare = {0};
	const char *at;

	add_members(12);
	render(&(struct report_style){.color = true});
	for (at = buf_text(&out); *at != '\0'; at++) {
		if (*at == '\033')
			at += strcspn(at, "m");
		else
			buf_putc(&bare, *at);
	}
	ck_assert_str_eq(buf_text(&bare), render(&(struct report_style){0}));
	buf_free(&bare);
}
END_TEST

START_TEST(knows_how_wide_characters_are)
{
	static const struct {
		const char *text;
		size_t length;
		int width;
	} cases[] = {
	    {"a", 1, 1},    {"é", 2, 1},        {"漢", 3, 2},           {"\xCC\x81", 2, 0}, {"😀", 4, 2},
	    {"→", 3, 1},    {"\n", 1, 2},       {"\033", 1, 4},         {"\xC2\x85", 2, 4}, {"\xE2\x80\x8B", 3, 6},
	    {"\xFF", 1, 4}, {"\xC0\xAF", 1, 4}, {"\xED\xA0\x80", 1, 4}, {"\xE2\x82", 1, 4}, {"\xF4\x90\x80\x80", 1, 4},
	};
	struct glyph glyph;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		glyph_read(cases[i].text, &glyph);
		ck_assert_msg(glyph.length == cases[i].length && glyph.width == cases[i].width,
		              "case %zu: %zu bytes, %d columns: %s", i, glyph.length, glyph.width, glyph.shown);
	}
}
END_TEST

START_TEST(wraps_at_the_width_of_the_terminal)
{
	static const int widths[] = {50, 80, 132};
	size_t i;

	/* Wide, combining and plain characters: 2, 0 and 1 columns each. */
	for (i = 0; i < 60; i++)
		users->reason = arena_printf(arena, "%s漢字 e\xCC\x81t plain ", i > 0 ? users->reason : "");
	users->state = RESOURCE_DRIFTED;
	for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		render(&(struct report_style){.width = widths[i]});
		ck_assert_int_le(longest_line(buf_text(&out)), widths[i]);
		ck_assert_int_gt(longest_line(buf_text(&out)), widths[i] - 6);
	}
}
END_TEST

START_TEST(keeps_a_long_name_whole)
{
	const char *name = "a-name-that-is-longer-than-the-line-so-that-it-can-only-stand-alone-on-one";

	users->name = name;
	users->state = RESOURCE_DRIFTED;
	render(&(struct report_style){.width = 40});
	ck_assert_ptr_nonnull(strstr(buf_text(&out), name));
}
END_TEST

START_TEST(quotes_the_command_for_the_shell)
{
	desired.file = "it's here/spec.yaml";
	add_members(1);
	ck_assert_ptr_nonnull(strstr(render(&(struct report_style){0}), "trueup apply 'it'\\''s here/spec.yaml'\n"));
}
END_TEST

START_TEST(names_the_words_and_the_persons_that_are_waited_for)
{
	struct plan_action *first, *follower, *manual;

	users->state = RESOURCE_DRIFTED;
	first = plan_add_action(&plan, users, "first", NULL);
	first->allow = "replace-cluster";
	first->gives = "condition";
	plan_action_block(&plan, first, "spec.allow must have the word replace-cluster");
	follower = plan_add_action(&plan, users, "follower", NULL);
	plan_action_need(&plan, follower, "condition");
	plan_action_block(&plan, follower, "it follows users/group/first");
	manual = plan_add_action(&plan, users, "manual", NULL);
	manual->allow = "remove-members"; /* which the spec has: it is not what is missing */
	plan_action_block(&plan, manual, "spec.limits.removals: too many");
	manual = plan_add_action(&plan, users, "deploy", NULL); /* a person's, whatever else it follows */
	plan_action_need(&plan, manual, "condition");
	plan_action_block(&plan, manual, "a person: deploy the stack");
	render(&(struct report_style){.width = 120});
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&out), "4 actions blocked: add replace-cluster to spec.allow; 2 need a person\n"));
}
END_TEST

START_TEST(says_what_takes_each_unknown_resource_further)
{
	static const struct {
		const char *reason, *advice;
	} cases[] = {
	    {"timed out", "1 resource could not be observed; look again: trueup plan "},
	    {"not authorized " OBSERVED_LACKS "rds:X)", "what is wrong, and what to do: trueup doctor "},
	    {SPEC_NO_BASELINE " b.yaml yet",
	     "1 resource cannot be judged without a baseline; to take one: trueup capture "},
	};
	size_t i;

	users->state = RESOURCE_UNKNOWN;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		users->reason = cases[i].reason;
		buf_clear(&out);
		ck_assert_ptr_nonnull(strstr(render(&(struct report_style){.width = 120}), cases[i].advice));
	}
}
END_TEST

START_TEST(sees_nothing_wrong_in_a_run_that_was_stopped)
{
	struct plan_action *action;

	users->state = RESOURCE_UNKNOWN;
	users->reason = "stopped before it was done";
	action = plan_add_action(&plan, users, "copy", NULL);
	action->state = ACTION_FAILED;
	input.command = "apply";
	input.stopped = true;
	render(&(struct report_style){.width = 120});
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&out), "  1 action failed\n  the run was stopped; to go on: trueup apply "));
	ck_assert_ptr_null(strstr(buf_text(&out), "could not be observed"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tests = tcase_create("text");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, is_one_line_when_all_is_in_sync);
	tcase_add_test(tests, leaves_out_what_is_in_sync_when_quiet);
	tcase_add_test(tests, shortens_long_lists_unless_verbose);
	tcase_add_test(tests, tells_failed_and_done_apart_in_a_long_list);
	tcase_add_test(tests, lets_no_control_character_through);
	tcase_add_test(tests, colours_only_when_told_to);
	tcase_add_test(tests, says_the_same_with_colour);
	tcase_add_test(tests, knows_how_wide_characters_are);
	tcase_add_test(tests, wraps_at_the_width_of_the_terminal);
	tcase_add_test(tests, keeps_a_long_name_whole);
	tcase_add_test(tests, quotes_the_command_for_the_shell);
	tcase_add_test(tests, names_the_words_and_the_persons_that_are_waited_for);
	tcase_add_test(tests, says_what_takes_each_unknown_resource_further);
	tcase_add_test(tests, sees_nothing_wrong_in_a_run_that_was_stopped);
	suite_add_tcase(suite, tests);
	return suite;
}
