#include "roff.h"

#include "base/test_main.h"

struct roff_case {
	const char *text;
	const char *source;
};

static void check_text(const char *text, const char *source)
{
	struct buf out = {0};

	roff_text(&out, text);
	ck_assert_str_eq(buf_text(&out), source);
	buf_free(&out);
}

START_TEST(nothing_of_a_text_is_roffs)
{
	static const struct roff_case cases[] = {
	    {"plain", "plain\n"},
	    {".TH at the beginning", "\\&.TH at the beginning\n"},
	    {"'quoted' there", "\\(aqquoted\\(aq there\n"},
	    {"One.\n.two", "One.\n\\&.two\n"},
	    {"C:\\new", "C:\\enew\n"},
	    {"\\fBold", "\\efBold\n"},
	    {"--yes, re-run", "\\-\\-yes, re\\-run\n"},
	    {"\"*/15\" ^ ~", "\\(dq*/15\\(dq \\(ha \\(ti\n"},
	    {"{username: …} → é 𝄞", "{username: \\[u2026]} \\[u2192] \\[u00E9] \\[u1D11E]\n"},
	    {"run `trueup plan --out FILE`: done", "run \\fBtrueup plan \\-\\-out FILE\\fR: done\n"},
	    {"a `.hidden` one", "a \\fB.hidden\\fR one\n"},
	    {"never `closed", "never \\fBclosed\\fR\n"},
	    {"\n one\n  two \n", "one two\n"},
	    {"", "\n"},
	    {"Said (\"so.\") Next? Yes", "Said (\\(dqso.\\(dq)\nNext?\nYes\n"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_text(cases[i].text, cases[i].source);
}
END_TEST

/* A dot that the line's end puts at a beginning is as dangerous as one that stood there. */
START_TEST(a_line_ends_before_it_is_too_long)
{
	check_text("0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 .hidden end",
	           "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\n"
	           "\\&.hidden end\n");
}
END_TEST

/* A character that its text breaks off must not take the end of the text with it. */
START_TEST(broken_utf_8_ends_where_the_text_does)
{
	check_text("a\xe2\x80", "a\\[u0080]\n");
	check_text("a\xf0", "a\\[u0000]\n");
}
END_TEST

START_TEST(paragraphs_and_literal_lines)
{
	struct buf out = {0};

	roff_paragraphs(&out, "One\nline.\n\nTwo.\n");
	ck_assert_str_eq(buf_text(&out), "One line.\n.PP\nTwo.\n");
	buf_clear(&out);
	roff_literal(&out, "spec:\n  a: 'b'\n.c\n\nd: `e`");
	ck_assert_str_eq(buf_text(&out),
	                 ".PP\n.RS 4\n.nf\nspec:\n  a: \\(aqb\\(aq\n\\&.c\n\nd: \\(gae\\(ga\n.fi\n.RE\n");
	buf_clear(&out);
	roff_inline(&out, "trueup-agent \"x\"");
	ck_assert_str_eq(buf_text(&out), "trueup\\-agent \\(dqx\\(dq");
	buf_free(&out);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("roff");
	TCase *tcase = tcase_create("roff");

	tcase_add_test(tcase, nothing_of_a_text_is_roffs);
	tcase_add_test(tcase, a_line_ends_before_it_is_too_long);
	tcase_add_test(tcase, broken_utf_8_ends_where_the_text_does);
	tcase_add_test(tcase, paragraphs_and_literal_lines);
	suite_add_tcase(suite, tcase);
	return suite;
}
