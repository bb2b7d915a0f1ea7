/*
 * The help of every command stands in testdata/help. With TRUEUP_GOLDEN=write in
 * the environment it is written; look at the diff.
 */
#include "help.h"

#include "base/file.h"
#include "base/test_main.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH_MOST 100

static void compare(const char *name, const struct buf *seen)
{
	struct arena *arena = arena_new();
	const char *golden = getenv("TRUEUP_GOLDEN");
	const char *path = arena_printf(arena, "%s/%s.txt", HELP_FOLDER, name);
	struct error err;
	char *text;

	if (golden != NULL && strcmp(golden, "write") == 0)
		ck_assert_msg(file_replace(path, buf_text(seen), seen->length, &err) == 0, "%s", err.message);
	ck_assert_msg(file_read(arena, path, 65536, &text, NULL, &err) == 0, "%s", err.message);
	ck_assert_str_eq(text, buf_text(seen));
	arena_free(arena);
}

static void check_width(const char *text)
{
	for (; *text != '\0'; text += strcspn(text, "\n") + 1)
		ck_assert_msg(strcspn(text, "\n") <= WIDTH_MOST, "too wide: %.*s", (int)strcspn(text, "\n"), text);
}

START_TEST(help_is_as_it_was_reviewed)
{
	struct buf text = {0};
	size_t i;

	help_print_overview(&text);
	compare("trueup", &text);
	check_width(buf_text(&text));
	for (i = 0; commands[i] != NULL; i++) {
		buf_clear(&text);
		help_print_command(commands[i], &text);
		compare(commands[i]->name, &text);
		check_width(buf_text(&text));
	}
	buf_free(&text);
}
END_TEST

START_TEST(help_has_every_option_of_a_command)
{
	struct buf text = {0};
	unsigned id;
	size_t i;

	for (i = 0; commands[i] != NULL; i++) {
		buf_clear(&text);
		help_print_command(commands[i], &text);
		for (id = 0; id < OPTION_COUNT; id++) {
			char name[32];
			bool takes = ((commands[i]->options | COMMAND_OPTIONS_ALL) & OPTION_BIT(id)) != 0;

			snprintf(name, sizeof(name), " --%s%s", option_rows[id].name,
			         option_rows[id].value != NULL ? " " : "");
			ck_assert_msg((strstr(buf_text(&text), name) != NULL) >= takes, "%s lacks%s", commands[i]->name,
			              name);
		}
	}
	buf_free(&text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("help");
	TCase *tcase = tcase_create("help");

	tcase_add_test(tcase, help_is_as_it_was_reviewed);
	tcase_add_test(tcase, help_has_every_option_of_a_command);
	suite_add_tcase(suite, tcase);
	return suite;
}
