/* Looks at real repositories, by this machine's git. */
#include "daemon/source_git.h"

#include "base/arena.h"
#include "base/test_main.h"
#include "daemon/git_kept.h"
#include "daemon/source.h"

#include <event2/event.h>
#include <fts.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct event_base *base;
static struct agent_git git;
static struct source_git_limits limits;
static struct source_git_result found;
static const char *root, *in_force;

/* In the directory of the test; what it prints is given back without its end. */
static const char *sh(const char *commands)
{
	const char *script = arena_printf(arena, "set -e; cd %s; %s", root, commands);
	char line[256] = "";
	FILE *pipe = popen(script, "r"); /* NOLINT: a shell is what is wanted */

	ck_assert_ptr_nonnull(pipe);
	(void)!fgets(line, sizeof(line), pipe);
	ck_assert_msg(pclose(pipe) == 0, "%s", commands);
	line[strcspn(line, "\n")] = '\0';
	return arena_strdup(arena, line);
}

static void set_up(void)
{
	static const char identity[] = "a@example.com";
	char *made;

	arena = arena_new();
	made = arena_strdup(arena, "/tmp/trueup-git-XXXXXX");
	root = mkdtemp(made);
	ck_assert_ptr_nonnull(root);
	setenv("HOME", root, 1);
	setenv("GIT_AUTHOR_NAME", identity, 1);
	setenv("GIT_AUTHOR_EMAIL", identity, 1);
	setenv("GIT_COMMITTER_NAME", identity, 1);
	setenv("GIT_COMMITTER_EMAIL", identity, 1);
	sh("mkdir state; git init -q -b main remote; mkdir remote/specs");
	git = (struct agent_git){.present = true,
	                         .url = arena_printf(arena, "file://%s/remote", root),
	                         .branch = "main",
	                         .directory = "specs"};
	limits = source_git_limits;
	in_force = NULL;
	base = event_base_new();
}

static void tear_down(void)
{
	event_base_free(base);
	git_kept_remove(root);
	arena_free(arena);
}

static void take_end(void *context, const struct source_git_result *result)
{
	(void)context;
	found = *result;
	found.error = arena_strdup(arena, result->error);
	found.commit = arena_strdup(arena, result->commit);
	found.checkout = arena_strdup(arena, result->checkout);
	found.note = arena_strdup(arena, result->note);
	event_base_loopexit(base, NULL);
}

/* As source.c does it: what is checked out is in force. */
static void look(void)
{
	const struct source_git_options options = {
	    .base = base,
	    .git = &git,
	    .limits = &limits,
	    .state = arena_printf(arena, "%s/state", root),
	    .known = in_force,
	    .before = in_force,
	    .ended = take_end,
	};

	(void)source_git_start(&options);
	event_base_dispatch(base);
	if (found.checkout == NULL)
		return;
	in_force = found.commit;
	git_kept_remove(found.checkout);
}

/* `commands` change the work tree: its commit is the branch's tip. */
static const char *commit(const char *commands, const char *options)
{
	return sh(arena_printf(arena, "cd remote; %s; git add -A; git commit -q -m it %s; git rev-parse HEAD", commands,
	                       options));
}

static void look_and_take(const char *wanted)
{
	look();
	ck_assert_msg(found.error == NULL, "%s", found.error);
	ck_assert_str_eq(in_force, wanted);
}

struct usage {
	size_t bytes, packs, unfinished;
};

static struct usage measure(void)
{
	char *const roots[] = {(char *)arena_printf(arena, "%s/state/git", root), NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL, NULL);
	struct usage usage = {0};
	const FTSENT *entry;

	ck_assert_ptr_nonnull(walk);
	while ((entry = fts_read(walk)) != NULL) {
		if (entry->fts_info != FTS_F)
			continue;
		usage.bytes += (size_t)entry->fts_statp->st_size;
		usage.packs += strstr(entry->fts_name, ".pack") != NULL;
		usage.unfinished += strncmp(entry->fts_name, "tmp_", 4) == 0;
	}
	fts_close(walk);
	return usage;
}

