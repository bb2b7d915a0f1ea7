#include "spec/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* Each alias is looked up among all anchors; no honest file comes near this. */
#define ANCHORS_MAX 256
#define CORE_TAG "tag:yaml.org,2002:"

struct anchor {
	const char *name;
	const struct tree_node *node;
	bool open; /* its node is still being read: an alias to it would have no end */
};

struct builder {
	struct arena *arena;
	yaml_parser_t parser;
	const char *text;
	size_t length;
	const struct tree_limits *limits;
	size_t expanded;
	struct anchor *anchors;
	size_t anchor_count;
	struct tree_problem *problem;
};

static struct tree_node *build_node(struct builder *builder, yaml_event_t *event, size_t depth);

static int fail_at(struct builder *builder, size_t line, size_t column, const char *message)
{
	*builder->problem = (struct tree_problem){.line = line, .column = column, .message = message};
	return -1;
}

/* A reader error has a byte offset and no mark. */
static int fail_bytes(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	size_t i, line = 1, column = 1;
	size_t end = parser->problem_offset < builder->length ? parser->problem_offset : builder->length;

	for (i = 0; i < end; i++) {
		if (builder->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)builder->text[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	if (parser->problem_value == -1)
		return fail_at(builder, line, column, arena_strdup(builder->arena, parser->problem));
	return fail_at(builder, line, column,
	               arena_printf(builder->arena, "%s (0x%02X)", parser->problem, (unsigned)parser->problem_value));
}

static int fail_parser(struct builder *builder)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *message = parser->problem != NULL ? parser->problem : "this is not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		abort();
	if (parser->error == YAML_READER_ERROR)
		return fail_bytes(builder);
	if (parser->context != NULL)
		message = arena_printf(builder->arena, "%s, %s (line %zu)", message, parser->context,
		                       parser->context_mark.line + 1);
	return fail_at(builder, parser->problem_mark.line + 1, parser->problem_mark.column + 1,
	               arena_strdup(builder->arena, message));
}

static int next_event(struct builder *builder, yaml_event_t *event)
{
	return yaml_parser_parse(&builder->parser, event) != 0 ? 0 : fail_parser(builder);
}

static struct tree_node *new_node(struct builder *builder, const yaml_event_t *event, enum tree_type type)
{
	struct tree_node *node = arena_alloc(builder->arena, sizeof(*node));

	node->type = type;
	node->text = "";
	node->line = event->start_mark.line + 1;
	node->column = event->start_mark.column + 1;
	node->expanded = 1;
	return node;
}

static struct tree_node *limit_failed(struct builder *builder, const yaml_event_t *event, const char *what,
                                      size_t limit)
{
	fail_at(builder, event->start_mark.line + 1, event->start_mark.column + 1,
	        arena_printf(builder->arena, what, limit));
	return NULL;
}

/* Tags of the core schema say what the reader checks anyway, but for !!str, which makes a number text. */
static void note_tag(struct builder *builder, struct tree_node *node, const yaml_char_t *tag)
{
	static const char *const core[] = {"str", "int", "float", "bool", "null", "map", "seq"};
	const char *name = (const char *)tag;
	size_t i;

	if (name == NULL || strcmp(name, "!") == 0)
		return;
	if (strcmp(name, CORE_TAG "str") == 0)
		node->plain = false;
	for (i = 0; i < sizeof(core) / sizeof(core[0]); i++)
		if (strncmp(name, CORE_TAG, strlen(CORE_TAG)) == 0 && strcmp(name + strlen(CORE_TAG), core[i]) == 0)
			return;
	node->flaw = arena_strdup(builder->arena, "has a YAML tag, which trueup does not read");
}

static struct tree_node *build_scalar(struct builder *builder, const yaml_event_t *event)
{
	struct tree_node *node = new_node(builder, event, TREE_SCALAR);
	const char *value = (const char *)event->data.scalar.value;

	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	note_tag(builder, node, event->data.scalar.tag);
	if (memchr(value, '\0', event->data.scalar.length) != NULL)
		node->flaw = "contains a NUL character";
	if (node->flaw == NULL)
		node->text = arena_strndup(builder->arena, value, event->data.scalar.length);
	return node;
}

static struct anchor *find_anchor(struct builder *builder, const char *name)
{
	size_t i;

	/* Backwards: an anchor may be defined again, and the last one counts. */
	for (i = builder->anchor_count; i > 0; i--)
		if (strcmp(builder->anchors[i - 1].name, name) == 0)
			return &builder->anchors[i - 1];
	return NULL;
}

static const struct tree_node *build_alias(struct builder *builder, const yaml_event_t *event, size_t depth)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = find_anchor(builder, name);
	struct tree_node *flawed;

	if (anchor != NULL && !anchor->open) {
		builder->expanded += anchor->node->expanded - 1;
		if (builder->expanded > builder->limits->nodes)
			return limit_failed(builder, event, "this expands to more than %zu values",
			                    builder->limits->nodes);
		if (depth + anchor->node->height > builder->limits->depth)
			return limit_failed(builder, event, "this is nested more than %zu levels deep",
			                    builder->limits->depth);
		return anchor->node;
	}
	flawed = new_node(builder, event, TREE_SCALAR);
	flawed->flaw = arena_printf(builder->arena,
	                            anchor == NULL ? "is the alias *%s, and there is no anchor &%s before it"
	                                           : "is the alias *%s inside its own anchor &%s",
	                            name, name);
	return flawed;
}

