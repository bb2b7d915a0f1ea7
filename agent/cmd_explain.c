/* trueup explain: a field of the spec, its JSON Schema, or the IAM policy that a spec needs. */
#include "command.h"

#include "base/log.h"
#include "daemon/config.h"
#include "iam_policy.h"
#include "man.h"
#include "output.h"
#include "spec/field.h"
#include "spec/load.h"

#include <string.h>

/* "agent" and "agent.listen" are of the agent's own configuration. */
static int explain_path(const char *path, struct buf *text, struct error *err)
{
	if (path != NULL && strncmp(path, "agent", 5) == 0 && strchr(".", path[5]) != NULL)
		return agent_config_explain(path + 5 + (path[5] == '.'), text, err);
	return field_explain(path, text, err);
}

static enum report_exit explain_field(const struct options *options)
{
	struct buf text = {0};
	struct error err;

	if (options->argument_count > 1)
		return command_complain("explain takes one field");
	if (explain_path(options->argument_count == 1 ? options->arguments[0] : NULL, &text, &err) != 0) {
		buf_free(&text);
		return command_complain("%s", err.message);
	}
	output_buf(&text);
	return REPORT_EXIT_FINE;
}

static enum report_exit explain_schema(const struct options *options)
{
	json_t *schema;

	if (options->argument_count > 0)
		return command_complain("explain --schema takes no argument: the schema is that of the whole spec");
	schema = field_schema();
	output_json(schema, true);
	json_decref(schema);
	return REPORT_EXIT_FINE;
}

/* The policy is JSON, which goes to a file or a tool: what it does not hold is said beside it. */
static void note_commands(const struct desired_list *specs)
{
	size_t i;

	for (i = 0; i < specs->count; i++) {
		const struct desired *desired = &specs->items[i];

		if (desired->cluster.present && desired->cluster.replace == DESIRED_REPLACE_DEPLOY &&
		    desired->cluster.deploy.command.count > 0)
			log_warn("%s: the policy does not hold what the command of spec.cluster.deploy (%s …) needs: "
			         "grant %s what deploying the application takes (with the CDK: sts:AssumeRole on the "
			         "roles cdk-* of its bootstrap)",
			         desired->metadata.name, desired->cluster.deploy.command.items[0],
			         desired->aws.assume_role.present ? "whoever runs trueup, not spec.aws.assumeRole,"
			                                          : "it");
	}
}

static enum report_exit explain_iam(const struct command_context *context)
{
	const struct options *options = context->options;
	struct spec_issues issues = {0};
	struct desired_list specs = {0};
	json_t *policy;

	if (spec_load(context->arena, options->arguments, options->argument_count, &specs, &issues) != 0)
		return command_complain_issues(&issues);
	policy = iam_policy_build(context->arena, &specs, options->iam == IAM_ENFORCE);
	output_json(policy, true);
	json_decref(policy);
	if (options->iam == IAM_ENFORCE)
		note_commands(&specs);
	return REPORT_EXIT_FINE;
}

static enum report_exit explain_man(const struct options *options)
{
	struct buf text = {0};
	struct error err;

	if (options->argument_count > 0)
		return command_complain("explain --man takes no argument: the page is that of the whole");
	if (man_print(options->man, &text, &err) != 0)
		return command_complain("--man: %s", err.message);
	output_buf(&text);
	buf_free(&text);
	return REPORT_EXIT_FINE;
}

static enum report_exit explain_run(const struct command_context *context)
{
	unsigned given = context->options->given;
	bool schema = (given & OPTION_BIT(OPTION_SCHEMA)) != 0, iam = (given & OPTION_BIT(OPTION_IAM)) != 0;
	bool man = (given & OPTION_BIT(OPTION_MAN)) != 0;

	if (schema + iam + man > 1)
		return command_complain("explain takes one of --schema, --iam and --man");
	if (schema)
		return explain_schema(context->options);
	if (man)
		return explain_man(context->options);
	return iam ? explain_iam(context) : explain_field(context->options);
}

const struct command cmd_explain = {
    .name = "explain",
    .usage = "[FIELD] | --schema | --man PAGE | --iam observe|enforce [SPEC...]",
    .summary = "document a field of the spec; JSON Schema; IAM policy; manual",
    .text = "Documents a field and those right below it, for example\n"
            "`trueup explain spec.vectors.restore`; without a field, the whole document.\n"
            "`trueup explain agent` documents the configuration of trueup agent.\n"
            "--iam prints the policy for the specs: with observe what plan needs, with enforce\n"
            "what apply needs.\n",
    .options = OPTION_BIT(OPTION_SCHEMA) | OPTION_BIT(OPTION_IAM) | OPTION_BIT(OPTION_MAN),
    .run = explain_run,
};
