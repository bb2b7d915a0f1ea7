#include "aws/answer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CRC-32 (IEEE), four bits at a time. */
static uint32_t compute_crc32(const char *bytes, size_t length)
{
	static const uint32_t table[16] = {
	    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc ^= (unsigned char)bytes[i];
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return crc ^ 0xffffffff;
}

static int check_crc32(const struct transport_result *result, struct error *err)
{
	char text[24], *end;
	unsigned long expected;

	transport_find_header(result, "x-amz-crc32", text, sizeof(text));
	if (text[0] == '\0')
		return 0;
	expected = strtoul(text, &end, 10);
	if (*end == '\0' && expected == compute_crc32(buf_text(&result->body), result->body.length))
		return 0;
	error_set(err, ERROR_PROTOCOL, "the answer was damaged on its way: its checksum differs");
	err->retryable = true;
	return -1;
}

static int read_json(struct aws_response *response, struct error *err)
{
	json_error_t where;

	if (response->body.length == 0)
		return 0;
	response->json = json_loadb(response->body.bytes, response->body.length, JSON_ALLOW_NUL, &where);
	/* The parser's own words quote the text, which may be a secret. */
	if (response->json == NULL)
		return error_set(err, ERROR_PROTOCOL, "the answer is not JSON, at byte %d", where.position);
	return 0;
}

/* <OpResponse><OpResult>…</OpResult><ResponseMetadata/></OpResponse>; some operations have no result. */
static int read_xml(struct arena *arena, struct aws_response *response, struct error *err)
{
	const struct xml_node *root, *child;

	if (xml_parse(arena, buf_text(&response->body), response->body.length, &root, err) != 0)
		return -1;
	response->xml = root;
	for (child = root->first; child != NULL; child = child->next) {
		size_t length = strlen(child->name);

		if (length > 6 && strcmp(child->name + length - 6, "Result") == 0)
			response->xml = child;
	}
	if (response->request_id[0] == '\0' && xml_text(root, "ResponseMetadata/RequestId") != NULL)
		snprintf(response->request_id, sizeof(response->request_id), "%s",
		         xml_text(root, "ResponseMetadata/RequestId"));
	return 0;
}

int answer_read(struct arena *arena, const struct aws_operation_info *operation, struct transport_result *result,
                struct aws_response *response, struct error *err)
{
	const struct aws_service_info *service = operation_service(operation->service);
	int rc = check_crc32(result, err);

	if (rc == 0) {
		*response = (struct aws_response){.status = result->status, .body = result->body};
		result->body = (struct buf){0};
		answer_read_request_id(result, response->request_id, sizeof(response->request_id));
		rc = service->protocol == AWS_QUERY ? read_xml(arena, response, err) : read_json(response, err);
	}
	if (rc == 0)
		return 0;
	aws_response_free(response);
	return error_context(err, "%s %s", service->name, operation->name);
}

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text != NULL ? text : "");
	/* A message of several lines becomes one. */
	for (char *c = out; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static void read_xml_fault(struct arena *arena, const struct transport_result *result, struct fault *fault)
{
	const struct xml_node *root, *error;
	struct error ignored;

	if (xml_parse(arena, buf_text(&result->body), result->body.length, &root, &ignored) != 0)
		return;
	error = xml_child(root, "Error");
	if (error == NULL)
		error = xml_child(root, "Errors/Error");
	copy_text(fault->code, sizeof(fault->code), xml_text(error, "Code"));
	copy_text(fault->message, sizeof(fault->message), xml_text(error, "Message"));
}

static void read_json_fault(const struct transport_result *result, struct fault *fault)
{
	static const char *const names[] = {"message", "Message", "errorMessage"};
	json_t *json = json_loadb(buf_text(&result->body), result->body.length, 0, NULL);
	const char *type = json_string_value(json_object_get(json, "__type"));
	char code[160];

	transport_find_header(result, "x-amzn-errortype", code, sizeof(code));
	if (code[0] == '\0')
		copy_text(code, sizeof(code), type != NULL ? type : json_string_value(json_object_get(json, "code")));
	fault_cut_code(code, fault->code, sizeof(fault->code));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && fault->message[0] == '\0'; i++)
		copy_text(fault->message, sizeof(fault->message), json_string_value(json_object_get(json, names[i])));
	json_decref(json);
}

void answer_read_fault(struct arena *arena, const struct aws_operation_info *operation,
                       const struct transport_result *result, struct fault *fault)
{
	*fault = (struct fault){.status = result->status};
	if (operation_service(operation->service)->protocol == AWS_QUERY)
		read_xml_fault(arena, result, fault);
	else
		read_json_fault(result, fault);
}

void answer_read_request_id(const struct transport_result *result, char *out, size_t size)
{
	transport_find_header(result, "x-amzn-requestid", out, size);
	if (out[0] == '\0')
		transport_find_header(result, "x-amz-request-id", out, size);
}

time_t answer_read_date(const struct transport_result *result)
{
	char text[64];
	time_t date;

	transport_find_header(result, "date", text, sizeof(text));
	date = text[0] != '\0' ? curl_getdate(text, NULL) : -1;
	return date > 0 ? date : 0;
}

static void wipe(json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json))
		explicit_bzero((char *)json_string_value(json), json_string_length(json));
	json_object_foreach(json, key, value)
	{
		wipe(value);
	}
	json_array_foreach(json, i, value)
	{
		wipe(value);
	}
}

void answer_wipe_json(json_t *json)
{
	wipe(json);
	json_decref(json);
}
