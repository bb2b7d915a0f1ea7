/*
 * trueup apply: observe, plan, ask, act, observe again, report. Everything is
 * asked before anything is done.
 */
#include "command.h"
#include "deployment.h"

#include "base/file.h"
#include "base/log.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SAVED_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* A file argument that is a saved plan: its text. NULL: it is not one, or not readable, which spec_load() will say. */
static const char *read_saved(struct arena *arena, const char *path)
{
	struct error err;
	struct stat st;
	char *text;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    file_read(arena, path, SAVED_MAX_BYTES, &text, NULL, &err) != 0)
		return NULL;
	return saved_is_plan(text) ? text : NULL;
}

/* The saved plan among the arguments: alone, or wrong usage. */
static enum report_exit find_saved(const struct command_context *context, const char **text)
{
	const struct options *options = context->options;
	size_t i;

	*text = NULL;
	for (i = 0; i < options->argument_count && *text == NULL; i++)
		*text = read_saved(context->arena, options->arguments[i]);
	if (*text == NULL || options->argument_count == 1)
		return REPORT_EXIT_FINE;
	return command_complain("%s is a saved plan, which knows its specs: it is given alone",
	                        options->arguments[i - 1]);
}

static void apply_pending(struct deployment *deployment)
{
	if (!deployment_is_pending(deployment))
		return;
	log_info("%s: acting", deployment->desired->metadata.name);
	(void)run_apply(deployment->run, &deployment->observed, &deployment->plan, &deployment->error);
}

/* The names of those with something to do: "production, staging". NULL: there are none. */
static const char *list_pending(const struct deployments *deployments)
{
	struct arena *arena = deployments->context->arena;
	const char *names = NULL;
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		const char *name = deployments->items[i].desired->metadata.name;

		if (deployment_is_pending(&deployments->items[i]))
			names = names == NULL ? name : arena_printf(arena, "%s, %s", names, name);
	}
	return names;
}

static bool confirm(const struct deployments *deployments, const char *names)
{
	const struct command_context *context = deployments->context;
	size_t i;

	if (context->options->yes)
		return true;
	for (i = 0; i < deployments->count; i++)
		if (deployment_is_pending(&deployments->items[i]))
			deployment_show(&deployments->items[i], context);
	return terminal_confirm(
	    arena_printf(context->arena, "Apply these actions to %s? Only 'yes' is accepted:", names), context->stop);
}

/* The reviewed plan holds if a fresh one says the same; where it does not, the deployment's report says why. */
static void check_saved(struct deployments *deployments)
{
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		struct deployment *deployment = &deployments->items[i];

		if (deployment->saved != NULL && deployment->plan != NULL)
			(void)saved_check(deployment->saved, deployment->desired, deployment->plan, &deployment->error);
	}
}

/*
 * With --yes a run goes on by itself. On a terminal, what has been done may
 * show more to do, which is asked about in turn.
 */
static enum report_exit apply_loaded(struct deployments *deployments, bool saved)
{
	const char *names;

	deployments_each(deployments, deployment_plan);
	check_saved(deployments);
	names = list_pending(deployments);
	if (names != NULL && *deployments->context->stop) {
		names = NULL;
	} else if (names != NULL && !confirm(deployments, names)) {
		log_warn("nothing was done");
		deployments->declined = true;
		names = NULL;
	}
	while (names != NULL) {
		deployments_each(deployments, apply_pending);
		names = saved || deployments->context->options->yes ? NULL : list_pending(deployments);
		if (names != NULL && (*deployments->context->stop || !confirm(deployments, names)))
			names = NULL;
	}
	return deployments_report(deployments, "apply");
}

/* Nobody to ask: the same answer whether there is drift today or not, so that a cron job without --yes shows at once.
 */
static enum report_exit refuse_unattended(const struct deployments *deployments)
{
	size_t i;

	if (deployments->context->options->yes || terminal_is_interactive())
		return REPORT_EXIT_FINE;
	for (i = 0; i < deployments->count; i++)
		if (deployments->items[i].desired->mode == DESIRED_MODE_ENFORCE)
			return command_complain("there is no terminal to ask on: say --yes to apply without asking");
	return REPORT_EXIT_FINE;
}

