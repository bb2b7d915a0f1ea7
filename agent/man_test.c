#include "command.h"
#include "daemon/config_table.h"
#include "man.h"

#include "base/arena.h"
#include "base/test_main.h"

#include <string.h>

static void print(const char *name, struct buf *out)
{
	struct error err;

	buf_clear(out);
	ck_assert_msg(man_print(name, out, &err) == 0, "%s", err.message);
}

static void check_has(const struct buf *page, const char *text)
{
	ck_assert_msg(strstr(buf_text(page), text) != NULL, "no %s", text);
}

/* A hyphen in a name is \-. */
static const char *escape(struct arena *arena, const char *name)
{
	const char *hyphen = strchr(name, '-');

	return hyphen == NULL ? name
	                      : arena_printf(arena, "%.*s\\-%s", (int)(hyphen - name), name, escape(arena, hyphen + 1));
}

START_TEST(trueup_has_every_command_and_option)
{
	struct arena *arena = arena_new();
	struct buf page = {0};
	unsigned id;
	size_t i;

	print("trueup", &page);
	for (i = 0; commands[i] != NULL; i++)
		check_has(&page, arena_printf(arena, ".SS \"%s\"\n", commands[i]->name));
	for (id = 0; id < OPTION_COUNT; id++)
		check_has(&page, arena_printf(arena, "\\fB\\-\\-%s\\fR", escape(arena, option_rows[id].name)));
	buf_free(&page);
	arena_free(arena);
}
END_TEST

static void check_fields(struct arena *arena, const struct buf *page, const struct field *field, const char *prefix)
{
	for (; field->key != NULL; field++) {
		const char *path = arena_printf(arena, "%s%s", prefix, field->key);

		check_has(page, path);
		if (field->fields != NULL)
			check_fields(arena, page, field->fields,
			             arena_printf(arena, field->type == FIELD_TYPE_MAP ? "%s.NAME." : "%s.", path));
	}
}

START_TEST(every_field_is_in_its_page)
{
	struct arena *arena = arena_new();
	struct buf page = {0};

	print("trueup-agent", &page);
	check_fields(arena, &page, config_document, "");
	print("trueup-spec", &page);
	check_fields(arena, &page, field_document, "");
	buf_free(&page);
	arena_free(arena);
}
END_TEST

START_TEST(another_page_is_refused)
{
	struct buf page = {0};
	struct error err;

	ck_assert_int_ne(man_print("trueup-plan", &page, &err), 0);
	ck_assert_str_eq(err.message, "trueup-plan is not trueup, trueup-agent or trueup-spec");
	ck_assert_uint_eq(page.length, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("man");
	TCase *tcase = tcase_create("man");

	tcase_add_test(tcase, trueup_has_every_command_and_option);
	tcase_add_test(tcase, every_field_is_in_its_page);
	tcase_add_test(tcase, another_page_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
