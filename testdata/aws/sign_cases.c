/*
 * sign_cases - sign the requests on standard input, one JSON object a line,
 * and print what came of each. test_sign.py compares that with botocore.
 */
#include "aws/sign.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static struct secret *read_secret(const json_t *json, const char *key)
{
	const char *value = text(json, key);

	return value != NULL ? secret_new(value, strlen(value)) : NULL;
}

static struct sign_header *read_headers(const json_t *json, size_t *count)
{
	const json_t *list = json_object_get(json, "headers");
	struct sign_header *headers;

	*count = json_array_size(list);
	headers = calloc(*count + 1, sizeof(*headers));
	if (headers == NULL)
		abort();
	for (size_t i = 0; i < *count; i++) {
		const json_t *pair = json_array_get(list, i);

		headers[i].name = json_string_value(json_array_get(pair, 0));
		headers[i].value = json_string_value(json_array_get(pair, 1));
	}
	return headers;
}

static json_t *sign_case(const json_t *json, const struct sign_request *request, const struct sign_key *key)
{
	struct buf out = {0};
	json_t *answer;

	if (json_is_true(json_object_get(json, "presign")))
		sign_presign(request, key, (int)json_integer_value(json_object_get(json, "expires")), &out);
	else
		sign_authorize(request, key, &out);
	answer = json_pack("{s:s}", "signed", buf_text(&out));
	buf_free(&out);
	return answer;
}

static void run_case(const json_t *json)
{
	struct sign_key key = {
	    .access_key = text(json, "access_key"),
	    .secret_key = read_secret(json, "secret_key"),
	    .token = read_secret(json, "token"),
	    .region = text(json, "region"),
	    .service = text(json, "service"),
	    .when = (time_t)json_integer_value(json_object_get(json, "when")),
	};
	struct sign_request request = {
	    .method = text(json, "method"),
	    .host = text(json, "host"),
	    .path = text(json, "path"),
	    .query = text(json, "query"),
	    .body = text(json, "body"),
	};
	struct sign_header *headers = read_headers(json, &request.header_count);
	json_t *answer;
	char *line;

	request.headers = headers;
	request.length = request.body != NULL ? strlen(request.body) : 0;
	answer = sign_case(json, &request, &key);
	line = json_dumps(answer, JSON_COMPACT);
	puts(line);
	free(line);
	json_decref(answer);
	free(headers);
	secret_free((struct secret *)key.secret_key);
	secret_free((struct secret *)key.token);
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	while ((length = getline(&line, &capacity, stdin)) > 0) {
		json_error_t where;
		json_t *json = json_loadb(line, (size_t)length, 0, &where);

		if (json == NULL) {
			fprintf(stderr, "sign_cases: %s\n", where.text);
			return EXIT_FAILURE;
		}
		run_case(json);
		json_decref(json);
	}
	free(line);
	return EXIT_SUCCESS;
}
