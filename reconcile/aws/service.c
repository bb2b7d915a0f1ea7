#include "aws/service.h"
#include "aws/form.h"

#include <stdlib.h>
#include <string.h>

/* More than any list that trueup reads can have. */
#define PAGE_LIMIT 20000

int service_call_form(struct aws *aws, struct arena *arena, enum aws_operation operation, struct buf *form,
                      const struct xml_node **result, struct error *err)
{
	struct aws_request request = {.operation = operation, .body = buf_text(form), .length = form->length};
	struct aws_response response = {0};
	int rc = aws_call(aws, arena, &request, &response, err);

	if (rc == 0 && result != NULL)
		*result = response.xml;
	aws_response_free(&response);
	buf_free(form);
	return rc;
}

const char *service_dump_json(struct arena *arena, json_t *json)
{
	char *text, *copy;

	if (json == NULL)
		return NULL;
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL)
		abort(); /* what is in a json_t is UTF-8, so only memory can have failed */
	copy = arena_strdup(arena, text);
	free(text);
	json_decref(json);
	return copy;
}

int service_call_json(struct aws *aws, struct arena *arena, enum aws_operation operation, json_t *body,
                      struct aws_response *response, struct error *err)
{
	struct aws_request request = {.operation = operation};

	*response = (struct aws_response){0};
	if (body == NULL)
		return error_set(err, ERROR_INVALID, "%s: a parameter is not UTF-8", operation_info(operation)->name);
	request.body = service_dump_json(arena, body);
	request.length = strlen(request.body);
	return aws_call(aws, arena, &request, response, err);
}

int service_do_json(struct aws *aws, struct arena *arena, enum aws_operation operation, json_t *body, struct error *err)
{
	struct aws_response response;
	int rc = service_call_json(aws, arena, operation, body, &response, err);

	aws_response_free(&response);
	return rc;
}

const char *service_text(const struct xml_node *node, const char *path)
{
	const char *text = xml_text(node, path);

	return text != NULL && *text != '\0' ? text : NULL;
}

const char **service_texts(struct arena *arena, const struct xml_node *node, const char *path, size_t *count)
{
	const char **texts = NULL;

	*count = 0;
	for (node = xml_child(node, path); node != NULL; node = xml_next(node))
		*ARENA_PUSH(arena, texts, *count) = node->text;
	return texts;
}

const char *service_json_text(struct arena *arena, const json_t *json, const char *key)
{
	return arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

int service_next_page(struct service_pages *pages, struct arena *arena, const char *token, struct error *err)
{
	if (token == NULL || *token == '\0')
		return 0;
	if (++pages->count >= PAGE_LIMIT || (pages->token != NULL && strcmp(pages->token, token) == 0))
		return error_set(err, ERROR_PROTOCOL, "the list does not end: page %zu leads back to itself",
		                 pages->count);
	pages->token = arena_strdup(arena, token);
	return 1;
}

int service_list_nodes(struct aws *aws, struct arena *arena, const struct service_listing *listing, struct buf *form,
                       struct service_nodes *nodes, struct error *err)
{
	struct service_pages pages = {0};
	int more;

	*nodes = (struct service_nodes){0};
	do {
		struct buf page = {0};
		const struct xml_node *result, *node;

		buf_append(&page, buf_text(form), form->length);
		form_add(&page, listing->token, pages.token);
		more = service_call_form(aws, arena, listing->operation, &page, &result, err);
		if (more != 0)
			break;
		for (node = xml_child(result, listing->elements); node != NULL; node = xml_next(node))
			*ARENA_PUSH(arena, nodes->items, nodes->count) = *node;
		more = service_next_page(&pages, arena, xml_text(result, listing->token), err);
	} while (more > 0);
	buf_free(form);
	return more;
}
