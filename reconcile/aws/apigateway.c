#include "aws/apigateway.h"
#include "aws/answer.h"
#include "aws/service.h"
#include "aws/sign.h"

#define PAGE 500 /* the most that API Gateway gives */

/* As a segment of a path, or a value in a query. */
static const char *encode(struct arena *arena, const char *text)
{
	struct buf buf = {0};
	const char *encoded;

	sign_encode(&buf, text, "");
	encoded = arena_strdup(arena, buf_text(&buf));
	buf_free(&buf);
	return encoded;
}

static int call(struct aws *aws, struct arena *arena, enum aws_operation operation, const char *path,
                struct aws_response *response, struct error *err)
{
	struct aws_request request = {.operation = operation, .path = path};

	*response = (struct aws_response){0};
	return aws_call(aws, arena, &request, response, err);
}

/* A float, which comes as 10 or as 10.0. */
static const char *read_number(struct arena *arena, const json_t *number)
{
	return json_is_number(number) ? arena_printf(arena, "%.10g", json_number_value(number)) : NULL;
}

static void read_stages(struct arena *arena, const json_t *document, struct apigateway_plan *plan)
{
	const json_t *stage;
	size_t i;

	json_array_foreach(json_object_get(document, "apiStages"), i, stage)
	{
		*ARENA_PUSH(arena, plan->stages, plan->stage_count) = (struct apigateway_stage){
		    .api = service_json_text(arena, stage, "apiId"),
		    .name = service_json_text(arena, stage, "stage"),
		};
	}
}

int apigateway_get_usage_plan(struct aws *aws, struct arena *arena, const char *id, struct apigateway_plan *plan,
                              struct error *err)
{
	const char *path = arena_printf(arena, "/usageplans/%s", encode(arena, id));
	const json_t *throttle, *quota;
	struct aws_response response;

	if (call(aws, arena, AWS_APIGATEWAY_GET_USAGE_PLAN, path, &response, err) != 0)
		return -1;
	throttle = json_object_get(response.json, "throttle");
	quota = json_object_get(response.json, "quota");
	*plan = (struct apigateway_plan){
	    .id = service_json_text(arena, response.json, "id"),
	    .name = service_json_text(arena, response.json, "name"),
	    .rate = read_number(arena, json_object_get(throttle, "rateLimit")),
	    .burst = json_integer_value(json_object_get(throttle, "burstLimit")),
	    .quota = json_integer_value(json_object_get(quota, "limit")),
	    .quota_offset = json_integer_value(json_object_get(quota, "offset")),
	    .period = service_json_text(arena, quota, "period"),
	};
	read_stages(arena, response.json, plan);
	aws_response_free(&response);
	return 0;
}

static void read_keys(struct arena *arena, const json_t *page, struct apigateway_keys *keys)
{
	const json_t *item;
	size_t i;

	/* On the wire it is "item", whatever the SDKs make of it. */
	json_array_foreach(json_object_get(page, "item"), i, item)
	{
		if (json_object_get(item, "id") == NULL)
			continue;
		*ARENA_PUSH(arena, keys->items, keys->count) = (struct apigateway_key){
		    .id = service_json_text(arena, item, "id"),
		    .name = service_json_text(arena, item, "name"),
		};
	}
}

int apigateway_list_plan_keys(struct aws *aws, struct arena *arena, const char *plan, struct apigateway_keys *keys,
                              struct error *err)
{
	const char *first = arena_printf(arena, "/usageplans/%s/keys?limit=%d", encode(arena, plan), PAGE);
	struct service_pages pages = {0};
	int more;

	*keys = (struct apigateway_keys){0};
	do {
		struct aws_response response;
		const char *path = first;

		if (pages.token != NULL)
			path = arena_printf(arena, "%s&position=%s", first, encode(arena, pages.token));
		if (call(aws, arena, AWS_APIGATEWAY_GET_USAGE_PLAN_KEYS, path, &response, err) != 0)
			return -1;
		read_keys(arena, response.json, keys);
		more = service_next_page(&pages, arena, json_string_value(json_object_get(response.json, "position")),
		                         err);
		answer_wipe_json(json_incref(response.json)); /* API Gateway may have told values unasked */
		aws_response_free(&response);
	} while (more > 0);
	return more;
}

int apigateway_delete_key(struct aws *aws, struct arena *arena, const char *id, struct error *err)
{
	const char *path = arena_printf(arena, "/apikeys/%s", encode(arena, id));
	struct aws_response response;

	if (call(aws, arena, AWS_APIGATEWAY_DELETE_API_KEY, path, &response, err) != 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	aws_response_free(&response);
	return 0;
}