/* Of history that is rewritten again and again, with what is too large in between. */
START_TEST(the_repository_stays_small)
{
	size_t most = 0;
	int i;

	limits.pack_bytes = (size_t)1024 * 1024;
	limits.repository_bytes = (uint64_t)500 * 1024;
	commit("echo a >specs/a.yaml", "");
	for (i = 0; i < 10; i++) {
		if (i % 3 == 2) {
			commit("head -c 1200000 /dev/urandom >specs/b.bin", "--amend");
			look();
			ck_assert_str_eq(found.error, "fetching gave more than the 1 MiB that are taken at once");
			ck_assert_uint_eq(measure().unfinished, 0);
			sh("rm remote/specs/b.bin");
		}
		look_and_take(commit("head -c 100000 /dev/urandom >specs/a.yaml", "--amend"));
		if (i > 0)
			ck_assert_ptr_nonnull(strstr(found.note, "history was rewritten"));
		if (measure().bytes > most)
			most = measure().bytes;
	}
	ck_assert_uint_gt(most, limits.repository_bytes);    /* it did grow past its bound */
	ck_assert_uint_lt(most, (size_t)(500 + 300) * 1024); /* and by no more than one fetch */
}
END_TEST

START_TEST(there_are_few_packs)
{
	size_t most = 0;
	int i;

	limits.packs = 5;
	for (i = 0; i < 8; i++) {
		look_and_take(commit(arena_printf(arena, "echo %d >specs/a.yaml", i), ""));
		ck_assert_ptr_null(found.note);
		if (measure().packs > most)
			most = measure().packs;
	}
	ck_assert_uint_eq(most, 6);
	look_and_take(in_force); /* nothing new, and nothing is kept for it */
	ck_assert_uint_lt(measure().packs, 6);
}
END_TEST

/* Killed between any two steps of the new repository's way into its place. */
START_TEST(a_crash_harms_no_repository)
{
	static const char *const crashes[] = {
	    "cp -r repository.git repository.git.new; rm repository.git.new/HEAD",
	    "cp -r repository.git repository.git.new; mv repository.git repository.git.old",
	    "cp -r repository.git repository.git.old; rm -r repository.git.old/objects",
	    ": >repository.git/refs/trueup/remote; : >repository.git/HEAD",
	    "rm -f repository.git/objects/pack/*",
	    "touch repository.git/shallow.lock repository.git/refs/trueup/remote.lock repository.git/config.lock",
	};
	size_t i;

	look_and_take(commit("echo a >specs/a.yaml", ""));
	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
		sh(arena_printf(arena, "cd state/git; %s", crashes[i]));
		look_and_take(commit(arena_printf(arena, "echo %zu >specs/a.yaml", i), ""));
		ck_assert_str_eq(sh("cd state/git; echo *"), "repository.git revisions");
	}
}
END_TEST

/* Commits are signed by a key that is allowed. */
static void sign(void)
{
	sh("ssh-keygen -q -t ed25519 -N '' -f key; echo \"a@example.com $(cat key.pub)\" >signers; cd remote; "
	   "git config gpg.format ssh; git config user.signingKey ../key; git config commit.gpgSign true");
	git.verify = (struct agent_verify){.present = true, .allowed_signers = arena_printf(arena, "%s/signers", root)};
}

/* Signed once is not wanted now. */
START_TEST(an_older_commit_is_refused)
{
	const char *first, *second;

	sign();
	first = commit("echo a >specs/a.yaml", "");
	second = commit("echo b >specs/a.yaml", "");
	look_and_take(second);
	sh(arena_printf(arena, "cd remote; git reset -q --hard %s", first));
	look();
	ck_assert(found.refused);
	ck_assert_str_eq(found.commit, first);
	ck_assert_ptr_nonnull(strstr(found.error, "does not follow from"));
	ck_assert_ptr_nonnull(strstr(found.error, "remove "));
	commit("echo c >specs/a.yaml", ""); /* beside the second */
	look();
	ck_assert(found.refused);
	in_force = NULL; /* a person says that it is meant */
	look_and_take(sh("cd remote; git rev-parse HEAD"));
}
END_TEST

