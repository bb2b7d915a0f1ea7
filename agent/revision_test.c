#include "revision.h"

#include "base/file.h"
#include "base/test_main.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMIT "28a0e99d8dd8aa63fb4d3f39b6f2bc4fb3cf6ef2"
#define OTHER "0123456789abcdef0123456789abcdef01234567"

static struct arena *arena;
static char root[] = "/tmp/trueup-revision-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

static void set_up(void)
{
	arena = arena_new();
	memset(root + strlen(root) - 6, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void tear_down(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(arena);
}

static const char *at(const char *path)
{
	return arena_printf(arena, "%s/%s", root, path);
}

/* A file and the directories that it needs. */
static void put(const char *path, const char *text)
{
	char *directory = arena_strdup(arena, at(path));
	struct error err;

	*strrchr(directory, '/') = '\0';
	ck_assert_int_eq(file_make_directories(directory, &err), 0);
	ck_assert_int_eq(file_replace(at(path), text, strlen(text), &err), 0);
}

static void expect(const char *path, const char *commit)
{
	const char *found = revision_find(arena, at(path));

	if (commit == NULL)
		ck_assert_ptr_null(found);
	else
		ck_assert_str_eq(found, commit);
}

START_TEST(a_branch)
{
	put("tree/.git/HEAD", "ref: refs/heads/main\n");
	put("tree/.git/refs/heads/main", COMMIT "\n");
	put("tree/specs/deep/production.yaml", "");
	expect("tree/specs/deep/production.yaml", COMMIT);
	expect("tree/none.yaml", NULL);
}
END_TEST

START_TEST(a_detached_head)
{
	put("tree/.git/HEAD", COMMIT "\n");
	put("tree/a.yaml", "");
	expect("tree/a.yaml", COMMIT);
}
END_TEST

START_TEST(packed_refs)
{
	put("tree/.git/HEAD", "ref: refs/heads/main\n");
	put("tree/.git/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n" OTHER
	                             " refs/heads/maintenance\n" COMMIT " refs/heads/main\n^" OTHER "\n");
	put("tree/a.yaml", "");
	expect("tree/a.yaml", COMMIT);
	put("tree/.git/refs/heads/main", OTHER "\n"); /* loose ones are newer */
	expect("tree/a.yaml", OTHER);
}
END_TEST

START_TEST(a_work_tree_of_its_own)
{
	put("main/.git/refs/heads/feature", COMMIT "\n");
	put("main/.git/worktrees/feature/HEAD", "ref: refs/heads/feature\n");
	put("main/.git/worktrees/feature/commondir", "../..\n");
	put("feature/.git", arena_printf(arena, "gitdir: %s/main/.git/worktrees/feature\n", root));
	put("feature/a.yaml", "");
	expect("feature/a.yaml", COMMIT);
	put("feature/.git", "gitdir: ../main/.git/worktrees/feature\n");
	expect("feature/a.yaml", COMMIT);
}
END_TEST

START_TEST(a_link_to_a_spec_is_where_it_leads)
{
	put("tree/.git/HEAD", COMMIT "\n");
	put("tree/a.yaml", "");
	ck_assert_int_eq(symlink("tree/a.yaml", at("link.yaml")), 0);
	expect("link.yaml", COMMIT);
}
END_TEST

START_TEST(what_is_no_revision)
{
	ck_assert_ptr_null(revision_find(arena, "-"));
	put("outside.yaml", "");
	put("tree/a.yaml", "");
	put("tree/.git/HEAD", "ref: refs/heads/unborn\n");
	expect("tree/a.yaml", NULL);
	put("tree/.git/HEAD", "not a commit\n");
	expect("tree/a.yaml", NULL);
	put("tree/.git/HEAD", "\n");
	expect("tree/a.yaml", NULL);
	put("tree/.git/HEAD", "ref: refs/heads/loop\n");
	put("tree/.git/refs/heads/loop", "ref: refs/heads/loop\n");
	expect("tree/a.yaml", NULL);
}
END_TEST

START_TEST(a_ref_does_not_lead_out)
{
	put("secret", COMMIT "\n");
	put("tree/a.yaml", "");
	put("tree/.git/refs/kept", "");
	put("tree/.git/HEAD", "ref: refs/../../../secret\n");
	expect("tree/a.yaml", NULL);
	put("tree/.git/HEAD", arena_printf(arena, "ref: %s\n", at("secret")));
	expect("tree/a.yaml", NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("revision");
	TCase *tcase = tcase_create("revision");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_branch);
	tcase_add_test(tcase, a_detached_head);
	tcase_add_test(tcase, packed_refs);
	tcase_add_test(tcase, a_work_tree_of_its_own);
	tcase_add_test(tcase, a_link_to_a_spec_is_where_it_leads);
	tcase_add_test(tcase, what_is_no_revision);
	tcase_add_test(tcase, a_ref_does_not_lead_out);
	suite_add_tcase(suite, tcase);
	return suite;
}