/* The value of an event that starts one, with the events up to its end. The event is consumed. */
static const struct tree_node *build_value(struct builder *builder, yaml_event_t *event, size_t depth)
{
	const struct tree_node *node;

	builder->expanded++;
	if (builder->expanded > builder->limits->nodes)
		node = limit_failed(builder, event, "this expands to more than %zu values", builder->limits->nodes);
	else if (depth > builder->limits->depth)
		node = limit_failed(builder, event, "this is nested more than %zu levels deep", builder->limits->depth);
	else if (event->type == YAML_ALIAS_EVENT)
		node = build_alias(builder, event, depth);
	else
		node = build_node(builder, event, depth);
	yaml_event_delete(event);
	return node;
}

static void add_entry(struct builder *builder, struct tree_node *node, const struct tree_node *key,
                      const struct tree_node *value)
{
	struct tree_entry *entry = ARENA_PUSH(builder->arena, node->entries, node->count);

	*entry = (struct tree_entry){.key = key, .value = value};
	node->expanded += value->expanded + (key != NULL ? key->expanded : 0);
	if (value->height + 1 > node->height)
		node->height = value->height + 1;
	if (key != NULL && key->height + 1 > node->height)
		node->height = key->height + 1;
}

static int compare_keys(const void *a, const void *b)
{
	const struct tree_entry *left = *(const struct tree_entry *const *)a;
	const struct tree_entry *right = *(const struct tree_entry *const *)b;
	int order = strcmp(left->key->text, right->key->text);

	if (order != 0)
		return order;
	return left < right ? -1 : 1;
}

/* By sorting: a baseline has a hundred thousand keys. */
static void note_duplicates(struct tree_node *node)
{
	struct tree_entry **sorted = calloc(node->count + 1, sizeof(struct tree_entry *));
	size_t i;

	if (sorted == NULL)
		abort();
	for (i = 0; i < node->count; i++)
		sorted[i] = &node->entries[i];
	qsort(sorted, node->count, sizeof(struct tree_entry *), compare_keys);
	for (i = 1; i < node->count; i++)
		if (strcmp(sorted[i - 1]->key->text, sorted[i]->key->text) == 0 && sorted[i]->key->flaw == NULL &&
		    sorted[i]->key->type == TREE_SCALAR)
			sorted[i]->first_line =
			    sorted[i - 1]->first_line != 0 ? sorted[i - 1]->first_line : sorted[i - 1]->key->line;
	free(sorted);
}