/* An agent that was away for long, or a repository of many, is no rewritten history. */
START_TEST(what_is_far_behind_is_followed_from)
{
	sign();
	look_and_take(commit("echo a >specs/a.yaml", ""));
	sh("cd remote; tip=$(git rev-parse HEAD); for i in $(seq 110); do "
	   "tip=$(git commit-tree -p $tip -m it HEAD^{tree}); done; git reset -q $tip");
	look_and_take(commit("echo b >specs/a.yaml", ""));
}
END_TEST

/* Of a repository that has grown, or was lost, a new one is made: of its newest commits, if they reach that far back.
 */
START_TEST(what_is_far_behind_is_followed_from_anew)
{
	const char *rewritten;

	sign();
	look_and_take(commit("echo a >specs/a.yaml", ""));
	sh("rm -r state/git/repository.git; cd remote; tip=$(git rev-parse HEAD); for i in $(seq 110); do "
	   "tip=$(git commit-tree -p $tip -m it HEAD^{tree}); done; git reset -q $tip");
	look_and_take(commit("echo b >specs/a.yaml", ""));
	rewritten = sh("rm -r state/git/repository.git; cd remote; git checkout -q --orphan other; "
	               "git commit -q -m it; git branch -f main; git rev-parse HEAD");
	look();
	ck_assert(found.refused);
	ck_assert_str_eq(found.commit, rewritten);
}
END_TEST

/* The remote decides what refs/tags/production is; who signs, which tag it was. */
START_TEST(a_tag_has_the_name_that_was_signed)
{
	const char *one;

	sign();
	git.branch = NULL;
	git.tag = "production";
	one = commit("echo a >specs/a.yaml", "");
	sh("cd remote; git tag -s -m it production; git tag -s -m it productions; git tag -s -m it product");
	look_and_take(one);
	sh("cd remote; git update-ref refs/tags/production productions");
	look();
	ck_assert_str_eq(found.error, "is signed as a tag of another name than the one that is asked for");
	sh("cd remote; git update-ref refs/tags/production product");
	look();
	ck_assert(found.refused);
}
END_TEST

static void set_stand_in(const char *commands);

/* It is not known then whether it follows: nobody is advised to do without. */
START_TEST(a_comparison_that_was_killed_refuses_nothing)
{
	const char *path = arena_strdup(arena, getenv("PATH"));

	sign();
	look_and_take(commit("echo a >specs/a.yaml", ""));
	commit("echo b >specs/a.yaml", "");
	set_stand_in("case \"$*\" in *merge-base*) kill -9 $$;; esac");
	look();
	setenv("PATH", path, 1);
	ck_assert(!found.refused);
	ck_assert_str_eq(found.error, "comparing it with what is in force was killed by signal 9 (Killed)");
	look_and_take(sh("cd remote; git rev-parse HEAD"));
}
END_TEST

static const struct {
	const char *entries; /* of specs/, as printf makes them of a blob's id */
	const char *says;
} trees[] = {
    {"120000 blob %s\\tlink.yaml\\n", "specs/link.yaml: is a symbolic link; only plain files are taken"},
    {"160000 commit 1111111111111111111111111111111111111111\\tmodule\\n",
     "specs/module: is a submodule; only plain files are taken"},
    {"100644 blob %s\\ta\\\\\\\\b\\n", "specs/a\\b: is a name that is not taken"},
    {"100644 blob %s\\tcaf\\351\\n", "specs/caf?: is a name that is not taken"},
    {"100644 blob %s\\t..\\n", "fetching ended with exit code 128: error: object "},
    {"100644 blob %s\\t.git\\n", "fetching ended with exit code 128: error: object "},
    {"100644 blob %s\\ta$i\\n", "has more than 4096 files"},
};

/* What no git of a person makes, but a git of somebody else may. */
START_TEST(a_tree_that_may_do_harm_is_refused)
{
	const char *many = strstr(trees[_i].entries, "$i") != NULL ? "$(seq 4097)" : "1";

	sh(arena_printf(arena,
	                "cd remote; id=$(echo x | git hash-object -w --stdin); "
	                "specs=$(for i in %s; do printf \"%s\" $id; done | git mktree --missing); "
	                "top=$(printf \"040000 tree %%s\\tspecs\\n\" $specs | git mktree); "
	                "git update-ref refs/heads/main $(git commit-tree -m it $top)",
	                many, trees[_i].entries));
	look();
	ck_assert_ptr_nonnull(found.error);
	ck_assert_msg(strstr(found.error, trees[_i].says) == found.error, "%s", found.error);
	ck_assert(found.checkout == NULL);
}
END_TEST

