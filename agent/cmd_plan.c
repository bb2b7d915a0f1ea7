/* trueup plan: what differs, and what apply would do. */
#include "command.h"
#include "deployment.h"

#include "base/log.h"
#include "observed_file.h"

#include <string.h>

/* As deployment_plan(), from a file in place of the world. */
static void plan_from_file(struct deployments *deployments, const struct observed_file *file)
{
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		struct deployment *deployment = &deployments->items[i];

		if (observed_file_find(file, deployment->desired->metadata.name, &deployment->observed,
		                       &deployment->error) == 0)
			deployment->plan = run_plan(deployment->run, &deployment->observed);
	}
}

/* What could not be planned is not in it: the file then says less than was asked for, and so does the log. */
static enum report_exit save_plans(const struct deployments *deployments, const char *path)
{
	enum report_exit code = REPORT_EXIT_FINE;
	json_t *document = saved_new();
	struct error err;
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		const struct deployment *deployment = &deployments->items[i];

		if (deployment->plan != NULL)
			saved_add(document, deployment->desired, deployment->plan);
		else
			log_warn("%s is not in %s: it could not be planned", deployment->desired->metadata.name, path);
	}
	if (saved_write(document, path, &err) != 0) {
		log_error("%s", err.message);
		code = REPORT_EXIT_FAILED;
	}
	json_decref(document);
	return code;
}

/* apply reads the spec again, by its name. */
static enum report_exit refuse_standard_input(const struct deployments *deployments)
{
	size_t i;

	for (i = 0; i < deployments->count; i++)
		if (strcmp(deployments->items[i].desired->file, "-") == 0)
			return command_complain(
			    "--out: a saved plan names the file of its spec, and standard input has none");
	return REPORT_EXIT_FINE;
}

static enum report_exit plan_loaded(struct deployments *deployments, const struct options *options)
{
	struct observed_file file;
	enum report_exit code = REPORT_EXIT_FINE;
	struct error err;

	if (options->out != NULL)
		code = refuse_standard_input(deployments);
	if (code != REPORT_EXIT_FINE)
		return code;
	if (options->observed == NULL) {
		deployments_each(deployments, deployment_plan);
	} else if (observed_file_read(deployments->context->arena, options->observed, &file, &err) == 0) {
		plan_from_file(deployments, &file);
	} else {
		log_error("%s", err.message);
		return err.code == ERROR_INVALID ? REPORT_EXIT_INVALID : REPORT_EXIT_FAILED;
	}
	if (options->out != NULL)
		code = save_plans(deployments, options->out);
	return report_worse(code, deployments_report(deployments, "plan"));
}

static enum report_exit plan_run(const struct command_context *context)
{
	const struct options *options = context->options;
	struct run_options run_options = deployments_run_options(context);
	struct deployments deployments;
	enum report_exit code =
	    deployments_load(&deployments, context, &run_options, options->arguments, options->argument_count);

	if (code == REPORT_EXIT_FINE)
		code = plan_loaded(&deployments, options);
	deployments_free(&deployments);
	return code;
}

const struct command cmd_plan = {
    .name = "plan",
    .usage = "[OPTION...] [SPEC...]",
    .summary = "say what differs from the specs, and what apply would do",
    .text = "Looks at AWS and the database, reading only, and prints the drift and the actions\n"
            "that apply would take, each resource's in their order; -v says which of them need\n"
            "others to be done first. With --out the plan is also saved, for review:\n"
            "`trueup apply FILE` carries out just that, and refuses if spec or world have\n"
            "changed since. With --observed nothing is looked at but that file.\n"
            "\n"
            "Exits 0 if all is in sync, 2 if there is drift, 1 if something could not be seen.\n",
    .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_OBSERVED) |
               OPTION_BIT(OPTION_ONLY) | OPTION_BIT(OPTION_DEPLOYMENT) | OPTION_BIT(OPTION_TRIGGER) |
               OPTION_BIT(OPTION_REVISION) | OPTION_BIT(OPTION_EVENTS),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON) | COMMAND_OUTPUT(OUTPUT_MARKDOWN),
    .out = "save the plan to this file, for `trueup apply FILE`",
    .run = plan_run,
};
