#include "deployment.h"

#include "aws/client.h"
#include "base/log.h"
#include "daemon/history.h"
#include "daemon/state.h"
#include "output.h"
#include "parallel.h"
#include "report/report.h"
#include "revision.h"
#include "run/lock.h"
#include "spec/load.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Side by side. Each has threads of its own besides, and shares the account's request quotas with the others. */
#define DEPLOYMENTS_AT_ONCE 4

struct run_options deployments_run_options(const struct command_context *context)
{
	const struct options *options = context->options;
	bool progress = isatty(STDERR_FILENO) && !options->quiet && options->log_format == LOG_TEXT;
	struct run_options run = {
	    .only = options->only,
	    .only_count = options->only_count,
	    .wait = terminal_is_interactive() ? RUN_WAIT_UNLIMITED : 0,
	    .show_progress = progress,
	    .events = options->events,
	    .trigger = options->trigger,
	    .revision = options->revision,
	    .stop = context->stop,
	};

	if ((options->given & OPTION_BIT(OPTION_WAIT)) != 0)
		run.wait = options->wait;
	return run;
}

/* Half of an account's quotas is for the people who are signing in; those who run side by side share the other half. */
static double share_quota(size_t count)
{
	size_t at_once = count < DEPLOYMENTS_AT_ONCE ? count : DEPLOYMENTS_AT_ONCE;

	return at_once == 0 ? 0 : 0.5 / (double)at_once;
}

static int keep_named(struct desired_list *specs, const char *name)
{
	size_t i;

	for (i = 0; i < specs->count; i++) {
		if (strcmp(specs->items[i].metadata.name, name) != 0)
			continue;
		specs->items += i;
		specs->count = 1;
		return 0;
	}
	return -1;
}

enum report_exit deployments_load(struct deployments *deployments, const struct command_context *context,
                                  const struct run_options *run_options, const char *const *arguments, size_t count)
{
	struct run_options options = *run_options;
	struct spec_issues issues = {0};
	size_t i;

	memset(deployments, 0, sizeof(*deployments));
	deployments->context = context;
	if (spec_load(context->arena, arguments, count, &deployments->specs, &issues) != 0)
		return command_complain_issues(&issues);
	if (context->options->deployment != NULL && keep_named(&deployments->specs, context->options->deployment) != 0)
		return command_complain("--deployment: the specs have no deployment %s", context->options->deployment);
	deployments->count = deployments->specs.count;
	deployments->items = arena_array(context->arena, deployments->count, sizeof(*deployments->items));
	options.quota_share = share_quota(deployments->count);
	for (i = 0; i < deployments->count; i++) {
		struct deployment *deployment = &deployments->items[i];

		deployment->desired = &deployments->specs.items[i];
		deployment->run = run_new(deployment->desired, &options);
		deployment->started_at = deployment->finished_at = time(NULL);
	}
	return REPORT_EXIT_FINE;
}

static const struct saved_plan *find_saved(const struct saved_plans *saved, const char *name)
{
	size_t i;

	for (i = 0; i < saved->count; i++)
		if (strcmp(saved->items[i].name, name) == 0)
			return &saved->items[i];
	return NULL;
}

int deployments_keep_saved(struct deployments *deployments, const struct saved_plans *saved, struct error *err)
{
	size_t i, j, kept = 0;

	for (i = 0; i < deployments->count; i++) {
		struct deployment *deployment = &deployments->items[i];

		deployment->saved = find_saved(saved, deployment->desired->metadata.name);
		if (deployment->saved != NULL)
			deployments->items[kept++] = *deployment;
		else
			run_free(deployment->run);
	}
	deployments->count = kept;
	for (i = 0; i < saved->count; i++) {
		for (j = 0; j < kept && deployments->items[j].saved != &saved->items[i]; j++)
			;
		if (j == kept)
			return error_set(err, ERROR_NOT_FOUND, "%s has no deployment %s any more", saved->items[i].file,
			                 saved->items[i].name);
	}
	return 0;
}

void deployments_free(struct deployments *deployments)
{
	size_t i;

	for (i = 0; i < deployments->count; i++)
		run_free(deployments->items[i].run);
}

/* What the threads share. */
struct shift {
	struct deployments *deployments;
	void (*work)(struct deployment *deployment);
};

static void work_on_one(void *context, size_t index)
{
	const struct shift *shift = context;
	struct deployment *deployment = &shift->deployments->items[index];

	shift->work(deployment);
	deployment->finished_at = time(NULL);
}

void deployments_each(struct deployments *deployments, void (*work)(struct deployment *deployment))
{
	struct shift shift = {deployments, work};

	parallel_each(deployments->count, DEPLOYMENTS_AT_ONCE, work_on_one, &shift);
}

void deployment_observe(struct deployment *deployment)
{
	log_info("%s: looking", deployment->desired->metadata.name);
	(void)run_observe(deployment->run, &deployment->observed, &deployment->error);
}

void deployment_plan(struct deployment *deployment)
{
	deployment_observe(deployment);
	if (deployment->error.code == ERROR_NONE)
		deployment->plan = run_plan(deployment->run, &deployment->observed);
}

bool deployment_is_pending(const struct deployment *deployment)
{
	return deployment->error.code == ERROR_NONE && deployment->plan != NULL &&
	       run_has_more(deployment->run, deployment->plan);
}

/* --only as it was given. */
static const char *const *list_only(const struct command_context *context)
{
	const struct options *options = context->options;
	const char **only = arena_array(context->arena, options->only_count, sizeof(*only));
	size_t i;

	for (i = 0; i < options->only_count; i++)
		only[i] = options->only[i].name == NULL
		              ? options->only[i].kind
		              : arena_printf(context->arena, "%s/%s", options->only[i].kind, options->only[i].name);
	return only;
}