/* A program that writes down what it is given, in `seen`, and goes on as another. */
static const char *make_stand_in(const char *name, const char *commands)
{
	sh(arena_printf(arena,
	                "mkdir -p bin; echo '#!/bin/sh' >bin/%s; echo 'env >>%s/seen; %s' >>bin/%s; chmod +x bin/%s",
	                name, root, commands, name, name));
	return arena_printf(arena, "%s/bin", root);
}

static void set_path(const char *folder)
{
	setenv("PATH", arena_printf(arena, "%s:%s", folder, getenv("PATH")), 1);
}

static void set_stand_in(const char *commands)
{
	const char *path = arena_strdup(arena, getenv("PATH"));

	commands = arena_printf(arena, "%s; PATH=%s exec git \"$@\"", commands, path);
	set_path(make_stand_in("git", commands));
}

/* What was checked out is on disk before it can be in force; or is not there, and not in force. */
START_TEST(what_is_checked_out_is_on_disk)
{
	const char *tip = commit("echo a >specs/a.yaml", "");

	set_path(make_stand_in("sync", "test -s $2/specs/a.yaml && echo $2 >$0.ran; test -e $0.works"));
	look();
	ck_assert_str_eq(found.error, "writing the commit's files to the disk ended with exit code 1");
	ck_assert_ptr_null(found.checkout);
	ck_assert_str_eq(sh("ls state/git/revisions"), "");
	sh("touch bin/sync.works");
	look_and_take(tip);
	ck_assert_str_eq(sh("cat bin/sync.ran"), found.checkout);
}
END_TEST

static const struct {
	const char *lines, *says;
} failures[] = {
    {"Welcome to the forge\\ngit@h: Permission denied (publickey).\\nfatal: Could not read from remote repository.\\n"
     "\\nPlease make sure\\n",
     "git@h: Permission denied (publickey)."},
    {"Welcome\\nssh: connect to host h port 22: Connection refused\\nfatal: Could not read from remote repository.\\n",
     "ssh: connect to host h port 22: Connection refused"},
    {"remote: \\nremote: ERROR: The project is not there.\\nremote: \\nfatal: Could not read from remote "
     "repository.\\n",
     "remote: ERROR: The project is not there."},
    {"Welcome\\nerror: object 1: bad\\nfatal: fsck error\\n", "error: object 1: bad"},
    {"Welcome\\nfatal: unable to access\\nand so on\\n", "fatal: unable to access"},
    {"fatal: Could not read from remote repository.\\n\\nPlease make sure\\n",
     "fatal: Could not read from remote repository."},
    {"Welcome\\nit failed\\n", "it failed"},
};

/* Not with a server's greeting. */
START_TEST(a_fetch_says_why_it_failed)
{
	set_stand_in(arena_printf(arena, "case \"$*\" in *\" fetch \"*) printf \"%s\" >&2; exit 128;; esac",
	                          failures[_i].lines));
	look();
	ck_assert_str_eq(found.error, arena_printf(arena, "fetching ended with exit code 128: %s", failures[_i].says));
}
END_TEST

START_TEST(a_url_is_shown_without_what_may_be_secret)
{
	static const char *const urls[][2] = {
	    {"https://token@h/a", "https://h/a"}, {"https://a:b@h/a@b", "https://h/a@b"},
	    {"https://h/a@b", "https://h/a@b"},   {"ssh://git@h/a", "ssh://git@h/a"},
	    {"ssh://git:b@h/a", "ssh://git@h/a"}, {"git@h:a", "git@h:a"}};
	size_t i;

	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		ck_assert_str_eq(source_git_show_url(arena, urls[i][0]), urls[i][1]);
}
END_TEST

static void take_change(void *context)
{
	(void)context;
	event_base_loopexit(base, NULL);
}

