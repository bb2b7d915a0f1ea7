#include "daemon/source_git.h"
#include "base/file.h"
#include "daemon/child.h"
#include "daemon/git_command.h"
#include "daemon/git_kept.h"
#include "daemon/git_repository.h"
#include "daemon/git_tree.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_MS 30000
#define DEPTH "100"                           /* commits: to see whether history was rewritten */
#define LISTING_MAX ((size_t)8 * 1024 * 1024) /* bytes */
#define ANSWERS_MAX (GIT_TREE_BYTES + (size_t)GIT_TREE_FILES * 128)

static const char remote_commit[] = GIT_REMOTE_REF "^{commit}";
static const char depth_option[] = "--depth=" DEPTH;

const struct source_git_limits source_git_limits = {
    .fetch_ms = 120000,
    .pack_bytes = (size_t)256 * 1024 * 1024,
    .repository_bytes = (uint64_t)512 * 1024 * 1024,
    .packs = 100,
};

struct source_git {
	struct source_git_options options;
	struct arena *arena;
	struct event *begin;
	struct child *child;
	const char *kept;       /* the repository */
	const char *repository; /* the same, or the new one that is to take its place */
	const char *gnupg;
	const char *const *environment;
	bool check;                     /* of a signature, and no more */
	bool completed;                 /* all history was asked for */
	char said[CHILD_LAST_LINE_MAX]; /* why it failed, or the last line so far */
	bool said_why;
	struct git_tree tree;
	const char *written; /* the checkout, until it is handed out */
	struct source_git_result result;
};

static void finish(struct source_git *look)
{
	look->options.ended(look->options.context, &look->result);
	source_git_abandon(look);
}

static void fail(struct source_git *look, const char *error)
{
	look->result.error = error;
	finish(look);
}

static bool is_fine(const struct child_result *result)
{
	return result->outcome.ending == PROCESS_EXITED && result->outcome.code == 0;
}

/* "fetching ended with exit code 128: Permission denied (publickey)." */
static void fail_with(struct source_git *look, const char *what, const struct child_result *result, const char *words)
{
	const char *separator = *words != '\0' ? ": " : "";
	char ending[128];

	process_describe(&result->outcome, ending, sizeof(ending));
	if (result->too_long)
		fail(look, arena_printf(look->arena, "%s gave more than is taken", what));
	else
		fail(look, arena_printf(look->arena, "%s %s%s%s", what, ending, separator, words));
}

static void fail_step(struct source_git *look, const char *what, const struct child_result *result)
{
	fail_with(look, what, result, result->last_line);
}

static void refuse(struct source_git *look, const char *why)
{
	look->result.refused = true;
	fail(look, why);
}

static bool says_why(const char *line)
{
	return strncmp(line, "fatal:", 6) == 0 || strncmp(line, "error:", 6) == 0 || strstr(line, "ERROR:") != NULL ||
	       strstr(line, "Permission denied") != NULL;
}

/*
 * A server may greet first, and git ends with what can be said of anything: "Please make sure you have the correct
 * access rights". It says of SSH only that it could not read; why is what ssh said before.
 */
static void take_line(void *context, const char *line)
{
	struct source_git *look = context;
	bool generic = strncmp(line, "fatal: Could not read from remote repository", 44) == 0;

	if (look->said_why || *line == '\0')
		return;
	look->said_why = says_why(line);
	if (generic && look->said[0] != '\0')
		return;
	snprintf(look->said, sizeof(look->said), "%s", line);
	process_clean_line(look->said); /* it may have been cut within a character */
}

static void run(struct source_git *look, const char *const *argv, struct child_options options,
                void (*ended)(void *context, const struct child_result *result))
{
	const struct child_callbacks callbacks = {.line = take_line, .ended = ended, .context = look};
	struct error err;

	look->said[0] = '\0';
	look->said_why = false;
	options.argv = argv;
	options.environment = look->environment;
	options.plain_environment = true;
	options.grace_ms = 2000;
	if (options.timeout_ms == 0)
		options.timeout_ms = LOCAL_MS;
	if (child_start(look->options.base, &options, &callbacks, &look->child, &err) != 0)
		fail(look, arena_strdup(look->arena, err.message));
}

static struct git_command new_command(struct source_git *look, const char *const *words)
{
	struct git_command command = git_command_new(look->arena, look->options.git, look->repository);

	for (; words != NULL && *words != NULL; words++)
		git_command_add(look->arena, &command, *words);
	return command;
}

static void end_sync(void *context, const struct child_result *result)
{
	struct source_git *look = context;

	look->child = NULL;
	if (!is_fine(result)) {
		fail_step(look, "writing the commit's files to the disk", result);
		return;
	}
	look->result.checkout = look->written;
	look->written = NULL;
	finish(look);
}