static int build_entries(struct builder *builder, struct tree_node *node, size_t depth)
{
	const struct tree_node *key, *value;
	yaml_event_t event;

	for (;;) {
		if (next_event(builder, &event) != 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
			break;
		value = build_value(builder, &event, depth + 1);
		key = NULL;
		if (value != NULL && node->type == TREE_MAP) {
			key = value;
			if (next_event(builder, &event) != 0)
				return -1;
			value = build_value(builder, &event, depth + 1);
		}
		if (value == NULL)
			return -1;
		add_entry(builder, node, key, value);
	}
	yaml_event_delete(&event);
	if (node->type == TREE_MAP)
		note_duplicates(node);
	return 0;
}

static struct tree_node *build_collection(struct builder *builder, const yaml_event_t *event, size_t depth)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	struct tree_node *node = new_node(builder, event, map ? TREE_MAP : TREE_LIST);

	note_tag(builder, node, map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
	return build_entries(builder, node, depth) == 0 ? node : NULL;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	default:
		return event->data.mapping_start.anchor;
	}
}

static struct tree_node *build_node(struct builder *builder, yaml_event_t *event, size_t depth)
{
	const char *name = (const char *)anchor_of(event);
	size_t index = builder->anchor_count;
	struct tree_node *node;

	if (name != NULL && index == ANCHORS_MAX)
		return limit_failed(builder, event, "this is one anchor too many: a document may have %zu",
		                    ANCHORS_MAX);
	if (name != NULL)
		*ARENA_PUSH(builder->arena, builder->anchors, builder->anchor_count) =
		    (struct anchor){.name = arena_strdup(builder->arena, name), .open = true};
	if (event->type == YAML_SCALAR_EVENT)
		node = build_scalar(builder, event);
	else
		node = build_collection(builder, event, depth);
	if (name != NULL) {
		builder->anchors[index].node = node;
		builder->anchors[index].open = false;
	}
	return node;
}

static int build_documents(struct builder *builder, struct tree_documents *out)
{
	yaml_event_t event;

	for (;;) {
		yaml_event_type_t type;
		const struct tree_node *root;

		if (next_event(builder, &event) != 0)
			return -1;
		type = event.type;
		if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		if (type != YAML_SCALAR_EVENT && type != YAML_SEQUENCE_START_EVENT &&
		    type != YAML_MAPPING_START_EVENT && type != YAML_ALIAS_EVENT) {
			builder->anchor_count = 0; /* anchors live within one document */
			yaml_event_delete(&event);
			continue;
		}
		root = build_value(builder, &event, 1);
		if (root == NULL)
			return -1;
		if (!tree_is_null(root))
			ARENA_PUSH(builder->arena, out->items, out->count)->root = root;
	}
}

int tree_parse(struct arena *arena, const char *text, size_t length, const struct tree_limits *limits,
               struct tree_documents *out, struct tree_problem *problem)
{
	/* A byte order mark, which libyaml would take for the first column. */
	size_t mark = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	struct builder builder = {
	    .arena = arena, .text = text + mark, .length = length - mark, .limits = limits, .problem = problem};
	int rc;

	if (yaml_parser_initialize(&builder.parser) == 0)
		abort();
	yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)builder.text, builder.length);
	rc = build_documents(&builder, out);
	yaml_parser_delete(&builder.parser);
	return rc;
}

const struct tree_node *tree_get(const struct tree_node *node, const char *key)
{
	size_t i;

	if (node == NULL || node->type != TREE_MAP)
		return NULL;
	for (i = 0; i < node->count; i++)
		if (strcmp(node->entries[i].key->text, key) == 0)
			return node->entries[i].value;
	return NULL;
}

const struct tree_node *tree_nearest(const struct tree_node *node, const char *path)
{
	char key[64];

	while (*path != '\0') {
		size_t length = strcspn(path, ".");
		const struct tree_node *next;

		if (length >= sizeof(key))
			return node;
		memcpy(key, path, length);
		key[length] = '\0';
		next = tree_get(node, key);
		if (next == NULL)
			return node;
		node = next;
		path += length + (path[length] == '.');
	}
	return node;
}

bool tree_is_null(const struct tree_node *node)
{
	const char *text = node->text;

	if (node->type != TREE_SCALAR || !node->plain || node->flaw != NULL)
		return false;
	return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
	       strcmp(text, "NULL") == 0;
}
