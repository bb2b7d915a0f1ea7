#include "base/test_main.h"
#include "spec/desired.h"
#include "spec/field.h"
#include "spec/read.h"

#include <string.h>

#define SCHEMA "specs/schema/trueup.schema.json"

/* Read text as the value of a field, as a spec would have it; the issues as text. */
static const char *read_as(struct arena *arena, const struct field *field, const char *text)
{
	static const struct tree_limits limits = {.nodes = 1000, .depth = 20};
	struct tree_documents documents = {0};
	struct tree_problem problem = {0};
	struct spec_issues issues = {0};
	struct shapes shapes = {0};
	struct buf out = {0};
	struct reader reader = {.arena = arena,
	                        .document = field_document,
	                        .file = "test",
	                        .directory = ".",
	                        .issues = &issues,
	                        .shapes = &shapes};
	const char *found;

	if (tree_parse(arena, text, strlen(text), &limits, &documents, &problem) != 0)
		return problem.message;
	read_value(&reader, field, documents.items[0].root, arena_alloc(arena, sizeof(struct desired)), field->key);
	spec_issues_print(&issues, &out);
	found = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	shape_free(&shapes);
	return found;
}

/* "a, b" names only words of spec.allow. */
static void check_allow(struct arena *arena, const struct field *field)
{
	const struct field_word *word;
	char *rest, *list = arena_strdup(arena, field->allow != NULL ? field->allow : "");
	char *name;

	for (; (name = strtok_r(list, ", ", &rest)) != NULL; list = NULL) {
		for (word = field_find("spec.allow")->words; word->word != NULL; word++)
			if (strcmp(word->word, name) == 0)
				break;
		ck_assert_msg(word->word != NULL, "%s: no word of allow: %s", field->key, name);
	}
}

static void check_table(struct arena *arena, const struct field *fields)
{
	const struct field *field;
	const struct field_word *word;

	for (field = fields; field->key != NULL; field++) {
		ck_assert_msg(field->text != NULL && *field->text != '\0', "%s has no text", field->key);
		ck_assert_msg(field->example != NULL, "%s has no example", field->key);
		ck_assert_msg((field->pattern == NULL) == (field->shape == NULL), "%s: pattern without words",
		              field->key);
		ck_assert_msg(!field->required || field->fallback == NULL, "%s needs no default", field->key);
		ck_assert_str_eq(read_as(arena, field, field->example), "");
		if (field->fallback != NULL)
			ck_assert_str_eq(read_as(arena, field, field->fallback), "");
		for (word = field->words; word != NULL && word->word != NULL; word++)
			ck_assert_msg(word->text != NULL && *word->text != '\0', "%s has no text", word->word);
		check_allow(arena, field);
		if (field->fields != NULL)
			check_table(arena, field->fields);
	}
}

START_TEST(every_field_is_documented_and_its_default_and_example_are_valid)
{
	struct arena *arena = arena_new();

	check_table(arena, field_document);
	arena_free(arena);
}
END_TEST

START_TEST(words_are_in_the_order_of_the_enums)
{
	static const struct {
		const char *path;
		unsigned number;
		const char *word;
	} rows[] = {
	    {"mode", DESIRED_MODE_PAUSED, "paused"},
	    {"cluster.replace", DESIRED_REPLACE_DEPLOY, "deploy"},
	    {"cluster.replace", DESIRED_REPLACE_RESTORE, "restore"},
	    {"vectors.schema", DESIRED_SCHEMA_IGNORE, "ignore"},
	    {"vectors.index.method", DESIRED_INDEX_IVFFLAT, "ivfflat"},
	    {"vectors.match", DESIRED_MATCH_AT_LEAST, "at-least"},
	    {"vectors.counts.from", DESIRED_COUNTS_SOURCE, "source"},
	    {"vectors.counts.from", DESIRED_COUNTS_INLINE, "inline"},
	    {"vectors.restore.method", DESIRED_RESTORE_COPY, "copy"},
	    {"vectors.restore.method", DESIRED_RESTORE_NONE, "none"},
	    {"vectors.connect.auth", DESIRED_AUTH_IAM, "iam"},
	    {"vectors.connect.sslmode", DESIRED_SSLMODE_DISABLE, "disable"},
	    {"vectors.connect.sslmode", DESIRED_SSLMODE_REQUIRE, "require"},
	    {"vectors.connect.sslmode", DESIRED_SSLMODE_VERIFY_FULL, "verify-full"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(field_find(rows[i].path)->words[rows[i].number].word, rows[i].word);
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_REPLACE_CLUSTER), "replace-cluster");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_REMOVE_PUBLISHED_APIS), "remove-published-apis");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_SUSPEND_ROTATION), "suspend-rotation");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_RUN_EMBEDDING_TASKS), "run-embedding-tasks");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_DELETE_VECTORS), "delete-vectors");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_REBUILD_INDEX), "rebuild-index");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_REMOVE_MEMBERS), "remove-members");
	ck_assert_str_eq(desired_allow_word(DESIRED_ALLOW_SIGN_OUT_USERS), "sign-out-users");
}
END_TEST

