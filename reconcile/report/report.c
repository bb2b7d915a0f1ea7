#include "report/report.h"
#include "base/clock.h"
#include "report/tree.h"

#include <stdlib.h>
#include <string.h>

#define COUNTS_MAX 5000 /* bots that a report lists with their rows */

/* What stands at the top, in the contract's order. */
struct report_spec {
	const char *file, *sha256, *commit;
};

struct report_head {
	const char *schema, *trueup, *command, *name, *account, *region;
	struct report_spec spec;
	const char *started_at, *finished_at;
};

struct report_error {
	const char *code, *message;
};

static const struct record_field spec_fields[] = {
    RECORD_STRING(struct report_spec, file, "file"),
    RECORD_STRING(struct report_spec, sha256, "sha256"),
    RECORD_STRING(struct report_spec, commit, "commit"),
    RECORD_END,
};
static const struct record spec_record = {sizeof(struct report_spec), spec_fields};

static const struct record_field head_fields[] = {
    RECORD_STRING(struct report_head, schema, "schema"),
    RECORD_STRING(struct report_head, trueup, "trueup"),
    RECORD_STRING(struct report_head, command, "command"),
    RECORD_STRING(struct report_head, name, "name"),
    RECORD_STRING(struct report_head, account, "account"),
    RECORD_STRING(struct report_head, region, "region"),
    RECORD_OBJECT(struct report_head, spec, "spec", &spec_record),
    RECORD_STRING(struct report_head, started_at, "startedAt"),
    RECORD_STRING(struct report_head, finished_at, "finishedAt"),
    RECORD_END,
};
static const struct record head_record = {sizeof(struct report_head), head_fields};

static const struct record_field error_fields[] = {
    RECORD_STRING(struct report_error, code, "code"),
    RECORD_STRING(struct report_error, message, "message"),
    RECORD_END,
};
static const struct record error_record = {sizeof(struct report_error), error_fields};

/* The keys of `from` that are named, in that order. Steals `from`. */
static json_t *pick_keys(json_t *from, const char *const *keys)
{
	json_t *picked = json_object();

	for (; *keys != NULL; keys++)
		json_object_set(picked, *keys, json_object_get(from, *keys));
	json_decref(from);
	return picked;
}

static json_t *build_action(const struct plan_action *action)
{
	static const char *const keys[] = {"id",    "verb",  "risk",  "state",    "reason", "needs",
	                                   "calls", "error", "allow", "waitsFor", "gives",  NULL};

	json_t *built = pick_keys(record_to_json(&plan_action_record, action), keys);

	if (action->later)
		json_object_set_new(built, "later", json_true());
	return built;
}

static json_t *build_count(int64_t count)
{
	return count >= 0 ? json_integer(count) : json_null();
}

/* {"expected", "present", "bots": {ID: {"expected", "present"}}}; the sum of what is expected only if all of it is
 * known. */
static json_t *build_counts(const struct plan_resource *resource)
{
	json_t *bots = json_object();
	int64_t expected = 0, present = 0;
	size_t i;

	for (i = 0; i < resource->count_count; i++) {
		const struct plan_count *count = &resource->counts[i];

		present += count->present;
		expected = count->expected < 0 || expected < 0 ? -1 : expected + count->expected;
		if (i < COUNTS_MAX)
			json_object_set_new(bots, count->id,
			                    json_pack("{s:o, s:I}", "expected", build_count(count->expected), "present",
			                              (json_int_t)count->present));
	}
	return json_pack("{s:o, s:I, s:o}", "expected", build_count(expected), "present", (json_int_t)present, "bots",
	                 bots);
}

static json_t *build_resource(const struct plan_resource *resource)
{
	static const char *const keys[] = {"kind", "name", "state", "reason", "differences", "actions", "notes", NULL};
	json_t *whole = record_to_json(&plan_resource_record, resource), *built;

	json_object_set_new(whole, "actions", json_array());
	built = pick_keys(whole, keys);
	if (resource->count_count > 0)
		json_object_set_new(built, "rows", build_counts(resource));
	return built;
}