static void ignore(void *context)
{
	(void)context;
}

/* Neither what fetches, verifies nor reads specs has any business with AWS. */
START_TEST(credentials_are_for_runs_alone)
{
	const char *path = arena_strdup(arena, getenv("PATH"));
	const struct agent_config config = {.specs.path = root};
	struct source_options options = {
	    .base = base, .config = &config, .state = root, .observer = {ignore, take_change, NULL}};
	struct source *source;
	const char *tip;

	setenv("AWS_SECRET_ACCESS_KEY", "not-for-them", 1);
	sign();
	commit("echo a >specs/a.yaml", "");
	tip = sh("cd remote; git rev-parse HEAD");
	set_stand_in("true");
	look_and_take(tip);
	setenv("PATH", path, 1);
	sh("grep -q ^GIT_ASKPASS= seen");
	options.program = arena_printf(arena, "%s/validate", make_stand_in("validate", "echo READER=1 >>$0.ran"));
	source = source_new(&options);
	event_base_dispatch(base);
	source_free(source);
	sh("test -s seen; test -s bin/validate.ran");
	ck_assert_str_eq(sh("grep -c not-for-them seen || true"), "0");
}
END_TEST

/* A server that says nothing is not waited for, and neither is what speaks with it. */
START_TEST(a_silent_remote_takes_its_time_only)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	git.url = arena_printf(arena, "http://127.0.0.1:%d/remote", ntohs(address.sin_port));
	limits.fetch_ms = 500;
	look();
	ck_assert(!found.refused);
	ck_assert_str_eq(found.error, "fetching was ended: it took too long");
	close(listener);
}
END_TEST

/* Little to send, much to unpack: it is never held as a whole, nor written. */
START_TEST(files_that_are_too_large_are_refused)
{
	sh("cd remote; git config core.bigFileThreshold 1m; truncate -s 70M specs/b.bin");
	commit("echo a >specs/a.yaml", "");
	set_stand_in("ulimit -d 65536");
	look();
	ck_assert_str_eq(found.error, "has files of more than 64 MiB together");
	ck_assert(found.refused);
}
END_TEST

/* Of a repository that has grown a new one is made, but not with each look while what it has is refused. */
START_TEST(what_is_refused_is_fetched_once)
{
	static const char list[] = "ls -i state/git/repository.git.new/objects/pack/*.pack";
	const char *fetched;

	limits.packs = 1;
	sign();
	look_and_take(commit("echo a >specs/a.yaml", ""));
	look_and_take(commit("echo b >specs/a.yaml", ""));
	commit("echo c >specs/a.yaml", "--no-gpg-sign");
	look();
	ck_assert(found.refused);
	fetched = sh(list);
	look();
	ck_assert(found.refused);
	ck_assert_str_eq(sh(list), fetched);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("source_git");
	TCase *test = tcase_create("source_git");

	tcase_add_checked_fixture(test, set_up, tear_down);
	tcase_set_timeout(test, 120);
	tcase_add_test(test, the_repository_stays_small);
	tcase_add_test(test, there_are_few_packs);
	tcase_add_test(test, what_is_refused_is_fetched_once);
	tcase_add_test(test, a_crash_harms_no_repository);
	tcase_add_test(test, what_is_checked_out_is_on_disk);
	tcase_add_loop_test(test, a_tree_that_may_do_harm_is_refused, 0, sizeof(trees) / sizeof(trees[0]));
	tcase_add_test(test, a_silent_remote_takes_its_time_only);
	tcase_add_test(test, files_that_are_too_large_are_refused);
	tcase_add_loop_test(test, a_fetch_says_why_it_failed, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(test, a_url_is_shown_without_what_may_be_secret);
	tcase_add_test(test, credentials_are_for_runs_alone);
	tcase_add_test(test, an_older_commit_is_refused);
	tcase_add_test(test, what_is_far_behind_is_followed_from);
	tcase_add_test(test, what_is_far_behind_is_followed_from_anew);
	tcase_add_test(test, a_comparison_that_was_killed_refuses_nothing);
	tcase_add_test(test, a_tag_has_the_name_that_was_signed);
	suite_add_tcase(suite, test);
	return suite;
}
