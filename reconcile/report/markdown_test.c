#include "base/test_main.h"
#include "report/escape.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#define DEPLOYMENTS_MAX 400

static struct arena *arena;
static json_t *reports[DEPLOYMENTS_MAX];
static size_t report_count;
static struct buf out;

static void set_up(void)
{
	arena = arena_new();
	report_count = 0;
}

static void tear_down(void)
{
	size_t i;

	for (i = 0; i < report_count; i++)
		json_decref(reports[i]);
	buf_free(&out);
	arena_free(arena);
}

static struct plan *new_plan(void)
{
	struct plan *plan = arena_alloc(arena, sizeof(*plan));

	plan->arena = arena;
	return plan;
}

static void add_report(const char *name, const struct plan *plan)
{
	struct desired desired = {.file = "spec.yaml", .metadata = {.name = name}};
	struct report_input input = {.command = "plan", .desired = &desired, .plan = plan};

	reports[report_count++] = report_build(&input);
}

static const char *render(void)
{
	buf_clear(&out);
	report_render_markdown((const json_t *const *)reports, report_count, &out);
	ck_assert_uint_lt(out.length, 65536);
	return buf_text(&out);
}

static void add_differences(struct plan *plan, struct plan_resource *resource, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct plan_difference difference = {arena_printf(arena, "members/member%05zu@example.com", i),
		                                     CHANGE_ADD, "x", NULL};

		plan_add_difference(plan, resource, &difference);
	}
}

static void add_removals(struct plan *plan, const struct plan_resource *resource, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const char *name = arena_printf(arena, "leaver%05zu@example.com", i);
		struct plan_action *action = plan_add_action(plan, resource, "remove", name);

		action->risk = RISK_DESTRUCTIVE;
		action->reason = arena_printf(arena, "the group is exclusive, and the spec does not list %s", name);
		plan_action_block(plan, action, "spec.allow must have the word remove-members");
	}
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		count++;
	return count;
}

/* All that is opened is closed, however much was cut. */
static void check_closed(const char *text)
{
	ck_assert_uint_eq(count_of(text, "<details>"), count_of(text, "</details>"));
	ck_assert_uint_eq(count_of(text, "```") % 2, 0);
}

static void add_large(size_t differences, size_t removals)
{
	struct plan *plan = new_plan();
	struct plan_resource *users = plan_add_resource(plan, "users", "group");
	struct plan_resource *vectors = plan_add_resource(plan, "vectors", "items");
	struct plan_difference small = {"index", CHANGE_ADD, "ivfflat", NULL};

	add_differences(plan, users, differences);
	add_removals(plan, users, removals);
	plan_add_difference(plan, vectors, &small);
	add_report("production", plan);
}

START_TEST(names_every_destructive_action_under_the_bound)
{
	size_t i;

	add_large(5000, 200);
	render();
	for (i = 0; i < 200; i++)
		ck_assert_ptr_nonnull(
		    strstr(buf_text(&out), arena_printf(arena, "`users/group/remove/leaver%05zu@example.com`", i)));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "### 200 destructive actions"));
	ck_assert(strstr(buf_text(&out), "leaver00199") < strstr(buf_text(&out), "+ members/member00000"));
	/* The long list is cut, and said to be; the short one that follows it stands whole. */
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "more, cut to fit: `-o json` has all\n```"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "+ index: ivfflat\n"));
	ck_assert_ptr_null(strstr(buf_text(&out), "did not fit"));
	check_closed(buf_text(&out));
}
END_TEST

START_TEST(counts_what_of_the_destructive_passes_the_bound)
{
	size_t shown;

	add_large(10, 3000);
	render();
	shown = count_of(buf_text(&out), "`users/group/remove/leaver");
	ck_assert_uint_gt(shown, 800);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "### 3000 destructive actions"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), arena_printf(arena, "… and %zu more, cut", 3000 - shown)));
	check_closed(buf_text(&out));
}
END_TEST

START_TEST(tells_all_of_a_few_destructive_actions)
{
	add_large(3, 2);
	ck_assert_ptr_nonnull(strstr(
	    render(), "- **blocked** `users/group/remove/leaver00001@example.com`: spec.allow must have the word "
	              "remove-members. Why: the group is exclusive, and the spec does not list "
	              "`leaver00001@example.com`\n"));
	ck_assert_ptr_null(strstr(buf_text(&out), "<details>"));
}
END_TEST

