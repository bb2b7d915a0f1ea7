#include "kinds/apis_record.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA "trueup/published-apis/v1"
#define FILE_MAX ((size_t)64 * 1024 * 1024)

struct document {
	const char *schema;
	const char *name; /* the deployment's */
	struct observed_api *apis;
	size_t count;
};

static const struct record_field document_fields[] = {
    RECORD_STRING(struct document, schema, "schema"),
    RECORD_STRING(struct document, name, "name"),
    RECORD_LIST(struct document, apis, count, "apis", &observed_api_record),
    RECORD_END,
};
static const struct record document_record = {sizeof(struct document), document_fields};

static int parse(struct kind_context *context, const char *text, struct document *document, struct error *err)
{
	json_error_t problem;
	json_t *json = json_loads(text, 0, &problem);
	size_t i;
	int rc;

	if (json == NULL)
		return error_set(err, ERROR_INVALID, "line %d: %s", problem.line, problem.text);
	rc = record_from_json(&document_record, context->arena, json, document, err);
	json_decref(json);
	if (rc == 0 && (document->schema == NULL || strcmp(document->schema, SCHEMA) != 0))
		rc = error_set(err, ERROR_INVALID, "it is not of the schema " SCHEMA);
	for (i = 0; rc == 0 && i < document->count; i++)
		if (document->apis[i].stack == NULL || document->apis[i].id == NULL)
			rc = error_set(err, ERROR_INVALID, "apis[%zu] lacks its stack or its id", i);
	return rc;
}

int apis_record_read(struct kind_context *context, struct apis_record *record, struct error *err)
{
	struct document document = {0};
	char *text;
	size_t i;

	*record = (struct apis_record){.file = arena_printf(context->arena, "%s/%s.published-apis.json",
	                                                    context->state_directory, context->desired->metadata.name)};
	if (file_read(context->arena, record->file, FILE_MAX, &text, NULL, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	if (parse(context, text, &document, err) != 0)
		return error_context(
		    err, "%s says how to publish APIs again, and is not understood: mend it, or move it away",
		    record->file);
	/* What was read is as long as it is; what is pushed can grow. */
	for (i = 0; i < document.count; i++)
		*ARENA_PUSH(context->arena, record->apis, record->count) = document.apis[i];
	return 0;
}

static struct observed_api *find(const struct apis_record *record, const char *stack)
{
	size_t i;

	for (i = 0; i < record->count; i++)
		if (strcmp(record->apis[i].stack, stack) == 0)
			return &record->apis[i];
	return NULL;
}

static bool has_key(const struct observed_api *api, const char *id)
{
	size_t i;

	for (i = 0; i < api->key_count; i++)
		if (strcmp(api->keys[i].id, id) == 0)
			return true;
	return false;
}

/* Throttle and quota are the usage plan's, which tells both or, once it is gone, none. */
static void recall_plan(struct arena *arena, const struct observed_api *old, struct observed_api *api)
{
	size_t i;

	if (api->rate == NULL && api->burst == 0 && api->quota == 0 && api->key_count == 0) {
		api->rate = old->rate;
		api->burst = old->burst;
		api->quota = old->quota;
		api->quota_offset = old->quota_offset;
		api->period = old->period;
	}
	for (i = 0; i < old->key_count; i++)
		if (!has_key(api, old->keys[i].id))
			*ARENA_PUSH(arena, api->keys, api->key_count) = old->keys[i];
}

static void recall(const char **text, const char *old)
{
	if (*text == NULL)
		*text = old;
}

void apis_record_recall(struct arena *arena, const struct apis_record *record, struct observed_api *api)
{
	const struct observed_api *old = find(record, api->stack);

	if (old == NULL || strcmp(old->id, api->id) != 0)
		return; /* an API that was published anew has nothing to do with the one before */
	recall(&api->owner, old->owner);
	recall(&api->api, old->api);
	recall(&api->name, old->name);
	recall(&api->stage, old->stage);
	recall(&api->origins, old->origins);
	recall(&api->plan, old->plan);
	recall(&api->recorded, old->recorded);
	recall_plan(arena, old, api);
	if (api->parameter_count == 0) {
		api->parameters = old->parameters;
		api->parameter_count = old->parameter_count;
	}
	if (api->output_count == 0) {
		api->outputs = old->outputs;
		api->output_count = old->output_count;
	}
	if (api->left_count == 0) {
		api->left = old->left;
		api->left_count = old->left_count;
	}
	/* Once recorded it was a published API, whatever is left of its outputs. */
	api->foreign = false;
}

static int compare_stacks(const void *a, const void *b)
{
	return strcmp(((const struct observed_api *)a)->stack, ((const struct observed_api *)b)->stack);
}

static int write_record(struct kind_context *context, struct apis_record *record, struct error *err)
{
	struct document document = {SCHEMA, context->desired->metadata.name, record->apis, record->count};
	json_t *json;
	char *text;
	int rc;

	qsort(record->apis, record->count, sizeof(*record->apis), compare_stacks);
	json = record_to_json(&document_record, &document);
	text = json_dumps(json, JSON_INDENT(1));
	if (text == NULL)
		abort(); /* what is in a json_t is UTF-8, so only memory can have failed */
	rc = file_replace_private(record->file, text, strlen(text), err);
	free(text);
	json_decref(json);
	return rc;
}

int apis_record_add(struct kind_context *context, const struct observed_api *api, struct error *err)
{
	char now[CLOCK_RFC3339_SIZE];
	struct apis_record record;
	struct observed_api fresh = *api, *entry;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	apis_record_recall(context->arena, &record, &fresh);
	clock_format_rfc3339(time(NULL), now);
	fresh.recorded = arena_strdup(context->arena, now);
	entry = find(&record, api->stack);
	if (entry == NULL)
		entry = ARENA_PUSH(context->arena, record.apis, record.count);
	*entry = fresh;
	return write_record(context, &record, err);
}

int apis_record_note_left(struct kind_context *context, const char *id, const char **left, size_t count,
                          struct error *err)
{
	struct apis_record record;
	size_t i;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	for (i = 0; i < record.count; i++) {
		if (strcmp(record.apis[i].id, id) != 0)
			continue;
		record.apis[i].left = left;
		record.apis[i].left_count = count;
		return write_record(context, &record, err);
	}
	return 0;
}
