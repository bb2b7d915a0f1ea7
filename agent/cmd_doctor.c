/* trueup doctor: whether the deployments can be worked on from here, and whether somebody may create bots. */
#include "command.h"

#include "doctor/doctor.h"
#include "doctor_report.h"
#include "output.h"
#include "parallel.h"
#include "revision.h"
#include "spec/load.h"
#include "terminal.h"

#include <unistd.h>

/* Side by side. Each is a thread, with more of its own while it observes. */
#define DOCTORS_AT_ONCE 4

/* One deployment under examination; its arena is its thread's. */
struct patient {
	struct arena *arena;
	struct doctor_question question;
	struct doctor_findings findings;
	struct doctor_report report;
};

struct ward {
	const struct command_context *context;
	struct desired_list specs;
	struct patient *patients;
};

static void examine_one(void *context, size_t index)
{
	struct ward *ward = context;
	struct patient *patient = &ward->patients[index];

	doctor_examine(patient->arena, &ward->specs.items[index], &patient->question, &patient->findings);
}

static void admit(struct ward *ward)
{
	const struct command_context *context = ward->context;
	size_t i, at_once = ward->specs.count < DOCTORS_AT_ONCE ? ward->specs.count : DOCTORS_AT_ONCE;

	ward->patients = arena_array(context->arena, ward->specs.count, sizeof(*ward->patients));
	for (i = 0; i < ward->specs.count; i++) {
		struct patient *patient = &ward->patients[i];
		const struct desired *desired = &ward->specs.items[i];

		patient->arena = arena_new();
		patient->question = (struct doctor_question){
		    .user = context->options->user,
		    .commit = revision_find(context->arena, desired->file),
		    .quota_share = 0.5 / (double)at_once,
		    .stop = context->stop,
		};
		patient->report = (struct doctor_report){desired, &patient->findings, patient->question.commit};
	}
}

static void print_reports(const struct ward *ward)
{
	const struct options *options = ward->context->options;
	struct report_style style = {
	    .color = terminal_has_color(options->color, STDOUT_FILENO),
	    .quiet = options->quiet,
	    .width = terminal_width(STDOUT_FILENO),
	};
	struct buf text = {0};
	size_t i;

	for (i = 0; i < ward->specs.count; i++) {
		const struct doctor_report *report = &ward->patients[i].report;
		json_t *json;

		if (options->output == OUTPUT_TEXT) {
			doctor_report_text(report, &style, &text);
		} else if (options->output == OUTPUT_MARKDOWN) {
			doctor_report_markdown(report, &text);
		} else {
			json = doctor_report_json(report);
			output_json(json, false);
			json_decref(json);
		}
	}
	output_buf(&text);
}

static enum report_exit doctor_run(const struct command_context *context)
{
	const struct options *options = context->options;
	struct ward ward = {.context = context};
	struct spec_issues issues = {0};
	enum report_exit code = REPORT_EXIT_FINE;
	size_t i;

	if (spec_load(context->arena, options->arguments, options->argument_count, &ward.specs, &issues) != 0)
		return command_complain_issues(&issues);
	admit(&ward);
	parallel_each(ward.specs.count, DOCTORS_AT_ONCE, examine_one, &ward);
	print_reports(&ward);
	for (i = 0; i < ward.specs.count; i++) {
		if (!doctor_is_fine(&ward.patients[i].findings))
			code = REPORT_EXIT_FAILED;
		arena_free(ward.patients[i].arena);
	}
	return code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .usage = "[OPTION...] [SPEC...]",
    .summary = "say whether all is there to work with, or what to do",
    .text = "Looks, reading only, at credentials, account, clock, permissions, database, TLS and\n"
            "files of each deployment: each one line, ok or what to do. Permissions are told by\n"
            "IAM's simulator where iam:SimulatePrincipalPolicy is allowed; without it, what plan\n"
            "needs is tried by observing, and what apply needs beyond that is not checked.\n"
            "\n"
            "With --user it answers whether somebody can create bots, and why, or why not.\n"
            "\n"
            "Exits 0 if all is fine, 1 if something is wrong or the answer is no.\n",
    .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_USER),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON) | COMMAND_OUTPUT(OUTPUT_MARKDOWN),
    .run = doctor_run,
};
