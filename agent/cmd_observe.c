/* trueup observe: what is seen, as JSON that `plan --observed` takes in place of the world. */
#include "command.h"
#include "deployment.h"

#include "base/file.h"
#include "base/log.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

static bool has_unknown(const struct observed *observed)
{
	struct arena *arena = arena_new();
	size_t count;

	observed_list_unknown(arena, observed, &count);
	arena_free(arena);
	return count > 0;
}

/* One line of JSON, or the reason on standard error why there is none. */
static enum report_exit format_observed(const struct deployment *deployment, struct buf *lines)
{
	json_t *json;
	char *text;

	if (deployment->error.code != ERROR_NONE) {
		log_error("%s: %s", deployment->desired->metadata.name, deployment->error.message);
		return REPORT_EXIT_FAILED;
	}
	json = record_to_json(&observed_record, &deployment->observed);
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL)
		abort();
	buf_puts(lines, text);
	buf_putc(lines, '\n');
	free(text);
	json_decref(json);
	return has_unknown(&deployment->observed) ? REPORT_EXIT_FAILED : REPORT_EXIT_FINE;
}

static enum report_exit write_lines(const char *path, struct buf *lines)
{
	struct error err;
	int rc;

	if (path == NULL) {
		output_buf(lines);
		return REPORT_EXIT_FINE;
	}
	rc = file_replace(path, buf_text(lines), lines->length, &err);
	buf_free(lines);
	if (rc == 0)
		return REPORT_EXIT_FINE;
	log_error("%s", err.message);
	return REPORT_EXIT_FAILED;
}

static enum report_exit observe_run(const struct command_context *context)
{
	const struct options *options = context->options;
	struct run_options run_options = deployments_run_options(context);
	struct deployments deployments;
	struct buf lines = {0};
	enum report_exit code =
	    deployments_load(&deployments, context, &run_options, options->arguments, options->argument_count);
	size_t i;

	if (code == REPORT_EXIT_FINE) {
		deployments_each(&deployments, deployment_observe);
		for (i = 0; i < deployments.count; i++)
			code = report_worse(code, format_observed(&deployments.items[i], &lines));
		code = report_worse(code, write_lines(options->out, &lines));
	}
	deployments_free(&deployments);
	return code;
}

const struct command cmd_observe = {
    .name = "observe",
    .usage = "[OPTION...] [SPEC...]",
    .summary = "print what is seen, as JSON that plan --observed takes",
    .text = "Looks at what the specs name, reading only, and prints one line of JSON for each\n"
            "deployment. With its spec that is all a plan is made of: `trueup plan --observed\n"
            "FILE` makes the same plan anywhere. It holds names and e-mail addresses, no secret.\n"
            "\n"
            "Exits 1 if something could not be seen; the JSON says what, and why.\n",
    .options = OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_ONLY),
    .out = "write it to this file, not to standard output",
    .run = observe_run,
};