/* All of it is on the disk before anything says that it is there. By a child: it waits for what others write, too. */
static void sync_files(struct source_git *look)
{
	const char *const argv[] = {"sync", "--file-system", look->written, NULL};

	run(look, argv, (struct child_options){.timeout_ms = look->options.limits->fetch_ms}, end_sync);
}

static void end_blobs(void *context, const struct child_result *result)
{
	struct source_git *look = context;
	struct error err;

	look->child = NULL;
	if (!is_fine(result)) {
		fail_step(look, "reading the commit's files", result);
		return;
	}
	look->written = git_kept_new_checkout(look->arena, look->options.state, look->result.commit, &err);
	if (look->written != NULL &&
	    git_tree_write(&look->tree, look->written, result->output, result->length, &err) == 0)
		sync_files(look);
	else
		fail(look, arena_strdup(look->arena, err.message));
}

static void read_blobs(struct source_git *look)
{
	const struct git_command command =
	    new_command(look, (const char *const[]){"cat-file", "--batch", "--buffer", NULL});
	struct buf asked = {0};

	git_tree_ask(&look->tree, &asked);
	run(look, command.words,
	    (struct child_options){.input = asked.bytes, .input_length = asked.length, .output_max = ANSWERS_MAX},
	    end_blobs);
	buf_free(&asked);
}

static void end_listing(void *context, const struct child_result *result)
{
	struct source_git *look = context;
	const char *directory = look->options.git->directory;
	struct error err;

	look->child = NULL;
	if (!is_fine(result) && !result->too_long)
		fail_step(look, "listing the commit's files", result);
	else if (result->too_long)
		refuse(look, "has too many files");
	else if (git_tree_parse(look->arena, result->output, result->length, &look->tree, &err) != 0)
		refuse(look, arena_strdup(look->arena, err.message));
	else if (look->tree.count == 0)
		refuse(look, arena_printf(look->arena, "there are no files in its directory %s",
		                          directory != NULL ? directory : "."));
	else
		read_blobs(look);
}

/* What was fetched may be in force: a new repository takes the old one's place. */
static int keep_repository(struct source_git *look, struct error *err)
{
	int rc = look->repository != look->kept ? git_repository_replace(look->kept, err) : 0;

	look->repository = look->kept;
	return rc;
}

static void list_files(struct source_git *look)
{
	const char *directory = look->options.git->directory;
	bool all = directory == NULL || strcmp(directory, ".") == 0;
	const struct git_command command =
	    new_command(look, (const char *const[]){"ls-tree", "-r", "-z", "-l", "--full-tree", look->result.commit,
	                                            "--", all ? NULL : directory, NULL});

	run(look, command.words, (struct child_options){.output_max = LISTING_MAX}, end_listing);
}

/* Once its repository is the one that is kept. */
static void keep_and(void (*next)(struct source_git *), struct source_git *look)
{
	struct error err;

	if (keep_repository(look, &err) == 0)
		next(look);
	else
		fail(look, arena_strdup(look->arena, err.message));
}

/* Whoever controls the remote can hand out what was signed once: an older commit, with the mistakes of then. */
static void refuse_other(struct source_git *look)
{
	refuse(look,
	       arena_printf(look->arena,
	                    "does not follow from %.12s, which is in force: it is older, or history was rewritten. If "
	                    "that is meant, remove %s, and it is taken at the next look",
	                    look->options.before, git_kept_marker(look->arena, look->options.state)));
}

static void fetch(struct source_git *look, const char *depth);

/* The repository does not have the one before, and does not have all: it is a new one, of the newest commits alone. */
static bool may_be_older(const struct source_git *look, const struct child_result *result)
{
	return result->outcome.code == 128 && !look->completed &&
	       access(arena_printf(look->arena, "%s/shallow", look->repository), F_OK) == 0;
}

static void end_ancestor(void *context, const struct child_result *result)
{
	struct source_git *look = context;
	const bool exited = result->outcome.ending == PROCESS_EXITED, verifies = look->options.git->verify.present;
	const bool follows = is_fine(result);

	look->child = NULL;
	if (!exited || (!follows && result->outcome.code != 1 && result->outcome.code != 128)) {
		fail_step(look, "comparing it with what is in force", result);
		return;
	}
	if (!follows && verifies && may_be_older(look, result)) {
		look->completed = true;
		fetch(look, "--unshallow");
		return;
	}
	if (!follows && verifies) {
		refuse_other(look);
		return;
	}
	if (!follows)
		look->result.note = arena_printf(
		    look->arena, "%.12s does not follow from %.12s: history was rewritten, or is " DEPTH " commits on",
		    look->result.commit, look->options.before);
	keep_and(list_files, look);
}