static void add_actions(json_t *resources, size_t at, const struct plan_resource *resource, const struct plan *plan,
                        bool *placed)
{
	json_t *actions = json_object_get(json_array_get(resources, at), "actions");
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		const struct plan_action *action = plan->actions[i];

		if (placed[i] || strcmp(action->kind, resource->kind) != 0 ||
		    strcmp(action->resource, resource->name) != 0)
			continue;
		json_array_append_new(actions, build_action(action));
		placed[i] = true;
	}
}

/*
 * After an apply whose second look did not get as far (the credentials ran
 * out, say), there are actions of resources that nobody saw again. What was
 * done to them must be told all the same.
 */
static void add_unseen(json_t *resources, const struct plan *plan, bool *placed)
{
	size_t i;

	for (i = 0; i < plan->action_count; i++) {
		struct plan_resource resource = {
		    .kind = plan->actions[i]->kind,
		    .name = plan->actions[i]->resource,
		    .state = RESOURCE_UNKNOWN,
		    .reason = "it was not seen again after its actions",
		};

		if (placed[i])
			continue;
		json_array_append_new(resources, build_resource(&resource));
		add_actions(resources, json_array_size(resources) - 1, &resource, plan, placed);
	}
}

static json_t *build_resources(const struct plan *plan)
{
	json_t *resources = json_array();
	bool *placed;
	size_t i;

	if (plan == NULL)
		return resources;
	placed = calloc(plan->action_count + 1, sizeof(*placed));
	if (placed == NULL)
		abort();
	for (i = 0; i < plan->resource_count; i++) {
		json_array_append_new(resources, build_resource(plan->resources[i]));
		add_actions(resources, i, plan->resources[i], plan, placed);
	}
	add_unseen(resources, plan, placed);
	free(placed);
	return resources;
}

/* What differed before it was acted on, which `differences` no longer have once it is in sync. */
static void add_found(json_t *resources, const struct plan *acted_on)
{
	const struct plan_resource *before;
	json_t *resource, *whole;
	size_t i;

	json_array_foreach(resources, i, resource)
	{
		before = plan_find_resource(acted_on, tree_text(resource, "kind"), tree_text(resource, "name"));
		if (before == NULL || before->difference_count == 0)
			continue;
		whole = record_to_json(&plan_resource_record, before);
		json_object_set(resource, "found", json_object_get(whole, "differences"));
		json_decref(whole);
	}
}

static size_t count_states(const json_t *list, const char *state)
{
	const json_t *item;
	size_t i, count = 0;

	json_array_foreach(list, i, item)
	{
		count += strcmp(tree_text(item, "state"), state) == 0;
	}
	return count;
}

static size_t count_actions(const json_t *resources, const char *state)
{
	const json_t *resource;
	size_t i, count = 0;

	json_array_foreach(resources, i, resource)
	{
		count += count_states(json_object_get(resource, "actions"), state);
	}
	return count;
}

static json_t *build_summary(const json_t *resources, bool failed)
{
	static const struct {
		const char *key, *state;
	} kept[] = {{"inSync", "in-sync"}, {"drifted", "drifted"}, {"unknown", "unknown"}};
	static const char *const words[] = {"planned", "done", "waiting", "blocked", "failed"};
	json_t *summary = json_object(), *actions = json_object();
	bool converged = !failed;
	size_t i, count;

	json_object_set_new(summary, "converged", json_false());
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		count = count_states(resources, kept[i].state);
		converged = converged && (i == 0 || count == 0);
		json_object_set_new(summary, kept[i].key, json_integer((json_int_t)count));
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		count = count_actions(resources, words[i]);
		converged = converged && (strcmp(words[i], "done") == 0 || count == 0);
		json_object_set_new(actions, words[i], json_integer((json_int_t)count));
	}
	json_object_set_new(summary, "actions", actions);
	json_object_set_new(summary, "converged", json_boolean(converged));
	return summary;
}

static const char *describe_mode(enum desired_mode mode)
{
	static const char *const words[] = {
	    [DESIRED_MODE_ENFORCE] = "enforce", [DESIRED_MODE_OBSERVE] = "observe", [DESIRED_MODE_PAUSED] = "paused"};

	return words[mode];
}

/* What was looked at: whoever goes on from this report should not do more than it shows. */
static json_t *list_only(const struct report_input *input)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < input->only_count; i++)
		json_array_append_new(list, json_string(input->only[i]));
	return list;
}