START_TEST(folds_long_lists)
{
	add_large(11, 0);
	render();
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&out), "<details><summary>11 differences</summary>\n\n```diff\n+ members/member00000"));
	check_closed(buf_text(&out));
}
END_TEST

START_TEST(holds_many_deployments)
{
	size_t i;

	for (i = 0; i < DEPLOYMENTS_MAX; i++) {
		struct plan *plan = new_plan();
		struct plan_resource *users = plan_add_resource(plan, "users", "group");

		add_differences(plan, users, 50);
		add_removals(plan, users, 1);
		add_report(arena_printf(arena, "deployment-%03zu", i), plan);
	}
	render();
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "- … and "));
	ck_assert_uint_eq(count_of(buf_text(&out), " `users/group/remove/leaver00000@example.com` in deployment-"),
	                  DEPLOYMENTS_MAX);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "further parts did not fit here"));
	check_closed(buf_text(&out));
}
END_TEST

START_TEST(says_nothing_of_no_deployment)
{
	ck_assert_str_eq(render(), "## trueup: nothing was looked at\n\n\n");
}
END_TEST

START_TEST(escapes_prose)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
	    {"plain words, as they are.", "plain words, as they are."},
	    {"a|b *c* _d_ ~e~ [f](g) `h`", "a\\|b \\*c\\* \\_d\\_ \\~e\\~ \\[f\\](g) \\`h\\`"},
	    {"<img src=x> & <!-- x", "&lt;img src=x&gt; &amp; &lt;!-- x"},
	    {"ask @admins, or (@a/b).", "ask `@admins`, or `(@a/b`)."},
	    {"closes #12", "closes `#12`"},
	    {"see https://x.example/y.", "see `https://x.example/y`."},
	    {"one\n# two\n```\n@three", "`one\\n#` ````two\\n```\\n@three````"},
	    {"see GH-12, team!3 and &4, for 10% of %\"5\"!", "see `GH-12`, `team!3` and `&4`, for 10% of `%\"5`\"!"},
	    {"R & D; nothing is certain!", "R &amp; D; nothing is certain!"},
	    {"back\\slash", "back\\\\slash"},
	    {"\033[2J", "\\\\x1B\\[2J"},
	    {"", ""},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		escape_put_prose(&out, cases[i].text);
		ck_assert_str_eq(buf_text(&out), cases[i].expected);
	}
}
END_TEST

START_TEST(fences_code_past_its_backticks)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
	    {"a@b", "`a@b`"},           {"a`b", "``a`b``"},  {"`", "`` ` ``"},
	    {"a```", "```` a``` ````"}, {"x\ny", "`x\\ny`"}, {"", ""},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		escape_put_code(&out, cases[i].text);
		ck_assert_str_eq(buf_text(&out), cases[i].expected);
	}
}
END_TEST

START_TEST(lets_no_name_break_out)
{
	struct plan *plan = new_plan();
	struct plan_resource *users = plan_add_resource(plan, "users", "g`\n<script>");
	struct plan_difference difference = {"members/x\n```\n@all", CHANGE_ADD, "y", NULL};
	struct plan_action *action = plan_add_action(plan, users, "add", "`@x`\n\n# y");

	plan_add_difference(plan, users, &difference);
	plan_set_reason(plan, users, "<b>\n\n@all");
	plan_add_note(plan, users, "| a | @b\n");
	action->reason = "</details> @all";
	add_report("production", plan);
	render();
	ck_assert_ptr_null(strstr(buf_text(&out), "\n@all"));
	ck_assert_ptr_null(strstr(buf_text(&out), "\n# y"));
	ck_assert_ptr_null(strstr(buf_text(&out), "</details>"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "\nWhy: `<b>\\n\\n@all`\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "```diff\n+ members/x\\n```\\n@all: y\n```\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "#### users ``g`\\n<script>``: drifted\n"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("markdown");
	TCase *tests = tcase_create("markdown");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, names_every_destructive_action_under_the_bound);
	tcase_add_test(tests, counts_what_of_the_destructive_passes_the_bound);
	tcase_add_test(tests, tells_all_of_a_few_destructive_actions);
	tcase_add_test(tests, folds_long_lists);
	tcase_add_test(tests, holds_many_deployments);
	tcase_add_test(tests, says_nothing_of_no_deployment);
	tcase_add_test(tests, escapes_prose);
	tcase_add_test(tests, fences_code_past_its_backticks);
	tcase_add_test(tests, lets_no_name_break_out);
	suite_add_tcase(suite, tests);
	return suite;
}