static void compare_history(struct source_git *look)
{
	struct git_command command;

	if (look->options.before == NULL || strcmp(look->options.before, look->result.commit) == 0) {
		keep_and(list_files, look);
		return;
	}
	command = new_command(look, (const char *const[]){"merge-base", "--is-ancestor", look->options.before,
	                                                  look->result.commit, NULL});
	run(look, command.words, (struct child_options){0}, end_ancestor);
}

/* Its signature is as it must be. */
static void go_on(struct source_git *look)
{
	const char *known = look->options.known;

	if (look->check)
		finish(look);
	else if (known != NULL && strcmp(known, look->result.commit) == 0)
		keep_and(finish, look);
	else
		compare_history(look);
}

static bool is_tag(const struct source_git *look)
{
	return strcmp(look->result.object, look->result.commit) != 0;
}

/* The name that is signed: the ref's is the remote's to choose. */
static bool is_other_tag(const struct source_git *look, const struct child_result *result)
{
	const char *tag = look->options.git->tag, *name = result->output;

	return is_tag(look) &&
	       (tag == NULL || strlen(tag) != strcspn(name, "\n") || strncmp(tag, name, strlen(tag)) != 0);
}

static void refuse_signature(struct source_git *look, const struct child_result *result)
{
	const bool keyring = look->options.git->verify.keyring != NULL;
	const char *words = result->last_line, *separator = *words != '\0' ? ": " : "";

	refuse(look, arena_printf(look->arena, "has no signature by one of %s%s%s",
	                          keyring ? "the keys of the keyring" : "the allowed signers", separator, words));
}

static void end_verify(void *context, const struct child_result *result)
{
	struct source_git *look = context;

	look->child = NULL;
	if (result->outcome.ending != PROCESS_EXITED)
		fail_step(look, "verifying the signature", result);
	else if (!is_fine(result))
		refuse_signature(look, result);
	else if (is_other_tag(look, result))
		refuse(look, "is signed as a tag of another name than the one that is asked for");
	else
		go_on(look);
}

static void verify(struct source_git *look)
{
	struct git_command command = new_command(look, NULL);

	git_command_add_verify(look->arena, &command, &look->options.git->verify);
	git_command_add(look->arena, &command, is_tag(look) ? "verify-tag" : "verify-commit");
	if (is_tag(look))
		git_command_add(look->arena, &command, "--format=%(tag)");
	git_command_add(look->arena, &command, look->result.object);
	run(look, command.words, (struct child_options){.output_max = 4096}, end_verify);
}

static void end_import(void *context, const struct child_result *result)
{
	struct source_git *look = context;

	look->child = NULL;
	if (is_fine(result))
		verify(look);
	else
		fail_step(look, "reading the keyring", result);
}

/* Anew each time, so that a key which is no longer in the keyring does not count. */
static void import_keyring(struct source_git *look)
{
	static const char settings[] = "batch\nno-autostart\ntrust-model always\nno-auto-key-retrieve\n";
	const char *const argv[] = {"gpg", "--batch", "--import", "--", look->options.git->verify.keyring, NULL};
	struct error err;

	if (file_make_directories(look->gnupg, &err) == 0)
		git_kept_remove(look->gnupg);
	if (file_make_directories(look->gnupg, &err) != 0 ||
	    file_replace_private(arena_printf(look->arena, "%s/gpg.conf", look->gnupg), settings, strlen(settings),
	                         &err) != 0)
		fail(look, arena_strdup(look->arena, err.message));
	else
		run(look, argv, (struct child_options){0}, end_import);
}

static void begin_verify(struct source_git *look)
{
	if (look->options.git->verify.keyring != NULL)
		import_keyring(look);
	else
		verify(look);
}

/* Two lines: of the ref itself, which may be a tag's, and of the commit. */
static void end_resolve(void *context, const struct child_result *result)
{
	struct source_git *look = context;
	char ref[65], commit[65];

	look->child = NULL;
	if (!is_fine(result) || sscanf(result->output, "%64[0-9a-f]\n%64[0-9a-f]", ref, commit) != 2) {
		fail_step(look, "finding the commit", result);
		return;
	}
	look->result.commit = arena_strdup(look->arena, commit);
	look->result.object = arena_strdup(look->arena, ref);
	if (look->options.git->verify.present)
		begin_verify(look);
	else
		go_on(look);
}

/* What it left takes no room until the next look, and says why git, which was ended for it, does not. */
static void fail_fetch(struct source_git *look, const struct child_result *result)
{
	const size_t most = look->options.limits->pack_bytes;

	if (git_repository_tidy(look->repository) >= most)
		fail(look, arena_printf(look->arena, "fetching gave more than the %zu MiB that are taken at once",
		                        most / 1024 / 1024));
	else
		fail_with(look, "fetching", result, look->said);
}

