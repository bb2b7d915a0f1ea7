/*
 * trueup capture: write down the rows that each bot has, while they are good.
 *
 * A baseline that was captured after a loss would hide it, so one that lost
 * bots or rows takes the place of another only with --yes.
 */
#include "command.h"
#include "deployment.h"

#include "base/log.h"
#include "output.h"
#include "pg/digest.h"
#include "spec/baseline.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define LOSSES_NAMED 10 /* in one message; the rest is counted */

struct capture {
	const struct command_context *context;
	const struct deployment *deployment;
	const char *file; /* NULL: standard output */
	struct desired_baseline baseline;
	int64_t rows; /* of all bots */
};

static void collect_bots(struct capture *capture, struct arena *arena)
{
	const struct observed_vectors *seen = &capture->deployment->observed.vectors;
	size_t i;

	for (i = 0; i < seen->bot_count; i++) {
		const struct observed_bot *bot = &seen->bots[i];
		struct desired_baseline_bot *kept;

		kept = ARENA_PUSH(arena, capture->baseline.bots, capture->baseline.bot_count);
		*kept = (struct desired_baseline_bot){.id = bot->id, .rows = bot->rows, .digest = bot->digest};
		capture->rows += bot->rows;
	}
}

/* The cluster that was read, as far as anybody knows. */
static const char *name_cluster(const struct deployment *deployment)
{
	if (deployment->observed.cluster.identifier != NULL)
		return deployment->observed.cluster.identifier;
	if (deployment->desired->cluster.identifier != NULL)
		return deployment->desired->cluster.identifier;
	return deployment->observed.stack.cluster;
}

/* "A lost 3 of 10 rows, B lost all 7 rows and 2 more bots". NULL: nothing is less than it was. */
static const char *describe_losses(struct arena *arena, const struct desired_baseline *before,
                                   const struct desired_baseline *after)
{
	const char *text = NULL;
	size_t i, losses = 0;

	for (i = 0; i < before->bot_count; i++) {
		const struct desired_baseline_bot *old = &before->bots[i];
		const struct desired_baseline_bot *new = baseline_find_bot(after, old->id);
		int64_t lost = old->rows - (new != NULL ? new->rows : 0);

		/* A bot without rows cannot lose any, but that it is gone is told. */
		if (lost <= 0 && new != NULL)
			continue;
		losses++;
		if (losses <= LOSSES_NAMED && new == NULL)
			text = arena_printf(arena, "%s%s%s is gone with its %" PRId64 " rows", text != NULL ? text : "",
			                    text != NULL ? ", " : "", old->id, old->rows);
		else if (losses <= LOSSES_NAMED)
			text =
			    arena_printf(arena, "%s%s%s lost %" PRId64 " of %" PRId64 " rows", text != NULL ? text : "",
			                 text != NULL ? ", " : "", old->id, lost, old->rows);
	}
	if (losses > LOSSES_NAMED)
		text = arena_printf(arena, "%s, and %zu more bots", text, losses - LOSSES_NAMED);
	return text;
}

/* Whether what is in the file may go. ERROR_REFUSED with what would be lost sight of. */
static int check_replaced(const struct capture *capture, struct arena *arena, struct error *err)
{
	struct desired_baseline before;
	const char *losses;

	if (baseline_read(arena, capture->file, &before, err) != 0) {
		if (err->code == ERROR_NOT_FOUND)
			return 0;
		error_context(err, "what is in its place cannot be read");
		err->code = ERROR_REFUSED;
		return -1;
	}
	if (strcmp(before.name, capture->baseline.name) != 0)
		return error_set(err, ERROR_REFUSED, "%s is the baseline of %s", capture->file, before.name);
	losses = describe_losses(arena, &before, &capture->baseline);
	return losses == NULL ? 0 : error_set(err, ERROR_REFUSED, "since %s was captured, %s", capture->file, losses);
}

static int check_capture(const struct capture *capture, struct arena *arena, struct error *err)
{
	if (capture->baseline.bot_count == 0)
		return error_set(err, ERROR_REFUSED, "%s has no rows: with such a baseline, none would be missed",
		                 capture->deployment->desired->vectors.table);
	return capture->file != NULL ? check_replaced(capture, arena, err) : 0;
}

/* The directory that the file is to be in; one that is there already is fine, as is any trouble that writing will tell.
 */
static void make_parent(struct arena *arena, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash != NULL && slash != file)
		(void)mkdir(arena_strndup(arena, file, (size_t)(slash - file)), 0777);
}

static int write_capture(const struct capture *capture, struct arena *arena, struct error *err)
{
	struct buf text = {0};

	if (capture->file != NULL) {
		make_parent(arena, capture->file);
		return baseline_write(&capture->baseline, capture->file, err);
	}
	if (baseline_format(&capture->baseline, &text, err) != 0) {
		buf_free(&text);
		return -1;
	}
	output_buf(&text);
	return 0;
}

static void tell(const struct capture *capture)
{
	struct buf text = {0};

	if (capture->file == NULL || capture->context->options->quiet)
		return;
	buf_printf(&text, "%s: %zu bot%s, %" PRId64 " row%s in %s\n", capture->baseline.name,
	           capture->baseline.bot_count, capture->baseline.bot_count == 1 ? "" : "s", capture->rows,
	           capture->rows == 1 ? "" : "s", capture->file);
	output_buf(&text);
}

