#include "spec/read.h"
#include "spec/scalar.h"
#include "spec/suggest.h"

#include <stdlib.h>
#include <string.h>

#define HOME_DEPTH 6 /* the field table is no deeper */

struct spec_issue read_place(const struct reader *reader, const struct tree_node *node, const char *path)
{
	return (struct spec_issue){.file = reader->file, .line = node->line, .column = node->column, .path = path};
}

const char *read_path(const struct reader *reader, const char *path, const char *key)
{
	const char *printable = *key != '\0' ? scalar_printable(reader->arena, key) : "\"\"";

	return *path != '\0' ? arena_printf(reader->arena, "%s.%s", path, printable) : printable;
}

const char *read_path_index(const struct reader *reader, const char *path, size_t index)
{
	return arena_printf(reader->arena, "%s[%zu]", path, index);
}

void read_wrong_type(struct reader *reader, const struct tree_node *node, const char *path, const char *wanted)
{
	spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path), "must be %s, found %s", wanted,
	               scalar_describe(reader->arena, node));
}

static const char *known_keys(const struct reader *reader, const struct field *fields)
{
	const char *known = fields->key;

	for (fields++; fields->key != NULL; fields++)
		known = arena_printf(reader->arena, "%s, %s", known, fields->key);
	return known;
}

/* Where in the table, `depth` sections down, a key is known. NULL: nowhere. */
static const char *home_at(const struct reader *reader, const struct field *fields, const char *key, const char *path,
                           int depth)
{
	const struct field *field;

	for (field = fields; field->key != NULL; field++) {
		const char *home = NULL;

		if (depth == 0 && strcmp(field->key, key) == 0)
			return *path != '\0' ? path : "the document itself";
		if (depth > 0 && field->fields != NULL)
			home = home_at(reader, field->fields, key,
			               arena_printf(reader->arena, "%s%s%s%s", path, *path != '\0' ? "." : "",
			                            field->key, field->type == FIELD_TYPE_MAP ? ".NAME" : ""),
			               depth - 1);
		if (home != NULL)
			return home;
	}
	return NULL;
}

/* The outermost section that knows a key which stands in the wrong one. NULL: none. */
static const char *home_of(const struct reader *reader, const char *key)
{
	const char *home = NULL;
	int depth;

	for (depth = 0; home == NULL && depth <= HOME_DEPTH; depth++)
		home = home_at(reader, reader->document, key, "", depth);
	return home;
}

static void unknown_key(struct reader *reader, const struct field *fields, const struct tree_node *key,
                        const char *path)
{
	const struct field *field;
	const char *closest = NULL, *home;
	struct spec_issue at = read_place(reader, key, path);

	for (field = fields; field->key != NULL; field++)
		closest = suggest_closer(key->text, closest, field->key);
	home = home_of(reader, key->text);
	if (strcmp(key->text, "<<") == 0)
		spec_issue_add(reader->arena, reader->issues, at,
		               "merge keys are not part of YAML 1.2; write the keys out");
	else if (closest != NULL)
		spec_issue_add(reader->arena, reader->issues, at, "unknown key; did you mean %s?", closest);
	else if (home != NULL)
		spec_issue_add(reader->arena, reader->issues, at, "unknown key here; it belongs into %s", home);
	else
		spec_issue_add(reader->arena, reader->issues, at, "unknown key; known here: %s",
		               known_keys(reader, fields));
}

/* Whether an entry of a mapping has a key that can be used: text, and there for the first time. */
static bool key_is_sound(struct reader *reader, const struct tree_entry *entry, const char *path)
{
	const struct tree_node *key = entry->key;
	const char *key_path;

	if (key->type != TREE_SCALAR) {
		spec_issue_add(reader->arena, reader->issues, read_place(reader, key, path),
		               "a key must be text, found %s", scalar_describe(reader->arena, key));
		return false;
	}
	key_path = read_path(reader, path, key->text);
	if (key->flaw != NULL)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, key, path), "a key %s", key->flaw);
	else if (entry->first_line != 0)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, key, key_path),
		               "duplicate key; it is in line %zu already", entry->first_line);
	return key->flaw == NULL && entry->first_line == 0;
}

static void *member_of(void *data, size_t offset)
{
	return (char *)data + offset;
}

/* Whatever a default is, it is read as if the spec had it. */
static void read_defaults(struct reader *reader, const struct field *fields, void *data)
{
	const struct field *field;

	for (field = fields; field->key != NULL; field++) {
		struct tree_node node = {.type = TREE_SCALAR, .plain = true, .text = field->fallback};

		if (field->type == FIELD_TYPE_SECTION)
			read_defaults(reader, field->fields, member_of(data, field->offset));
		else if (field->fallback != NULL)
			read_value(reader, field, &node, data, field->key);
	}
}