static void end_fetch(void *context, const struct child_result *result)
{
	struct source_git *look = context;
	const struct git_command command =
	    new_command(look, (const char *const[]){"rev-parse", GIT_REMOTE_REF, remote_commit, NULL});

	look->child = NULL;
	if (is_fine(result))
		run(look, command.words, (struct child_options){.output_max = 4096}, end_resolve);
	else
		fail_fetch(look, result);
}

/* All that is between what is in force and the tip is fetched, so that it is seen whether the one follows. */
static bool must_reach(const struct source_git *look)
{
	const char *ref = arena_printf(look->arena, "%s/" GIT_REMOTE_REF, look->repository);

	return look->options.git->verify.present && look->options.before != NULL && access(ref, F_OK) == 0;
}

/* `depth`: an option; NULL: all that is not there yet. */
static void fetch(struct source_git *look, const char *depth)
{
	const struct agent_git *git = look->options.git;
	struct git_command command =
	    new_command(look, (const char *const[]){"fetch", "--quiet", "--no-tags", "--force", "--update-shallow",
	                                            "--no-recurse-submodules", "--no-write-fetch-head", NULL});

	if (depth != NULL)
		git_command_add(look->arena, &command, depth);
	git_command_add(look->arena, &command, "--");
	git_command_add(look->arena, &command, git->url);
	git_command_add(look->arena, &command, git_command_refspec(look->arena, git));
	run(look, command.words,
	    (struct child_options){.timeout_ms = look->options.limits->fetch_ms,
	                           .file_max = look->options.limits->pack_bytes},
	    end_fetch);
}

static void end_init(void *context, const struct child_result *result)
{
	struct source_git *look = context;

	look->child = NULL;
	if (is_fine(result))
		fetch(look, must_reach(look) ? NULL : depth_option);
	else
		fail_step(look, "making a repository", result);
}

static void begin(evutil_socket_t fd, short what, void *context)
{
	struct source_git *look = context;
	const struct source_git_limits *limits = look->options.limits;
	struct git_command command;
	struct error err;

	(void)fd, (void)what;
	if (!look->check)
		look->repository =
		    git_repository_choose(look->arena, look->kept, limits->repository_bytes, limits->packs);
	look->environment = git_command_environment(look->arena, look->options.git, look->gnupg, &err);
	if (look->environment == NULL || file_make_directories(look->repository, &err) != 0) {
		fail(look, arena_strdup(look->arena, err.message));
		return;
	}
	if (look->check) {
		begin_verify(look);
		return;
	}
	command = new_command(look, (const char *const[]){"init", "--quiet", "--bare", "--template=", NULL});
	run(look, command.words, (struct child_options){0}, end_init);
}

struct source_git *source_git_start(const struct source_git_options *options)
{
	struct source_git *look = calloc(1, sizeof(*look));
	const struct timeval now = {0};

	if (look == NULL)
		abort();
	look->options = *options;
	look->arena = arena_new();
	look->options.known = arena_strdup(look->arena, options->known);
	look->options.before = arena_strdup(look->arena, options->before);
	look->kept = git_kept_repository(look->arena, options->state);
	look->repository = look->kept;
	look->gnupg = arena_printf(look->arena, "%s/git/gnupg", options->state);
	look->begin = evtimer_new(options->base, begin, look);
	if (look->begin == NULL)
		abort();
	evtimer_add(look->begin, &now);
	return look;
}

struct source_git *source_git_check(const struct source_git_options *options, const struct git_kept *kept)
{
	struct source_git *look = source_git_start(options);

	look->check = true;
	look->result.commit = arena_strdup(look->arena, kept->commit);
	look->result.object = arena_strdup(look->arena, kept->object);
	return look;
}

void source_git_abandon(struct source_git *look)
{
	if (look->child != NULL)
		child_abandon(look->child);
	if (look->written != NULL)
		git_kept_remove(look->written);
	event_free(look->begin);
	arena_free(look->arena);
	free(look);
}

const char *source_git_show_url(struct arena *arena, const char *url)
{
	const char *begin = strstr(url, "://"), *at, *colon;

	if (begin == NULL)
		return arena_strdup(arena, url);
	begin += 3;
	at = memchr(begin, '@', strcspn(begin, "/"));
	if (at != NULL && strncmp(url, "http", 4) == 0)
		return arena_printf(arena, "%.*s%s", (int)(begin - url), url, at + 1);
	colon = at != NULL ? memchr(begin, ':', (size_t)(at - begin)) : NULL;
	if (colon == NULL)
		return arena_strdup(arena, url);
	return arena_printf(arena, "%.*s%s", (int)(colon - url), url, at);
}
