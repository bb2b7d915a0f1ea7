/*
 * deployment.h - the deployments of one command: from its SPEC arguments to
 * runs side by side, and to reports in the order of the specs.
 *
 * A deployment that fails has its `error` and does not stop the others.
 */
#ifndef TRUEUP_AGENT_DEPLOYMENT_H
#define TRUEUP_AGENT_DEPLOYMENT_H

#include "command.h"
#include "plan/observed.h"
#include "plan/plan.h"
#include "run/run.h"
#include "run/saved.h"
#include "spec/desired.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct deployment {
	const struct desired *desired;
	const struct saved_plan *saved; /* the reviewed plan to carry out; NULL: whatever is planned now */
	struct run *run;
	struct observed observed; /* as last seen */
	struct plan *plan;        /* NULL: it did not come to one */
	struct error error;       /* ERROR_NONE: nothing kept the run from being made */
	time_t started_at;
	time_t finished_at;
};

struct deployments {
	const struct command_context *context;
	struct desired_list specs;
	struct deployment *items;
	size_t count;
	bool declined; /* the plans that a person was shown are not to be carried out: they are not printed again */
	bool kept;     /* what becomes of each is for `trueup history`: deployments_report() keeps it */
};

/* How runs go, as the command line has it. */
struct run_options deployments_run_options(const struct command_context *context);

/*
 * Read the specs that the arguments name and make a run for each. What is wrong
 * with them is listed on standard error and gives REPORT_EXIT_INVALID: nothing
 * is done then, not even for those that are valid, since what is missing might
 * be what the others were written for. Free also after a failure.
 */
enum report_exit deployments_load(struct deployments *deployments, const struct command_context *context,
                                  const struct run_options *run_options, const char *const *arguments, size_t count);

/* Keep only the deployments of a saved plan, each with its part of it. ERROR_NOT_FOUND if one is not in its spec. */
int deployments_keep_saved(struct deployments *deployments, const struct saved_plans *saved, struct error *err);

void deployments_free(struct deployments *deployments);

/* Do the work for all of them, a few side by side; `finished_at` is set after it. */
void deployments_each(struct deployments *deployments, void (*work)(struct deployment *deployment));

/* Work for deployments_each(): observe; observe and plan. Why it could not be done goes to `error`. */
void deployment_observe(struct deployment *deployment);
void deployment_plan(struct deployment *deployment);

/* Whether there is something that apply would do now. */
bool deployment_is_pending(const struct deployment *deployment);

/*
 * Print the report of each as the options say, and give the exit code of the
 * worst. `command` is what stands in the reports.
 */
enum report_exit deployments_report(const struct deployments *deployments, const char *command);

/* The text report of the deployment on standard error, to be looked at before a question. */
void deployment_show(const struct deployment *deployment, const struct command_context *context);

#endif