static json_t *list_audited(const struct report_input *input)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < input->audited_count; i++)
		json_array_append_new(list, json_integer(input->audited[i]));
	return list;
}

static json_t *build_calls(const struct report_input *input)
{
	json_t *services = json_object();
	size_t i;

	for (i = 0; i < input->calls_count; i++) {
		const struct report_calls *calls = &input->calls[i];

		json_object_set_new(services, calls->service,
		                    json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)calls->calls, "retries",
		                              (json_int_t)calls->retries, "throttles", (json_int_t)calls->throttles));
	}
	return services;
}

json_t *report_build(const struct report_input *input)
{
	char started[CLOCK_RFC3339_SIZE], finished[CLOCK_RFC3339_SIZE];
	struct report_head head = {
	    .schema = REPORT_SCHEMA,
	    .trueup = TRUEUP_VERSION,
	    .command = input->command,
	    .name = input->desired->metadata.name,
	    .account = input->account,
	    .region = input->region,
	    .spec = {input->desired->file, input->desired->sha256, input->commit},
	    .started_at = started,
	    .finished_at = finished,
	};
	json_t *report, *resources = build_resources(input->plan);

	if (input->acted_on != NULL)
		add_found(resources, input->acted_on);
	clock_format_rfc3339(input->started_at, started);
	clock_format_rfc3339(input->finished_at, finished);
	report = record_to_json(&head_record, &head);
	json_object_set_new(report, "summary", build_summary(resources, input->error != NULL));
	json_object_set_new(report, "resources", resources);
	json_object_set_new(report, "mode", json_string(describe_mode(input->desired->mode)));
	if (input->trigger != NULL)
		json_object_set_new(report, "trigger", json_string(input->trigger));
	if (input->stopped)
		json_object_set_new(report, "stopped", json_true());
	if (input->audited_count > 0)
		json_object_set_new(report, "audit", list_audited(input));
	if (input->only_count > 0)
		json_object_set_new(report, "only", list_only(input));
	if (input->calls_count > 0)
		json_object_set_new(report, "api", build_calls(input));
	if (input->error != NULL) {
		struct report_error error = {error_code_name(input->error->code), input->error->message};

		json_object_set_new(report, "error", record_to_json(&error_record, &error));
	}
	return report;
}

enum report_exit report_exit_code(const json_t *report)
{
	const json_t *error = json_object_get(report, "error");

	if (strcmp(tree_text(error, "code"), "busy") == 0)
		return REPORT_EXIT_BUSY;
	if (strcmp(tree_text(error, "code"), "invalid") == 0)
		return REPORT_EXIT_INVALID;
	/*
	 * A tree without a summary is no report: whoever made it failed. And under another account nothing was looked
	 * at: that is no drift to be put right, but a run that could not be.
	 */
	if (json_is_object(error) || !json_is_object(json_object_get(report, "summary")) ||
	    strcmp(tree_account_state(report), "drifted") == 0 ||
	    tree_count_resources(report, "unknown") + tree_count_actions(report, "failed") > 0)
		return REPORT_EXIT_FAILED;
	if (tree_count_resources(report, "drifted") + tree_count_actions(report, "planned") +
	        tree_count_actions(report, "waiting") + tree_count_actions(report, "blocked") >
	    0)
		return REPORT_EXIT_DRIFT;
	return REPORT_EXIT_FINE;
}

enum report_exit report_worse(enum report_exit a, enum report_exit b)
{
	static const enum report_exit order[] = {REPORT_EXIT_USAGE, REPORT_EXIT_INVALID, REPORT_EXIT_FAILED,
	                                         REPORT_EXIT_BUSY,  REPORT_EXIT_DRIFT,   REPORT_EXIT_FINE};
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == a || order[i] == b)
			return order[i];
	return REPORT_EXIT_FAILED;
}

static int append_json(const char *bytes, size_t length, void *out)
{
	buf_append(out, bytes, length);
	return 0;
}

void report_render_json(const json_t *report, struct buf *out)
{
	/* ASCII: a terminal takes some characters past it for commands. */
	json_dump_callback(report, append_json, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	buf_putc(out, '\n');
}