static void read_entry(struct reader *reader, const struct field *fields, const struct tree_entry *entry, void *data,
                       const char *path)
{
	const struct field *field;
	const char *key_path;

	if (!key_is_sound(reader, entry, path))
		return;
	key_path = read_path(reader, path, entry->key->text);
	for (field = fields; field->key != NULL; field++)
		if (strcmp(field->key, entry->key->text) == 0)
			break;
	if (field->key == NULL)
		unknown_key(reader, fields, entry->key, key_path);
	else
		read_value(reader, field, entry->value, data, key_path);
}

void read_section(struct reader *reader, const struct field *fields, const struct tree_node *node, void *data,
                  const char *path)
{
	const struct field *field;
	size_t i;

	read_defaults(reader, fields, data);
	for (i = 0; i < node->count; i++)
		read_entry(reader, fields, &node->entries[i], data, path);
	for (field = fields; field->key != NULL; field++)
		if (field->required && tree_get(node, field->key) == NULL)
			spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path),
			               "%s is missing, such as `%s: %s`", field->key, field->key, field->example);
}

static void read_one_key(struct reader *reader, const struct field *field, const struct tree_node *node,
                         const char *path)
{
	if (node->count == 1)
		return;
	spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path),
	               "must have just one key of %s, found %zu keys", known_keys(reader, field->fields), node->count);
}

static void read_map(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                     const char *path)
{
	char *items = arena_array(reader->arena, node->count, field->item_size);
	size_t i, count = 0;

	for (i = 0; i < node->count; i++) {
		const struct tree_entry *entry = &node->entries[i];
		void *item = items + count * field->item_size;
		const char *item_path;

		if (!key_is_sound(reader, entry, path))
			continue;
		item_path = read_path(reader, path, entry->key->text);
		if (!read_text_fits(reader, field, entry->key->text, read_place(reader, entry->key, item_path)))
			continue;
		if (entry->value->type != TREE_MAP) {
			read_wrong_type(reader, entry->value, item_path,
			                arena_printf(reader->arena, "a mapping with keys of %s",
			                             known_keys(reader, field->fields)));
			continue;
		}
		read_section(reader, field->fields, entry->value, item, item_path);
		*(const char **)item = entry->key->text;
		count++;
	}
	*(void **)member_of(data, field->offset) = items;
	*(size_t *)member_of(data, field->count_offset) = count;
}

static int compare_counts(const void *a, const void *b)
{
	const struct desired_count *left = a, *right = b;

	return strcmp(left->bot, right->bot);
}

static void read_counts(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                        const char *path)
{
	struct field rows = {.type = FIELD_TYPE_INT,
	                     .offset = offsetof(struct desired_count, rows),
	                     .least = field->least,
	                     .most = field->most};
	struct desired_count *counts = arena_array(reader->arena, node->count, sizeof(*counts));
	size_t i, count = 0;

	for (i = 0; i < node->count; i++) {
		const struct tree_entry *entry = &node->entries[i];
		const char *bot_path;

		if (!key_is_sound(reader, entry, path))
			continue;
		bot_path = read_path(reader, path, entry->key->text);
		if (!read_text_fits(reader, field, entry->key->text, read_place(reader, entry->key, bot_path)))
			continue;
		counts[count].bot = entry->key->text;
		read_value(reader, &rows, entry->value, &counts[count++], bot_path);
	}
	if (count > 1)
		qsort(counts, count, sizeof(*counts), compare_counts);
	*(struct desired_count **)member_of(data, field->offset) = counts;
	*(size_t *)member_of(data, field->count_offset) = count;
}

static void read_subsection(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                            const char *path)
{
	void *section = member_of(data, field->offset);

	*(bool *)section = true;
	if (field->one_key)
		read_one_key(reader, field, node, path);
	read_section(reader, field->fields, node, section, path);
}

typedef void read_function(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                           const char *path);

/* What is not named here is a single scalar. */
static read_function *const compound_readers[] = {
    [FIELD_TYPE_SECTION] = read_subsection, [FIELD_TYPE_MAP] = read_map,         [FIELD_TYPE_COUNTS] = read_counts,
    [FIELD_TYPE_MEMBERS] = read_members,    [FIELD_TYPE_STRINGS] = read_strings, [FIELD_TYPE_WORDS] = read_words,
};

void read_value(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                const char *path)
{
	bool mapping =
	    field->type == FIELD_TYPE_SECTION || field->type == FIELD_TYPE_MAP || field->type == FIELD_TYPE_COUNTS;
	size_t known = sizeof(compound_readers) / sizeof(compound_readers[0]);
	read_function *compound = (size_t)field->type < known ? compound_readers[field->type] : NULL;

	if (node->flaw != NULL)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path), "%s", node->flaw);
	else if (tree_is_null(node))
		spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path),
		               "has no value; fill it in or leave it out");
	else if (mapping && node->type != TREE_MAP)
		read_wrong_type(reader, node, path,
		                arena_printf(reader->arena, "a mapping, such as `%s`", field->example));
	else if (compound != NULL)
		compound(reader, field, node, data, path);
	else
		read_scalar(reader, field, node, data, path);
}
