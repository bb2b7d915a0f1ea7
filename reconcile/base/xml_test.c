#include "base/buf.h"
#include "base/test_main.h"
#include "base/xml.h"

#include <string.h>

static const char sample[] = "<?xml version=\"1.0\"?>\n"
                             "<R xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\n"
                             "  <A><B n=\"1\">one</B><B> two &amp; &#233; </B><C/><B>three</B></A>\n"
                             "  <N>42</N><M>-7x</M><T>true</T><E></E>\n"
                             "  <D><![CDATA[<raw>]]></D>\n"
                             "</R>";

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

static int parse(const char *text, const struct xml_node **root)
{
	return xml_parse(arena, text, strlen(text), root, &err);
}

START_TEST(reads_paths_and_values)
{
	const struct xml_node *root;

	ck_assert_int_eq(parse(sample, &root), 0);
	ck_assert_str_eq(root->name, "R");
	ck_assert_str_eq(root->text, "");
	ck_assert_str_eq(xml_text(root, "A/B"), "one");
	ck_assert_str_eq(xml_text(root, "A/C"), "");
	ck_assert_str_eq(xml_text(root, "D"), "<raw>");
	ck_assert_ptr_null(xml_text(root, "A/X"));
	ck_assert_ptr_null(xml_text(root, "X/B"));
	ck_assert_ptr_null(xml_text(NULL, "A"));
	ck_assert_int_eq(xml_int(root, "N", -1), 42);
	ck_assert_int_eq(xml_int(root, "M", -1), -1);
	ck_assert_int_eq(xml_int(root, "E", -1), -1);
	ck_assert_int_eq(xml_int(root, "X", 5), 5);
	ck_assert(xml_bool(root, "T"));
	ck_assert(!xml_bool(root, "N"));
	ck_assert(!xml_bool(root, "X"));
}
END_TEST

START_TEST(walks_repeated_elements)
{
	static const char *const expected[] = {"one", " two & \xc3\xa9 ", "three"};
	const struct xml_node *root, *item;
	size_t count = 0;

	ck_assert_int_eq(parse(sample, &root), 0);
	for (item = xml_child(root, "A/B"); item != NULL && count < 3; item = xml_next(item))
		ck_assert_str_eq(item->text, expected[count++]);
	ck_assert_uint_eq(count, 3);
	ck_assert_ptr_null(item);
}
END_TEST

START_TEST(refuses_what_is_not_well_formed)
{
	static const char *const bad[] = {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&nbsp;</a>", "<a>\xff</a>"};
	const struct xml_node *root;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(parse(bad[i], &root), -1);
		ck_assert_int_eq(err.code, ERROR_PROTOCOL);
	}
}
END_TEST

START_TEST(refuses_entity_declarations)
{
	const struct xml_node *root;

	ck_assert_int_eq(parse("<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>", &root), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "document type"));
	ck_assert_int_eq(parse("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", &root), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "document type"));
}
END_TEST

static int parse_nested(size_t depth)
{
	struct buf buf = {0};
	const struct xml_node *root;
	int rc;

	for (size_t i = 0; i < depth; i++)
		buf_puts(&buf, "<a>");
	for (size_t i = 0; i < depth; i++)
		buf_puts(&buf, "</a>");
	rc = xml_parse(arena, buf.bytes, buf.length, &root, &err);
	buf_free(&buf);
	return rc;
}

START_TEST(bounds_depth)
{
	ck_assert_int_eq(parse_nested(XML_LIMIT_DEPTH), 0);
	ck_assert_int_eq(parse_nested(XML_LIMIT_DEPTH + 1), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "deep"));
}
END_TEST

START_TEST(bounds_number_of_elements)
{
	struct buf buf = {0};
	const struct xml_node *root;

	buf_puts(&buf, "<r>");
	for (size_t i = 0; i < XML_LIMIT_NODES; i++)
		buf_puts(&buf, "<a/>");
	buf_puts(&buf, "</r>");
	ck_assert_int_eq(xml_parse(arena, buf.bytes, buf.length, &root, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "too many"));
	ck_assert_int_eq(xml_parse(arena, buf.bytes, XML_LIMIT_BYTES + 1, &root, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "larger"));
	buf_free(&buf);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("xml");
	TCase *tests = tcase_create("xml");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, reads_paths_and_values);
	tcase_add_test(tests, walks_repeated_elements);
	tcase_add_test(tests, refuses_what_is_not_well_formed);
	tcase_add_test(tests, refuses_entity_declarations);
	tcase_add_test(tests, bounds_depth);
	tcase_add_test(tests, bounds_number_of_elements);
	suite_add_tcase(suite, tests);
	return suite;
}
