#include "aws/cognito.h"
#include "aws/service.h"

#include <string.h>

#define PAGE_SIZE 60

static void read_user(struct arena *arena, const json_t *json, struct cognito_user *user)
{
	size_t i;
	json_t *attribute;

	*user = (struct cognito_user){
	    .username = service_json_text(arena, json, "Username"),
	    .status = service_json_text(arena, json, "UserStatus"),
	    .enabled = json_is_true(json_object_get(json, "Enabled")),
	};
	json_array_foreach(json_object_get(json, "Attributes"), i, attribute)
	{
		const char *name = json_string_value(json_object_get(attribute, "Name"));

		if (name != NULL && strcmp(name, "email") == 0)
			user->email = service_json_text(arena, attribute, "Value");
	}
}

static void read_group(struct arena *arena, const json_t *json, struct cognito_group *group)
{
	const json_t *precedence = json_object_get(json, "Precedence");

	*group = (struct cognito_group){
	    .name = service_json_text(arena, json, "GroupName"),
	    .description = service_json_text(arena, json, "Description"),
	    .role_arn = service_json_text(arena, json, "RoleArn"),
	    .has_precedence = json_is_integer(precedence),
	    .precedence = json_integer_value(precedence),
	};
}

/* One list of Cognito's. ListUsers names its token otherwise than all others. */
struct listing {
	enum aws_operation operation;
	const char *elements; /* "Users" */
	const char *token_name;
	const char *parameter; /* besides the pool; NULL: none */
	const char *value;
};

static json_t *make_page_request(const char *pool, const struct listing *listing, const char *token)
{
	json_t *body = json_pack("{s:s, s:i}", "UserPoolId", pool, "Limit", PAGE_SIZE);
	int rc = body == NULL;

	if (listing->parameter != NULL)
		rc |= json_object_set_new(body, listing->parameter, json_string(listing->value));
	if (token != NULL)
		rc |= json_object_set_new(body, listing->token_name, json_string(token));
	if (rc == 0)
		return body;
	json_decref(body);
	return NULL;
}

/* The elements of all pages: an array that the caller releases, or NULL. A page may be empty and yet not the last. */
static json_t *list_elements(struct aws *aws, struct arena *arena, const char *pool, const struct listing *listing,
                             struct error *err)
{
	json_t *elements = json_array();
	struct service_pages pages = {0};
	int more;

	do {
		json_t *body = make_page_request(pool, listing, pages.token);
		struct aws_response response;

		more = service_call_json(aws, arena, listing->operation, body, &response, err);
		if (more == 0) {
			json_array_extend(elements, json_object_get(response.json, listing->elements));
			more = service_next_page(
			    &pages, arena, json_string_value(json_object_get(response.json, listing->token_name)), err);
		}
		aws_response_free(&response);
	} while (more > 0);
	if (more == 0)
		return elements;
	json_decref(elements);
	return NULL;
}

static void read_users(struct arena *arena, const json_t *elements, struct cognito_users *users)
{
	users->count = json_array_size(elements);
	users->items = arena_array(arena, users->count, sizeof(*users->items));
	for (size_t i = 0; i < users->count; i++)
		read_user(arena, json_array_get(elements, i), &users->items[i]);
}

static int list_users(struct aws *aws, struct arena *arena, const char *pool, const struct listing *listing,
                      struct cognito_users *users, struct error *err)
{
	json_t *elements = list_elements(aws, arena, pool, listing, err);

	if (elements == NULL)
		return -1;
	read_users(arena, elements, users);
	json_decref(elements);
	return 0;
}

int cognito_list_users(struct aws *aws, struct arena *arena, const char *pool, const char *filter,
                       struct cognito_users *users, struct error *err)
{
	struct listing listing = {.operation = AWS_COGNITO_LIST_USERS,
	                          .elements = "Users",
	                          .token_name = "PaginationToken",
	                          .parameter = filter != NULL ? "Filter" : NULL,
	                          .value = filter};

	return list_users(aws, arena, pool, &listing, users, err);
}

int cognito_list_users_in_group(struct aws *aws, struct arena *arena, const char *pool, const char *group,
                                struct cognito_users *users, struct error *err)
{
	struct listing listing = {.operation = AWS_COGNITO_LIST_USERS_IN_GROUP,
	                          .elements = "Users",
	                          .token_name = "NextToken",
	                          .parameter = "GroupName",
	                          .value = group};

	return list_users(aws, arena, pool, &listing, users, err);
}

static int list_groups(struct aws *aws, struct arena *arena, const char *pool, const struct listing *listing,
                       struct cognito_groups *groups, struct error *err)
{
	json_t *elements = list_elements(aws, arena, pool, listing, err);

	if (elements == NULL)
		return -1;
	groups->count = json_array_size(elements);
	groups->items = arena_array(arena, groups->count, sizeof(*groups->items));
	for (size_t i = 0; i < groups->count; i++)
		read_group(arena, json_array_get(elements, i), &groups->items[i]);
	json_decref(elements);
	return 0;
}

int cognito_list_groups(struct aws *aws, struct arena *arena, const char *pool, struct cognito_groups *groups,
                        struct error *err)
{
	struct listing listing = {
	    .operation = AWS_COGNITO_LIST_GROUPS, .elements = "Groups", .token_name = "NextToken"};

	return list_groups(aws, arena, pool, &listing, groups, err);
}

int cognito_list_groups_for_user(struct aws *aws, struct arena *arena, const char *pool, const char *username,
                                 struct cognito_groups *groups, struct error *err)
{
	struct listing listing = {.operation = AWS_COGNITO_ADMIN_LIST_GROUPS_FOR_USER,
	                          .elements = "Groups",
	                          .token_name = "NextToken",
	                          .parameter = "Username",
	                          .value = username};

