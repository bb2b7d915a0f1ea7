#include "base/record.h"
#include "base/test_main.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum color { RED, GREEN };
static const char *const color_words[] = {"red", "green", NULL};

struct leaf {
	const char *name;
	int64_t rows;
};

struct tree {
	bool seen;
	enum color color;
	struct leaf root;
	struct leaf *leaves;
	size_t leaf_count;
	const char **notes;
	size_t note_count;
};

static const struct record_field leaf_fields[] = {
    RECORD_STRING(struct leaf, name, "name"),
    RECORD_INT(struct leaf, rows, "rows"),
    RECORD_END,
};
static const struct record leaf_record = {sizeof(struct leaf), leaf_fields};

static const struct record_field tree_fields[] = {
    RECORD_BOOL(struct tree, seen, "seen"),
    RECORD_WORD(struct tree, color, "color", color_words),
    RECORD_OBJECT(struct tree, root, "root", &leaf_record),
    RECORD_LIST(struct tree, leaves, leaf_count, "leaves", &leaf_record),
    RECORD_STRINGS(struct tree, notes, note_count, "notes"),
    RECORD_END,
};
static const struct record tree_record = {sizeof(struct tree), tree_fields};

#define WHOLE                                                                                                          \
	"{\"seen\":true,\"color\":\"green\",\"root\":{\"name\":null,\"rows\":-3},"                                     \
	"\"leaves\":[{\"name\":\"a\",\"rows\":1},{\"name\":\"\xc3\xa9\",\"rows\":9000000000}],"                        \
	"\"notes\":[\"x\"]}"

static struct arena *arena;
static struct error err;

static void set_up(void)
{
	arena = arena_new();
}

static void tear_down(void)
{
	arena_free(arena);
}

static int read_text(const char *text, struct tree *tree)
{
	json_t *json = json_loads(text, 0, NULL);
	int rc;

	ck_assert_ptr_nonnull(json);
	rc = record_from_json(&tree_record, arena, json, tree, &err);
	json_decref(json);
	return rc;
}

static void assert_written(const void *data, const char *wanted)
{
	json_t *json = record_to_json(&tree_record, data);
	char *text = json_dumps(json, JSON_COMPACT);

	ck_assert_str_eq(text, wanted);
	free(text);
	json_decref(json);
}

START_TEST(what_is_read_is_written_again)
{
	struct tree tree;

	ck_assert_int_eq(read_text(WHOLE, &tree), 0);
	ck_assert_int_eq(tree.color, GREEN);
	ck_assert_int_eq(tree.leaves[1].rows, 9000000000);
	assert_written(&tree, WHOLE);
}
END_TEST

START_TEST(absent_keys_are_zero)
{
	struct tree tree;

	memset(&tree, 0xff, sizeof(tree));
	ck_assert_int_eq(read_text("{\"notes\":null}", &tree), 0);
	ck_assert(!tree.seen);
	ck_assert_ptr_null(tree.root.name);
	ck_assert_uint_eq(tree.note_count, 0);
}
END_TEST

static const struct {
	const char *text;
	const char *path; /* that the error must name */
} wrong[] = {
    {"{\"seen\":1}", "seen"},
    {"{\"color\":\"blue\"}", "color"},
    {"{\"root\":{\"nam\":\"x\"}}", "root.nam"},
    {"{\"leaves\":[{},{\"rows\":\"1\"}]}", "leaves[1].rows"},
    {"{\"leaves\":{}}", "leaves"},
    {"{\"notes\":[1]}", "notes"},
    {"{\"root\":[]}", "root"},
    {"[]", "the document"},
};

START_TEST(wrong_documents_name_the_place)
{
	struct tree tree;

	ck_assert_int_eq(read_text(wrong[_i].text, &tree), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_mem_eq(err.message, wrong[_i].path, strlen(wrong[_i].path));
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_escaped)
{
	struct tree tree = {.root = {.name = "a\xff"}};
	json_t *json = record_to_json(&tree_record, &tree);

	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json, "root"), "name")), "a\\xFF");
	json_decref(json);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("record");
	TCase *cases = tcase_create("all");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, what_is_read_is_written_again);
	tcase_add_test(cases, absent_keys_are_zero);
	tcase_add_loop_test(cases, wrong_documents_name_the_place, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(cases, bytes_that_are_not_utf8_are_escaped);
	suite_add_tcase(suite, cases);
	return suite;
}
