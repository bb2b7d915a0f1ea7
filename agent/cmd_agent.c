/*
 * trueup agent: what runs for years. The loop is in daemon/; here is what comes
 * before it: the configuration, the state directory, and that there is one.
 */
#include "command.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/git_kept.h"
#include "daemon/schedule.h"
#include "output.h"
#include "run/lock.h"
#include "spec/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME ".agent" /* no deployment's */
#define TIME_MAX 64

/* "2026-11-26 03:00:12 CET", on the clock of the schedule. */
static void format_time(time_t when, const char *zone, char out[TIME_MAX])
{
	const char *ours = getenv("TZ");
	char *before = ours != NULL ? strdup(ours) : NULL;
	struct tm local;

	if (zone != NULL)
		(void)setenv("TZ", zone, 1);
	tzset();
	localtime_r(&when, &local);
	if (strftime(out, TIME_MAX, "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
		out[0] = '\0';
	if (before != NULL)
		(void)setenv("TZ", before, 1);
	else
		(void)unsetenv("TZ");
	tzset();
	free(before);
}

static void print_next(const struct agent_config *config, const char *name, int64_t count, struct buf *out)
{
	const struct agent_deployment *own = agent_config_find(config, name);
	const struct agent_schedule *schedule =
	    own != NULL && own->schedule.present ? &own->schedule : &config->schedule;
	int64_t splay = schedule_splay(name, config->splay);
	time_t at = time(NULL);
	char text[TIME_MAX];

	if (schedule->cron != NULL) {
		buf_printf(out, "%s: cron %s, time zone %s, %" PRId64 " s of splay\n", name, schedule->cron,
		           schedule->time_zone != NULL ? schedule->time_zone : "of this machine", splay);
	} else {
		clock_format_duration(schedule->every, text, sizeof(text));
		buf_printf(out, "%s: every %s, from %" PRId64 " s after the agent's start, here now\n", name, text,
		           splay);
		at += splay - schedule->every;
	}
	for (; count > 0; count--) {
		at = schedule_regular(schedule, splay, at);
		format_time(at, schedule->cron != NULL ? schedule->time_zone : "UTC", text);
		buf_printf(out, "  %s\n", text);
	}
}

/* Where the specs are that are in force. NULL: they come from a repository, and nothing of it is here yet. */
static const char *find_specs(struct arena *arena, const struct agent_config *config)
{
	struct git_kept kept = {0};

	if (config->specs.path != NULL)
		return config->specs.path;
	if (git_kept_load(arena, lock_find_directory(arena, config->state), &config->specs.git, &kept) != 0)
		return NULL;
	return git_kept_specs(arena, &config->specs.git, kept.checkout);
}

static enum report_exit print_schedule(const struct command_context *context, const struct agent_config *config)
{
	const char *specs = find_specs(context->arena, config);
	struct spec_issues issues = {0};
	struct desired_list list = {0};
	struct buf out = {0};
	size_t i;

	if (specs != NULL && spec_load(context->arena, &specs, 1, &list, &issues) != 0)
		return command_complain_issues(&issues);
	for (i = 0; i < list.count; i++)
		print_next(config, list.items[i].metadata.name, context->options->next, &out);
	for (i = 0; specs == NULL && i < config->deployment_count; i++)
		print_next(config, config->deployments[i].name, context->options->next, &out);
	if (specs == NULL)
		log_warn(
		    "no fetched specs can be read in %s: once the agent has fetched some, and for whoever may read "
		    "them there, each of their deployments is listed",
		    lock_find_directory(context->arena, config->state));
	output_buf(&out);
	return REPORT_EXIT_FINE;
}

/* Absolute, since children may run elsewhere; made, if it is not there. */
static const char *find_directory(struct arena *arena, const struct agent_config *config, struct error *err)
{
	const char *given = lock_find_directory(arena, config->state), *found;
	char *resolved;

	if (file_make_directories(given, err) != 0)
		return NULL;
	resolved = realpath(given, NULL);
	if (resolved == NULL) {
		error_errno(err, "%s", given);
		return NULL;
	}
	found = arena_strdup(arena, resolved);
	free(resolved);
	return found;
}

/* Whoever has its lock is an agent, and no run of a deployment. */
static int take_directory(const char *directory, struct lock **lock, struct error *err)
{
	struct error found;
	const char *holder;

	if (lock_take(directory, LOCK_NAME, lock, &found) == 0)
		return 0;
	*err = found;
	if (found.code != ERROR_BUSY)
		return -1;
	holder = strstr(found.message, ": process ");
	return error_set(err, ERROR_BUSY, "another agent uses the state directory %s%s", directory,
	                 holder != NULL ? holder : "");
}

static enum report_exit complain_of_start(const struct error *err)
{
	log_error("%s", err->message);
	return err->code == ERROR_BUSY ? REPORT_EXIT_BUSY : REPORT_EXIT_FAILED;
}

/* The arena becomes the daemon's. */
static enum report_exit serve(const struct command_context *context, const char *file, struct arena *arena,
                              const struct agent_config *config)
{
	struct daemon_options options = {.config = file, .verbose = context->options->verbose};
	struct lock *lock = NULL;
	struct daemon *daemon = NULL;
	struct error err;

	options.directory = find_directory(context->arena, config, &err);
	if (options.directory == NULL || take_directory(options.directory, &lock, &err) != 0) {
		arena_free(arena);
		return complain_of_start(&err);
	}
	daemon = daemon_new(&options, arena, config, &err);
	if (daemon != NULL)
		daemon_run(daemon);
	daemon_free(daemon);
	lock_release(lock);
	return daemon != NULL ? REPORT_EXIT_FINE : complain_of_start(&err);
}

/* 0, or how to exit: what is not there may come, what is wrong in the file itself stays wrong. */
static enum report_exit load(struct arena *arena, const char *file, bool serves, struct agent_config *config)
{
	struct spec_issues issues = {0};

	if (agent_config_load(arena, file, config, &issues) != 0) {
		(void)command_complain_issues(&issues);
		return strcmp(file, "-") == 0 || access(file, R_OK) == 0 ? REPORT_EXIT_INVALID : REPORT_EXIT_FAILED;
	}
	if (serves && agent_config_check_files(arena, config, &issues) != 0) {
		(void)command_complain_issues(&issues);
		return REPORT_EXIT_FAILED;
	}
	return REPORT_EXIT_FINE;
}

static enum report_exit agent_run(const struct command_context *context)
{
	const struct options *options = context->options;
	const char *file = options->argument_count > 0 ? options->arguments[0] : AGENT_CONFIG_DEFAULT;
	struct arena *arena = arena_new();
	struct agent_config *config = arena_alloc(arena, sizeof(*config));
	enum report_exit code;
	bool serves = options->next == 0;

	if (options->argument_count > 1) {
		arena_free(arena);
		return command_complain("agent takes one configuration");
	}
	code = load(arena, file, serves, config);
	if (code == REPORT_EXIT_FINE && serves)
		return serve(context, file, arena, config);
	if (code == REPORT_EXIT_FINE)
		code = print_schedule(context, config);
	arena_free(arena);
	return code;
}

const struct command cmd_agent = {
    .name = "agent",
    .usage = "[OPTION...] [CONFIGURATION]",
    .summary = "keep deployments as their specs say, on a schedule",
    .text = "Runs until it is told to stop (TERM: its runs end cleanly first; once more: at\n"
            "once). Each reconciliation is a process of its own. Log lines go to standard\n"
            "error: what changed, what was done, and what went wrong; with -v each run, too.\n"
            "HUP reads configuration and specs again; a configuration that is not valid is\n"
            "refused, and the old one kept. USR1 reconciles all deployments now.\n"
            "\n"
            "CONFIGURATION is by default " AGENT_CONFIG_DEFAULT "; `trueup explain agent` documents it.\n"
            "\n"
            "Exits 0 once it was stopped, 1 if a file that it needs cannot be read, 65 if the\n"
            "configuration is not valid, 75 if another agent has the state directory.\n",
    .options = OPTION_BIT(OPTION_NEXT),
    .serves = true,
    .no_aws = true,
    .run = agent_run,
};
