#include "option.h"

#include "base/test_main.h"
#include "command.h"

#include <string.h>

static struct arena *arena;
static struct options options;
static struct error err;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

/* Splits at blanks, which no word of these tests has in it. */
static int parse(const char *line)
{
	char *words = arena_printf(arena, "trueup %s", line), *rest, *word;
	char *argv[32];
	int argc = 0;

	memset(&err, 0, sizeof(err));
	for (word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	return option_parse(arena, argc, argv, &options, &err);
}

static void expect_refused(const char *line, const char *message)
{
	ck_assert_int_eq(parse(line), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_str_eq(err.message, message);
}

START_TEST(options_stand_anywhere)
{
	static const char *const lines[] = {"plan specs -o json", "-o json plan specs", "plan -ojson specs",
	                                    "plan --output=json specs", "plan specs --output json"};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_int_eq(parse(lines[i]), 0);
		ck_assert_str_eq(options.command, "plan");
		ck_assert_uint_eq(options.argument_count, 1);
		ck_assert_str_eq(options.arguments[0], "specs");
		ck_assert_int_eq(options.output, OUTPUT_JSON);
		ck_assert_uint_eq(options.given, OPTION_BIT(OPTION_OUTPUT));
	}
}
END_TEST

START_TEST(what_follows_two_hyphens_is_no_option)
{
	ck_assert_int_eq(parse("plan -- -o --yes --"), 0);
	ck_assert_uint_eq(options.argument_count, 3);
	ck_assert_str_eq(options.arguments[0], "-o");
	ck_assert_str_eq(options.arguments[2], "--");
	ck_assert(!options.yes);
	ck_assert_int_eq(parse("plan -"), 0);
	ck_assert_str_eq(options.arguments[0], "-");
}
END_TEST

START_TEST(letters_go_together)
{
	ck_assert_int_eq(parse("plan -vvqo json"), 0);
	ck_assert_int_eq(options.verbose, 2);
	ck_assert(options.quiet);
	ck_assert_int_eq(options.output, OUTPUT_JSON);
}
END_TEST

START_TEST(only_is_repeatable)
{
	ck_assert_int_eq(parse("apply --only users --only=users/Admin --only cluster/a/b"), 0);
	ck_assert_uint_eq(options.only_count, 3);
	ck_assert_str_eq(options.only[0].kind, "users");
	ck_assert_ptr_null(options.only[0].name);
	ck_assert_str_eq(options.only[1].name, "Admin");
	ck_assert_str_eq(options.only[2].kind, "cluster");
	ck_assert_str_eq(options.only[2].name, "a/b");
	expect_refused("apply --only user", "--only: there is no kind user; did you mean users?");
	expect_refused("apply --only /x", "--only: there is no kind ");
	expect_refused("apply --only users/", "--only: users/ has no name behind the slash");
}
END_TEST

START_TEST(wait_is_a_duration)
{
	ck_assert_int_eq(parse("apply"), 0);
	ck_assert_uint_eq(options.given, 0);
	ck_assert_int_eq(parse("apply --wait 1h30m"), 0);
	ck_assert_int_eq(options.wait, 5400);
	ck_assert_int_eq(parse("apply --wait=0"), 0);
	ck_assert_int_eq(options.wait, 0);
	ck_assert_uint_eq(options.given, OPTION_BIT(OPTION_WAIT));
	ck_assert_int_eq(parse("apply --wait unlimited"), 0);
	ck_assert(options.wait == RUN_WAIT_UNLIMITED);
	expect_refused("apply --wait soon", "--wait: soon is not a duration such as 90s, 15m, 2h or 0");
	expect_refused("apply --wait -5m", "--wait: -5m is not a duration such as 90s, 15m, 2h or 0");
}
END_TEST

START_TEST(what_the_agent_says_is_checked)
{
	const char *hash = "0123456789abcdef0123456789abcdef01234567";

	ck_assert_int_eq(parse(arena_printf(arena, "apply --trigger schedule --revision %s", hash)), 0);
	ck_assert_str_eq(options.trigger, "schedule");
	ck_assert_str_eq(options.revision, hash);
	expect_refused("apply --trigger=", "--trigger: it takes one word of at most 64 characters, such as schedule");
	expect_refused("apply --revision main", "--revision: main is not a whole commit hash");
	expect_refused("apply --events 2", "--events: 2 is not the number of an open file, 3 or more");
	expect_refused("apply --events 99999", "--events: 99999 is not the number of an open file, 3 or more");
	ck_assert_int_eq(parse("agent --next 5"), 0);
	ck_assert_int_eq(options.next, 5);
	expect_refused("agent --next 0", "--next: 0 is not a number from 1 to 1000");
	expect_refused("agent --next 5x", "--next: 5x is not a number from 1 to 1000");
}
END_TEST

START_TEST(mistakes_are_named)
{
	expect_refused("plan --obsrved x", "unknown option --obsrved; did you mean --observed?");
	expect_refused("plan --frobnicate", "unknown option --frobnicate");
	expect_refused("plan -x", "unknown option -x");
	expect_refused("plan -vx", "unknown option -x");
	expect_refused("plan -o", "-o needs a value: FORMAT");
	expect_refused("plan --out", "--out needs a value: FILE");
	expect_refused("plan --out=", "--out: it takes the name of a file");
	expect_refused("apply --yes=no", "--yes takes no value");
	expect_refused("plan -o yaml", "-o: yaml is not text, json or markdown");
	expect_refused("plan --color sometimes", "--color: sometimes is not auto, always or never");
	expect_refused("explain --iam all", "--iam: all is not observe or enforce");
	expect_refused("plan --log-format xml", "--log-format: xml is not text or json");
}
END_TEST

START_TEST(commands_take_their_own_options)
{
	const struct command *command;

	ck_assert_int_eq(parse("plan --yes"), 0);
	command = command_find(options.command, &err);
	ck_assert_ptr_nonnull(command);
	ck_assert_int_eq(command_check_options(command, &options, &err), -1);
	ck_assert_str_eq(err.message, "trueup plan takes no --yes");
	ck_assert_int_eq(parse("validate -o markdown"), 0);
	command = command_find(options.command, &err);
	ck_assert_int_eq(command_check_options(command, &options, &err), -1);
	ck_assert_str_eq(err.message, "trueup validate has no markdown output");
	ck_assert_int_eq(parse("apply -v --yes --only users --wait 2h --color never -o markdown"), 0);
	ck_assert_int_eq(command_check_options(command_find("apply", &err), &options, &err), 0);
}
END_TEST

START_TEST(commands_are_found_or_told)
{
	size_t i;

	for (i = 0; commands[i] != NULL; i++)
		ck_assert_ptr_eq(command_find(commands[i]->name, &err), commands[i]);
	ck_assert_ptr_null(command_find("aply", &err));
	ck_assert_str_eq(err.message, "there is no command aply; did you mean apply?");
	ck_assert_ptr_null(command_find("frobnicate", &err));
	ck_assert_str_eq(err.message, "there is no command frobnicate; trueup help lists them");
}
END_TEST

START_TEST(every_row_can_be_told_from_the_others)
{
	size_t i, j;

	for (i = 0; i < OPTION_COUNT; i++) {
		ck_assert_ptr_nonnull(option_rows[i].take);
		for (j = 0; j < i; j++) {
			ck_assert_str_ne(option_rows[i].name, option_rows[j].name);
			ck_assert(option_rows[i].letter == '\0' || option_rows[i].letter != option_rows[j].letter);
		}
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("option");
	TCase *tcase = tcase_create("option");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, options_stand_anywhere);
	tcase_add_test(tcase, what_follows_two_hyphens_is_no_option);
	tcase_add_test(tcase, letters_go_together);
	tcase_add_test(tcase, only_is_repeatable);
	tcase_add_test(tcase, wait_is_a_duration);
	tcase_add_test(tcase, what_the_agent_says_is_checked);
	tcase_add_test(tcase, mistakes_are_named);
	tcase_add_test(tcase, commands_take_their_own_options);
	tcase_add_test(tcase, commands_are_found_or_told);
	tcase_add_test(tcase, every_row_can_be_told_from_the_others);
	suite_add_tcase(suite, tcase);
	return suite;
}