/* Of what the files hold, a reviewed plan may be for a part only. */
static enum report_exit keep_saved(struct deployments *deployments, const struct saved_plans *saved)
{
	struct error err;

	if (saved == NULL || deployments_keep_saved(deployments, saved, &err) == 0)
		return REPORT_EXIT_FINE;
	log_error("%s: the plan is for another state of it. Plan again", err.message);
	return REPORT_EXIT_FAILED;
}

/* saved: the reviewed plans to carry out, of the specs in these files; NULL: whatever is planned now. */
static enum report_exit apply_files(const struct command_context *context, const char *const *files, size_t count,
                                    const struct saved_plans *saved)
{
	struct run_options run_options = deployments_run_options(context);
	struct deployments deployments;
	enum report_exit code;

	run_options.may_write = true; /* of all commands, this one alone says so */
	run_options.reviewed = saved != NULL || !context->options->yes;
	code = deployments_load(&deployments, context, &run_options, files, count);
	deployments.kept = true;
	if (code == REPORT_EXIT_FINE)
		code = keep_saved(&deployments, saved);
	if (code == REPORT_EXIT_FINE)
		code = refuse_unattended(&deployments);
	if (code == REPORT_EXIT_FINE)
		code = apply_loaded(&deployments, saved != NULL);
	deployments_free(&deployments);
	return code;
}

static enum report_exit apply_saved(const struct command_context *context, const struct saved_plans *saved)
{
	const char **files = arena_array(context->arena, saved->count, sizeof(*files));
	size_t i;

	for (i = 0; i < saved->count; i++)
		files[i] = saved->items[i].file;
	return apply_files(context, files, saved->count, saved);
}

static enum report_exit apply_saved_text(const struct command_context *context, const char *text)
{
	struct saved_plans saved;
	enum report_exit code;
	struct error err;

	if (saved_parse(context->arena, text, &saved, &err) != 0) {
		log_error("%s: %s", context->options->arguments[0], err.message);
		return REPORT_EXIT_INVALID;
	}
	if (saved.count == 0) {
		log_error("%s holds no deployment", context->options->arguments[0]);
		code = REPORT_EXIT_INVALID;
	} else {
		code = apply_saved(context, &saved);
	}
	saved_free(&saved);
	return code;
}

static enum report_exit apply_run(const struct command_context *context)
{
	const char *saved;
	enum report_exit code = find_saved(context, &saved);

	if (code != REPORT_EXIT_FINE)
		return code;
	if (saved != NULL)
		return apply_saved_text(context, saved);
	return apply_files(context, context->options->arguments, context->options->argument_count, NULL);
}

const struct command cmd_apply = {
    .name = "apply",
    .usage = "[OPTION...] [SPEC... | PLAN]",
    .summary = "make it so: observe, plan, act, observe again, report",
    .text = "Does what plan says, in that order, and reports what became of it. On a terminal\n"
            "the plan is shown first and asked about; without a terminal --yes must be said.\n"
            "What takes long is started and waited for as --wait says; run apply again to go\n"
            "on from whatever is there. Actions that need a word of spec.allow which is not\n"
            "there, or a person, stand in the report as blocked.\n"
            "\n"
            "PLAN is a file that `trueup plan --out` wrote: just that is done, and nothing if\n"
            "its spec or the world have changed since. Give --only as it was given to plan.\n"
            "\n"
            "Exits 0 if all has converged, 2 if actions are blocked or still under way, 1 if\n"
            "something failed or could not be seen, 75 if another run holds the deployment.\n",
    .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_YES) | OPTION_BIT(OPTION_ONLY) |
               OPTION_BIT(OPTION_DEPLOYMENT) | OPTION_BIT(OPTION_WAIT) | OPTION_BIT(OPTION_TRIGGER) |
               OPTION_BIT(OPTION_REVISION) | OPTION_BIT(OPTION_EVENTS),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON) | COMMAND_OUTPUT(OUTPUT_MARKDOWN),
    .yes = "do it without asking",
    .run = apply_run,
};
