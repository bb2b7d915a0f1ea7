#include "kinds/apis_record.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA "trueup/published-apis/v1"
#define FILE_MAX ((size_t)64 * 1024 * 1024)

struct document {
	const char *schema;
	const char *name;
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
	int rc;

	if (json == NULL)
		return error_set(err, ERROR_INVALID, "line %d: %s", problem.line, problem.text);
	rc = record_from_json(&document_record, context->arena, json, document, err);
	json_decref(json);
	if (rc == 0 && (document->schema == NULL || strcmp(document->schema, SCHEMA) != 0))
		rc = error_set(err, ERROR_INVALID, "it is not of the schema " SCHEMA);
	return rc;
}

int apis_record_read(struct kind_context *context, struct apis_record *record, struct error *err)
{
	const char *name = context->desired->metadata.name;
	struct document document;
	char *text;

	*record = (struct apis_record){
	    .file = arena_printf(context->arena, "%s/%s.published-apis.json", context->state_directory, name)};
	if (file_read(context->arena, record->file, FILE_MAX, &text, NULL, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	if (parse(context, text, &document, err) != 0)
		return error_context(
		    err,
		    "%s, which says how to publish APIs again, is not understood and is left alone: mend or "
		    "move it",
		    record->file);
	record->apis = document.apis;
	record->count = document.count;
	return 0;
}

static struct observed_api *place_for(struct kind_context *context, struct apis_record *record, const char *stack)
{
	size_t i;

	for (i = 0; i < record->count; i++)
		if (strcmp(record->apis[i].stack, stack) == 0)
			return &record->apis[i];
	return ARENA_PUSH(context->arena, record->apis, record->count);
}

int apis_record_add(struct kind_context *context, const struct observed_api *api, struct error *err)
{
	struct document document = {.schema = SCHEMA, .name = context->desired->metadata.name};
	struct apis_record record;
	json_t *json;
	char *text;
	int rc;

	if (apis_record_read(context, &record, err) != 0)
		return -1;
	*place_for(context, &record, api->stack) = *api;
	document.apis = record.apis;
	document.count = record.count;
	json = record_to_json(&document_record, &document);
	text = json_dumps(json, JSON_INDENT(1));
	if (text == NULL)
		abort(); /* out of memory */
	rc = file_replace(record.file, text, strlen(text), err);
	free(text);
	json_decref(json);
	return rc;
}