	return list_groups(aws, arena, pool, &listing, groups, err);
}

const char *cognito_format_filter(struct arena *arena, const char *attribute, const char *value)
{
	struct buf filter = {0};
	const char *text;

	buf_printf(&filter, "%s = \"", attribute);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			buf_putc(&filter, '\\');
		buf_putc(&filter, *value);
	}
	buf_putc(&filter, '"');
	text = arena_strndup(arena, filter.bytes, filter.length);
	buf_free(&filter);
	return text;
}

int cognito_get_group(struct aws *aws, struct arena *arena, const char *pool, const char *name,
                      struct cognito_group *group, struct error *err)
{
	struct aws_response response;
	json_t *body = json_pack("{s:s, s:s}", "UserPoolId", pool, "GroupName", name);

	if (service_call_json(aws, arena, AWS_COGNITO_GET_GROUP, body, &response, err) != 0)
		return -1;
	read_group(arena, json_object_get(response.json, "Group"), group);
	aws_response_free(&response);
	return 0;
}

int cognito_create_group(struct aws *aws, struct arena *arena, const char *pool, const struct cognito_group *group,
                         struct error *err)
{
	json_t *body = json_pack("{s:s, s:s, s:s*, s:s*}", "UserPoolId", pool, "GroupName", group->name, "Description",
	                         group->description, "RoleArn", group->role_arn);

	if (body != NULL && group->has_precedence)
		json_object_set_new(body, "Precedence", json_integer(group->precedence));
	if (service_do_json(aws, arena, AWS_COGNITO_CREATE_GROUP, body, err) == 0)
		return 0;
	return err->code == ERROR_EXISTS ? 0 : -1;
}

/* One operation for each of many users: `common`, whose reference is taken over, with each Username. */
static size_t change_users(struct aws *aws, enum aws_operation operation, json_t *common,
                           struct cognito_change *changes, size_t count)
{
	struct arena *arena = arena_new();
	struct aws_exchange *exchanges = arena_array(arena, count, sizeof(*exchanges));
	size_t failed;

	for (size_t i = 0; i < count; i++) {
		json_t *body = json_copy(common);
		const char *text;

		json_object_set_new(body, "Username", json_string(changes[i].username));
		text = service_dump_json(arena, body);
		exchanges[i].request = (struct aws_request){
		    .operation = operation, .body = text, .length = text != NULL ? strlen(text) : 0};
	}
	failed = aws_batch(aws, arena, exchanges, count);
	for (size_t i = 0; i < count; i++) {
		changes[i].error = exchanges[i].error;
		aws_response_free(&exchanges[i].response);
	}
	json_decref(common);
	arena_free(arena);
	return failed;
}

size_t cognito_add_users(struct aws *aws, const char *pool, const char *group, struct cognito_change *changes,
                         size_t count)
{
	return change_users(aws, AWS_COGNITO_ADMIN_ADD_USER_TO_GROUP,
	                    json_pack("{s:s, s:s}", "UserPoolId", pool, "GroupName", group), changes, count);
}

size_t cognito_remove_users(struct aws *aws, const char *pool, const char *group, struct cognito_change *changes,
                            size_t count)
{
	return change_users(aws, AWS_COGNITO_ADMIN_REMOVE_USER_FROM_GROUP,
	                    json_pack("{s:s, s:s}", "UserPoolId", pool, "GroupName", group), changes, count);
}

size_t cognito_sign_out_users(struct aws *aws, const char *pool, struct cognito_change *changes, size_t count)
{
	return change_users(aws, AWS_COGNITO_ADMIN_USER_GLOBAL_SIGN_OUT, json_pack("{s:s}", "UserPoolId", pool),
	                    changes, count);
}

/* What a lookup's first page said; a page that is not the last may lack the user, so then the whole list is read. */
static void read_lookup(struct aws *aws, struct arena *arena, const char *pool, struct cognito_lookup *lookup,
                        const struct aws_exchange *exchange)
{
	const json_t *page = exchange->response.json;

	lookup->error = exchange->error;
	if (exchange->error.code != ERROR_NONE)
		return;
	if (json_string_length(json_object_get(page, "PaginationToken")) == 0)
		read_users(arena, json_object_get(page, "Users"), &lookup->users);
	else if (cognito_list_users(aws, arena, pool, cognito_format_filter(arena, "email", lookup->email),
	                            &lookup->users, &lookup->error) == 0)
		lookup->error = (struct error){0};
}

size_t cognito_find_emails(struct aws *aws, struct arena *arena, const char *pool, struct cognito_lookup *lookups,
                           size_t count)
{
	struct arena *scratch = arena_new();
	struct aws_exchange *exchanges = arena_array(scratch, count, sizeof(*exchanges));
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct listing listing = {.operation = AWS_COGNITO_LIST_USERS,
		                          .parameter = "Filter",
		                          .value = cognito_format_filter(scratch, "email", lookups[i].email)};
		const char *text = service_dump_json(scratch, make_page_request(pool, &listing, NULL));

		lookups[i].users = (struct cognito_users){0};
		exchanges[i].request =
		    (struct aws_request){.operation = listing.operation, .body = text, .length = strlen(text)};
	}
	aws_batch(aws, scratch, exchanges, count);
	for (size_t i = 0; i < count; i++) {
		read_lookup(aws, arena, pool, &lookups[i], &exchanges[i]);
		aws_response_free(&exchanges[i].response);
		failed += lookups[i].error.code != ERROR_NONE;
	}
	arena_free(scratch);
	return failed;
}
