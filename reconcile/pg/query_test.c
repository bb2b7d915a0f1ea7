#include "base/test_main.h"
#include "pg/query.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(arena);
}

static const struct {
	const char *table;
	const char *quoted; /* NULL: refused */
} tables[] = {
    {"items", "\"public\".\"items\""},
    {"app.Items", "\"app\".\"Items\""},
    {"it\"ems; DROP TABLE x", "\"public\".\"it\"\"ems; DROP TABLE x\""},
    {"", NULL},
    {".items", NULL},
    {"app.", NULL},
    {"a.b.c", NULL},
    {"a123456789012345678901234567890123456789012345678901234567890123", NULL}, /* 64 bytes */
};

START_TEST(names_of_tables_are_quoted)
{
	const char *quoted = NULL;
	struct error err;
	int status = pg_query_table(arena, tables[_i].table, &quoted, &err);

	if (tables[_i].quoted == NULL) {
		ck_assert_int_eq(status, -1);
		ck_assert_int_eq(err.code, ERROR_INVALID);
	} else {
		ck_assert_int_eq(status, 0);
		ck_assert_str_eq(quoted, tables[_i].quoted);
	}
}
END_TEST

START_TEST(sql_is_filled_in)
{
	struct pg_fill fills[] = {{"table", "\"{bots}\""}, {"bots", "true"}, {NULL, NULL}};

	/* What was filled in is not looked at again. */
	ck_assert_str_eq(pg_query_fill(arena, "SELECT {table} WHERE {bots}", fills), "SELECT \"{bots}\" WHERE true");
	ck_assert_str_eq(pg_query_fill(arena, "{bots}{bots}", fills), "truetrue");
	ck_assert_str_eq(pg_query_fill(arena, "SELECT 1", fills), "SELECT 1");
}
END_TEST

START_TEST(indexes_have_the_applications_names)
{
	ck_assert_str_eq(pg_query_index_plain(arena, "items", "botid"), "idx_items_botid");
	ck_assert_str_eq(pg_query_index_name(arena, "app.items", "embedding"), "\"idx_items_embedding\"");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pg/query");
	TCase *test = tcase_create("query");

	tcase_add_checked_fixture(test, setup, teardown);
	tcase_add_loop_test(test, names_of_tables_are_quoted, 0, sizeof(tables) / sizeof(tables[0]));
	tcase_add_test(test, sql_is_filled_in);
	tcase_add_test(test, indexes_have_the_applications_names);
	suite_add_tcase(suite, test);
	return suite;
}