static size_t list_calls(const struct run *run, struct report_calls calls[AWS_SERVICE_COUNT])
{
	const struct aws_tally *tally = run_tally(run);
	size_t count = 0;

	for (enum aws_service service = 0; service < AWS_SERVICE_COUNT; service++) {
		const struct aws_tally_item *item = &tally->services[service];

		if (item->calls > 0)
			calls[count++] = (struct report_calls){operation_service(service)->host_prefix, item->calls,
			                                       item->retries, item->throttles};
	}
	return count;
}

/* Where nothing was planned there is an error, which the report then is about. */
static json_t *build_report(const struct deployment *deployment, const struct command_context *context,
                            const char *command, const struct plan *plan)
{
	static const struct plan no_plan = {0};
	const char *region = run_region(deployment->run);
	struct report_calls calls[AWS_SERVICE_COUNT];
	struct report_input input = {
	    .command = command,
	    .desired = deployment->desired,
	    .commit = context->options->revision != NULL ? context->options->revision
	                                                 : revision_find(context->arena, deployment->desired->file),
	    .trigger = context->options->trigger,
	    .account = deployment->observed.account.account,
	    .region = region != NULL ? region : deployment->desired->aws.region,
	    .started_at = deployment->started_at,
	    .finished_at = deployment->finished_at,
	    .only = list_only(context),
	    .only_count = context->options->only_count,
	    .calls = calls,
	    .plan = plan != NULL ? plan : &no_plan,
	    .acted_on = run_acted_on(deployment->run),
	    .stopped = *context->stop,
	    .error = deployment->error.code != ERROR_NONE ? &deployment->error : NULL,
	};

	input.audited = run_audited(deployment->run, &input.audited_count);
	input.calls_count = list_calls(deployment->run, calls);
	return report_build(&input);
}

static struct report_style make_style(const struct options *options, int fd)
{
	return (struct report_style){
	    .color = terminal_has_color(options->color, fd),
	    .quiet = options->quiet,
	    .verbose = options->verbose > 0,
	    .width = terminal_width(fd),
	};
}

static void print_text(const struct deployments *deployments, json_t *const *reports)
{
	struct report_style style = make_style(deployments->context->options, STDOUT_FILENO);
	struct buf text = {0};
	size_t i;

	for (i = 0; i < deployments->count; i++)
		if (!deployments->declined || !deployment_is_pending(&deployments->items[i]))
			report_render_text(reports[i], &style, &text);
	output_buf(&text);
}

static void print_json(json_t *const *reports, size_t count)
{
	struct buf text = {0};
	size_t i;

	for (i = 0; i < count; i++) {
		buf_clear(&text);
		report_render_json(reports[i], &text);
		if (text.length == 0 || text.bytes[text.length - 1] != '\n')
			buf_putc(&text, '\n');
		output_buf(&text);
	}
}

static void print_markdown(json_t *const *reports, size_t count)
{
	struct buf text = {0};

	report_render_markdown((const json_t *const *)reports, count, &text);
	output_buf(&text);
}

/* A run of the agent's is the agent's to keep: it knows, too, of those that came to no report. */
static void keep_run(const struct deployment *deployment, const struct command_context *context, const json_t *report)
{
	const struct options *options = context->options;
	const char *name = deployment->desired->metadata.name, *reason;
	struct state_run run = {
	    .trigger = options->trigger != NULL ? options->trigger : HISTORY_TRIGGER,
	    .revision = json_string_value(json_object_get(json_object_get(report, "spec"), "commit")),
	    .started_at = deployment->started_at,
	    .finished_at = deployment->finished_at,
	    .duration_ms = (int64_t)(deployment->finished_at - deployment->started_at) * 1000,
	    .exit = (int)report_exit_code(report),
	    .report = report,
	    .problem = "",
	    .after = state_judge_report(context->arena, report, &reason),
	};
	struct history_keeper keeper = {.directory = lock_find_directory(context->arena, NULL)};
	struct error err;

	if ((options->given & OPTION_BIT(OPTION_EVENTS)) != 0 || run.exit == REPORT_EXIT_BUSY)
		return;
	caller_find(&keeper.caller);
	if (history_keep(&keeper, name, &run, &err) != 0)
		log_warn("%s: the report is not kept for `trueup history`: %s", name, err.message);
}

enum report_exit deployments_report(const struct deployments *deployments, const char *command)
{
	const struct command_context *context = deployments->context;
	json_t **reports = arena_array(context->arena, deployments->count, sizeof(*reports));
	enum report_exit worst = REPORT_EXIT_FINE;
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		const struct deployment *deployment = &deployments->items[i];
		const struct plan *plan =
		    deployment->plan != NULL ? run_outcome(deployment->run, deployment->plan) : NULL;

		reports[i] = build_report(deployment, context, command, plan);
		worst = report_worse(worst, report_exit_code(reports[i]));
		if (deployments->kept)
			keep_run(deployment, context, reports[i]);
	}
	if (context->options->output == OUTPUT_JSON)
		print_json(reports, deployments->count);
	else if (context->options->output == OUTPUT_MARKDOWN)
		print_markdown(reports, deployments->count);
	else
		print_text(deployments, reports);
	for (i = 0; i < deployments->count; i++)
		json_decref(reports[i]);
	return worst;
}

void deployment_show(const struct deployment *deployment, const struct command_context *context)
{
	struct report_style style = make_style(context->options, STDERR_FILENO);
	json_t *report = build_report(deployment, context, "plan", deployment->plan);
	struct buf text = {0};

	style.quiet = false; /* whoever is asked must see what about */
	report_render_text(report, &style, &text);
	fprintf(stderr, "%s\n", buf_text(&text));
	buf_free(&text);
	json_decref(report);
}
