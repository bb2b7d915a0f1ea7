#include "aws/audited.h"
#include "base/log.h"

#include <curl/curl.h>
#include <string.h>

/* Parameters that name things. What is not here is not told: passwords are parameters, too. */
static const char *const names[] = {
    "DBClusterIdentifier",
    "NewDBClusterIdentifier",
    "DBInstanceIdentifier",
    "DBClusterSnapshotIdentifier",
    "SnapshotIdentifier",
    "StackName",
    "UserPoolId",
    "GroupName",
    "Username",
    "SecretId",
    "TableName",
    "cluster",
    "taskDefinition",
    "InstanceProfileName",
    "InstanceProfileIdentifier",
    "DataProviderName",
    "DataProviderIdentifier",
    "MigrationProjectName",
    "MigrationProjectIdentifier",
    "DataMigrationName",
    "DataMigrationIdentifier",
};

/* The value of a form's parameter, decoded; NULL if it has none. To be released by curl_free(). */
static char *find_in_form(const char *form, size_t length, const char *name)
{
	const char *at = form, *end = form + length, *next;
	size_t name_length = strlen(name);

	for (; at < end; at = next + 1) {
		next = memchr(at, '&', (size_t)(end - at));
		if (next == NULL)
			next = end;
		if ((size_t)(next - at) > name_length && memcmp(at, name, name_length) == 0 && at[name_length] == '=')
			return curl_easy_unescape(NULL, at + name_length + 1,
			                          (int)(next - at - (ptrdiff_t)name_length - 1), NULL);
	}
	return NULL;
}

static void tell_form(json_t *things, const struct aws_request *request)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *value = find_in_form(request->body, request->length, names[i]);

		if (value != NULL)
			json_object_set_new(things, names[i], json_string(value));
		curl_free(value);
	}
}

static void tell_json(json_t *things, const struct aws_request *request)
{
	json_t *body = json_loadb(request->body, request->length, 0, NULL);
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *value = json_object_get(body, names[i]);

		if (json_is_string(value))
			json_object_set(things, names[i], value);
	}
	json_decref(body);
}

static json_t *list_things(const struct aws_operation_info *operation, const struct aws_request *request)
{
	json_t *things = json_object();

	if (request->path != NULL)
		json_object_set_new(things, "path", json_stringn(request->path, strcspn(request->path, "?")));
	if (request->body == NULL)
		return things;
	if (operation_service(operation->service)->protocol == AWS_QUERY)
		tell_form(things, request);
	else
		tell_json(things, request);
	return things;
}

int audited_intend(struct audit *audit, const struct aws_operation_info *operation, const struct aws_request *request,
                   int64_t *intent, struct error *err)
{
	json_t *fields = json_pack("{s:s, s:s, s:o}", "service", operation_service(operation->service)->host_prefix,
	                           "operation", operation->name, "of", list_things(operation, request));

	if (audit_write(audit, "call", fields, intent, err) != 0)
		return error_context(err, "%s was not called", operation->permission);
	return 0;
}

static json_t *tell_answer(int64_t intent, const char *outcome, const char *request_id, const char *message)
{
	return json_pack("{s:I, s:s, s:s*, s:s*}", "call", (json_int_t)intent, "outcome", outcome, "requestId",
	                 request_id[0] != '\0' ? request_id : NULL, "error", message);
}

void audited_answer(struct audit *audit, int64_t intent, const char *request_id, const struct error *err)
{
	const char *outcome = err->code == ERROR_NONE ? "done" : error_code_name(err->code);
	json_t *fields = tell_answer(intent, outcome, request_id, err->code == ERROR_NONE ? NULL : err->message);
	struct error failure;

	if (fields == NULL) /* the message is no UTF-8, such as one that was cut within a character */
		fields = tell_answer(intent, outcome, request_id, NULL);
	if (audit_write(audit, "answer", fields, NULL, &failure) != 0)
		log_error("%s", failure.message);
}
