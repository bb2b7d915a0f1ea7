#include "aws/bedrock.h"
#include "aws/service.h"

#include <ctype.h>
#include <string.h>

/* A model's id has colons, a profile's ARN slashes too; the signer encodes the path once more, as AWS does. */
static const char *make_path(struct arena *arena, const char *model)
{
	struct buf path = {0};
	const char *copy;

	buf_puts(&path, "/model/");
	for (; *model != '\0'; model++) {
		if (isalnum((unsigned char)*model) || strchr("-._~", *model) != NULL)
			buf_putc(&path, *model);
		else
			buf_printf(&path, "%%%02X", (unsigned char)*model);
	}
	buf_puts(&path, "/invoke");
	copy = arena_strdup(arena, buf_text(&path));
	buf_free(&path);
	return copy;
}

/* The first of the answer's embeddings as text; NULL if there is none, or it is not of numbers. */
static const char *read_embedding(struct arena *arena, const json_t *answer, size_t *dimension)
{
	const json_t *numbers = json_array_get(json_object_get(answer, "embeddings"), 0);
	struct buf text = {0};
	const char *copy = NULL;
	size_t i;

	*dimension = json_array_size(numbers);
	for (i = 0; i < *dimension; i++) {
		const json_t *number = json_array_get(numbers, i);

		if (!json_is_number(number))
			break;
		buf_printf(&text, "%s%.9g", i == 0 ? "[" : ",", json_number_value(number));
	}
	if (*dimension > 0 && i == *dimension) {
		buf_putc(&text, ']');
		copy = arena_strdup(arena, buf_text(&text));
	}
	buf_free(&text);
	return copy;
}

int bedrock_embed_question(struct aws *aws, struct arena *arena, const char *model, const char *text,
                           const char **embedding, size_t *dimension, struct error *err)
{
	struct aws_request request = {.operation = AWS_BEDROCK_INVOKE_MODEL, .path = make_path(arena, model)};
	struct aws_response response;

	request.body = service_dump_json(arena, json_pack("{s:[s], s:s}", "texts", text, "input_type", "search_query"));
	if (request.body == NULL)
		return error_set(err, ERROR_INVALID, "a question for %s is not UTF-8", model);
	request.length = strlen(request.body);
	if (aws_call(aws, arena, &request, &response, err) != 0)
		return error_context(err, "model %s", model);
	*embedding = read_embedding(arena, response.json, dimension);
	aws_response_free(&response);
	if (*embedding == NULL)
		return error_set(err, ERROR_PROTOCOL, "model %s: its answer has no embedding: is it one of Cohere's?",
		                 model);
	return 0;
}