START_TEST(fields_are_found_by_path)
{
	static const struct {
		const char *path;
		const char *key; /* NULL: there is none */
	} rows[] = {
	    {"spec", "spec"},
	    {"kind", "kind"},
	    {"metadata.name", "name"},
	    {"spec.vectors.restore", "restore"},
	    {"vectors.restore.from.connect.sslmode", "sslmode"},
	    {"users.groups", "groups"},
	    {"users.groups.members", "members"},
	    {"users.groups.Admin", "groups"},
	    {"spec.users.groups.Admin.members.username", "username"},
	    {"spec.users.groups.Admin.Admin", NULL},
	    {"spec.vectors.table.x", NULL},
	    {"spec.vector", NULL},
	    {"spec..mode", NULL},
	    {".", NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct field *field = field_find(rows[i].path);

		ck_assert_msg((field == NULL) == (rows[i].key == NULL), "%s", rows[i].path);
		if (field != NULL)
			ck_assert_str_eq(field->key, rows[i].key);
	}
}
END_TEST

START_TEST(explain_tells_what_a_field_is)
{
	struct buf out = {0};
	struct error err;

	ck_assert_int_eq(field_explain("vectors.restore.method", &out, &err), 0);
	ck_assert_ptr_eq(strstr(buf_text(&out), "spec.vectors.restore.method (word)\n"), buf_text(&out));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "Default:  copy\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "  replication\n"));
	buf_clear(&out);
	ck_assert_int_eq(field_explain("spec.users.groups.Admin.signOut", &out, &err), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "Allow:    sign-out-users\n"));
	buf_clear(&out);
	ck_assert_int_eq(field_explain(NULL, &out, &err), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&out), "  bots (section)\n"));
	buf_free(&out);
}
END_TEST

START_TEST(explain_suggests)
{
	struct buf out = {0};
	struct error err;

	ck_assert_int_eq(field_explain("spec.vectrs.restore", &out, &err), -1);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	ck_assert_str_eq(err.message, "there is no field spec.vectrs.restore; did you mean spec.vectors.restore?");
	ck_assert_int_eq(field_explain("spec.connect", &out, &err), -1);
	ck_assert_str_eq(err.message, "there is no field spec.connect; did you mean spec.vectors.connect?");
	ck_assert_int_eq(field_explain("connect.secret", &out, &err), -1);
	ck_assert_str_eq(err.message, "there is no field connect.secret; did you mean spec.vectors.connect.secret?");
	ck_assert_int_eq(field_explain("qqqqqqqqqq", &out, &err), -1);
	ck_assert_str_eq(err.message, "there is no field qqqqqqqqqq; `trueup explain` lists them");
	ck_assert_uint_eq(out.length, 0);
	buf_free(&out);
}
END_TEST

START_TEST(the_schema_in_the_repository_is_that_of_the_table)
{
	json_t *kept = json_load_file(SCHEMA, 0, NULL), *made = field_schema();

	ck_assert_ptr_nonnull(kept);
	ck_assert_msg(json_equal(kept, made), "run `trueup explain --schema >" SCHEMA "`");
	json_decref(kept);
	json_decref(made);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("field");
	TCase *tcase = tcase_create("table");

	tcase_add_test(tcase, every_field_is_documented_and_its_default_and_example_are_valid);
	tcase_add_test(tcase, words_are_in_the_order_of_the_enums);
	tcase_add_test(tcase, fields_are_found_by_path);
	tcase_add_test(tcase, explain_tells_what_a_field_is);
	tcase_add_test(tcase, explain_suggests);
	tcase_add_test(tcase, the_schema_in_the_repository_is_that_of_the_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