/* Why there is nothing to be captured; 0 if there is. */
static int check_seen(const struct deployment *deployment, struct error *err)
{
	const struct observed_head *head = &deployment->observed.vectors.head;
	const struct observed_head *account = &deployment->observed.account.head;
	const char *mismatch = deployment->observed.vectors.schema.mismatch;
	const char *wanted = deployment->desired->aws.account, *found = deployment->observed.account.account;

	if (!deployment->desired->vectors.present)
		return error_set(err, ERROR_INVALID, "the spec has no section vectors, so there is nothing to capture");
	if (deployment->error.code != ERROR_NONE) {
		*err = deployment->error;
		return -1;
	}
	if (head->status == OBSERVED_SKIPPED && account->status == OBSERVED_UNKNOWN)
		return error_set(err, ERROR_STATE,
		                 "the rows could not be seen: the account is not known: %s; "
		                 "what to do: trueup doctor %s",
		                 account->reason, deployment->desired->file);
	if (wanted != NULL && account->status == OBSERVED_SEEN && strcmp(wanted, found) != 0)
		return error_set(err, ERROR_STATE,
		                 "the rows were not looked at: the credentials are of account %s, and "
		                 "spec.aws.account is %s",
		                 found, wanted);
	if (head->status == OBSERVED_SEEN && mismatch != NULL)
		return error_set(err, ERROR_STATE, "the rows cannot be read: %s", mismatch);
	if (head->status == OBSERVED_SEEN)
		return 0;
	return error_set(err, ERROR_STATE, "the rows could not be seen: %s%s%s",
	                 head->reason != NULL ? head->reason : "they were not looked at",
	                 head->permission != NULL ? "; missing permission: " : "",
	                 head->permission != NULL ? head->permission : "");
}

static int capture_one(struct capture *capture, struct arena *arena, struct error *err)
{
	const struct deployment *deployment = capture->deployment;

	if (check_seen(deployment, err) != 0)
		return -1;
	capture->baseline = (struct desired_baseline){
	    .name = deployment->desired->metadata.name,
	    .captured_at = deployment->started_at,
	    .cluster = name_cluster(deployment),
	    .digest = PG_DIGEST_VERSION,
	};
	collect_bots(capture, arena);
	if (!capture->context->options->yes && check_capture(capture, arena, err) != 0)
		return error_context(err, "not captured; --yes captures it all the same");
	if (write_capture(capture, arena, err) != 0)
		return -1;
	tell(capture);
	return 0;
}

static enum report_exit capture_all(const struct command_context *context, const struct deployments *deployments)
{
	enum report_exit code = REPORT_EXIT_FINE;
	struct error err;
	size_t i;

	for (i = 0; i < deployments->count; i++) {
		const struct deployment *deployment = &deployments->items[i];
		const struct desired_counts *counts = &deployment->desired->vectors.counts;
		struct capture capture = {.context = context, .deployment = deployment, .file = context->options->out};

		if (capture.file == NULL && counts->present && counts->from == DESIRED_COUNTS_BASELINE)
			capture.file = counts->file;
		else if (capture.file != NULL && strcmp(capture.file, "-") == 0)
			capture.file = NULL;
		if (capture_one(&capture, context->arena, &err) != 0) {
			log_error("%s: %s", deployment->desired->metadata.name, err.message);
			code = report_worse(code, REPORT_EXIT_FAILED);
		}
	}
	return code;
}

/* A baseline is one deployment's, so one place does not do for several. */
static bool shares_a_place(const struct command_context *context, const struct deployments *deployments)
{
	return context->options->out != NULL && deployments->count > 1;
}

static enum report_exit capture_run(const struct command_context *context)
{
	const struct options *options = context->options;
	const struct run_only only = {.kind = "vectors"};
	struct run_options run_options = deployments_run_options(context);
	struct deployments deployments;
	enum report_exit code;

	run_options.only = &only;
	run_options.only_count = 1;
	run_options.digests = true;
	code = deployments_load(&deployments, context, &run_options, options->arguments, options->argument_count);
	if (code == REPORT_EXIT_FINE && shares_a_place(context, &deployments))
		code = command_complain("--out: a baseline is one deployment's, and these are %zu", deployments.count);
	if (code == REPORT_EXIT_FINE) {
		deployments_each(&deployments, deployment_observe);
		code = capture_all(context, &deployments);
	}
	deployments_free(&deployments);
	return code;
}

const struct command cmd_capture = {
    .name = "capture",
    .usage = "[OPTION...] [SPEC...]",
    .summary = "write a baseline: the rows and digest of each bot",
    .text = "Reads the rows of the vector store and writes how many each bot has, and their\n"
            "digest, to the file that vectors.counts names, for git. Capture while all is well,\n"
            "before a migration: what was lost before is not in it.\n"
            "\n"
            "A baseline that has lost bots or rows since is not replaced, but with --yes.\n",
    .options = OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_YES),
    .out = "write it to this file, - for standard output;\ndefault: spec.vectors.counts.file, else standard output",
    .yes = "replace a baseline although bots or rows were lost since,\nand write one although there are no rows",
    .run = capture_run,
};
