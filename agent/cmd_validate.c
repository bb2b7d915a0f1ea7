/* trueup validate: check specs, and the baselines that they name, without looking at the world. */
#include "command.h"

#include "base/log.h"
#include "output.h"
#include "spec/load.h"

#include <string.h>

#define VALIDATE_SCHEMA "trueup/validate/v1"

/* A baseline that was never captured is no mistake yet; one that cannot be read is. */
static void check_baseline(struct arena *arena, const struct desired *desired, struct spec_issues *issues)
{
	const struct desired_counts *counts = &desired->vectors.counts;
	struct spec_issue at = {.file = desired->file,
	                        .line = (size_t)desired->metadata.line,
	                        .column = (size_t)desired->metadata.column,
	                        .path = "spec.vectors.counts.file"};
	struct desired_baseline baseline;
	struct error err;

	if (!desired->vectors.present || !counts->present || counts->from != DESIRED_COUNTS_BASELINE)
		return;
	if (spec_load_baseline(arena, desired, &baseline, &err) == 0)
		return;
	if (err.code == ERROR_NOT_FOUND)
		log_warn("%s: spec.vectors.counts.file: %s", desired->file, err.message);
	else
		spec_issue_add(arena, issues, at, "%s", err.message);
}

/* No mistake either: a pool may have groups of other use. */
static void check_groups(const struct desired *desired)
{
	size_t i;

	for (i = 0; i < desired->users.group_count; i++)
		if (!desired_is_application_group(desired->users.groups[i].name))
			log_warn("%s: spec.users.groups.%s: Bedrock Chat reads the groups %s alone; a typing error?",
			         desired->file, desired->users.groups[i].name, DESIRED_APPLICATION_GROUPS);
}

static void print_text(const struct desired_list *list, const struct spec_issues *issues, bool quiet)
{
	struct buf text = {0};
	size_t i;

	spec_issues_print(issues, &text);
	for (i = 0; i < list->count && issues->count == 0 && !quiet; i++)
		buf_printf(&text, "%s: %s is valid\n", list->items[i].file, list->items[i].metadata.name);
	output_buf(&text);
}

static json_t *format_issue(const struct spec_issue *issue)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:s}", "file", issue->file, "line", (json_int_t)issue->line, "column",
	                 (json_int_t)issue->column, "path", issue->path, "message", issue->message);
}

static void print_json(const struct desired_list *list, const struct spec_issues *issues)
{
	json_t *specs = json_array(), *problems = json_array(), *document;
	size_t i;

	for (i = 0; i < list->count; i++)
		json_array_append_new(specs, json_pack("{s:s, s:s, s:s}", "file", list->items[i].file, "name",
		                                       list->items[i].metadata.name, "sha256", list->items[i].sha256));
	for (i = 0; i < issues->count; i++)
		json_array_append_new(problems, format_issue(&issues->items[i]));
	document = json_pack("{s:s, s:b, s:o, s:o, s:I}", "schema", VALIDATE_SCHEMA, "valid", issues->count == 0,
	                     "specs", specs, "issues", problems, "dropped", (json_int_t)issues->dropped);
	output_json(document, false);
	json_decref(document);
}

static enum report_exit validate_run(const struct command_context *context)
{
	const struct options *options = context->options;
	struct spec_issues issues = {0};
	struct desired_list list = {0};
	size_t i;

	(void)spec_load(context->arena, options->arguments, options->argument_count, &list, &issues);
	for (i = 0; i < list.count; i++) {
		check_baseline(context->arena, &list.items[i], &issues);
		check_groups(&list.items[i]);
	}
	spec_issues_sort(&issues);
	if (options->output == OUTPUT_JSON)
		print_json(&list, &issues);
	else
		print_text(&list, &issues, options->quiet);
	return issues.count == 0 ? REPORT_EXIT_FINE : REPORT_EXIT_INVALID;
}

const struct command cmd_validate = {
    .name = "validate",
    .usage = "[OPTION...] [SPEC...]",
    .summary = "check specs offline, and list every mistake",
    .text = "Reads the specs and the files that they name, and lists everything that is wrong\n"
            "as file:line:column: field: message. Nothing else is looked at.\n"
            "\n"
            "Exits 65 if a spec is not valid.\n",
    .options = OPTION_BIT(OPTION_OUTPUT),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON),
    .run = validate_run,
};
