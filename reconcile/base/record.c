#include "base/record.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where a value stands while reading, for errors: "cluster.members[2].id". */
struct reader {
	struct arena *arena;
	struct error *err;
};

static int read_object(const struct reader *reader, const struct record *record, const json_t *json, void *data,
                       const char *path);

static const void *at(const void *data, size_t offset)
{
	return (const char *)data + offset;
}

static void *at_writable(void *data, size_t offset)
{
	return (char *)data + offset;
}

/* jansson takes only UTF-8; a name out of a database may be anything. */
static json_t *json_text(const char *text)
{
	json_t *json;
	struct buf escaped = {0};

	if (text == NULL)
		return json_null();
	json = json_string(text);
	if (json != NULL)
		return json;
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x80)
			buf_putc(&escaped, *text);
		else
			buf_printf(&escaped, "\\x%02X", (unsigned char)*text);
	}
	json = json_string(buf_text(&escaped));
	buf_free(&escaped);
	return json;
}

static json_t *write_strings(const struct record_field *field, const void *data)
{
	const char *const *items = *(const char *const *const *)at(data, field->offset);
	size_t i, count = *(const size_t *)at(data, field->count_offset);
	json_t *list = json_array();

	for (i = 0; i < count; i++)
		json_array_append_new(list, json_text(items[i]));
	return list;
}

static json_t *write_list(const struct record_field *field, const void *data)
{
	const char *items = *(const char *const *)at(data, field->offset);
	size_t i, count = *(const size_t *)at(data, field->count_offset);
	json_t *list = json_array();

	for (i = 0; i < count; i++)
		json_array_append_new(list, record_to_json(field->record, items + i * field->record->size));
	return list;
}

static json_t *write_field(const struct record_field *field, const void *data)
{
	switch (field->type) {
	case RECORD_TYPE_STRING:
		return json_text(*(const char *const *)at(data, field->offset));
	case RECORD_TYPE_BOOL:
		return json_boolean(*(const bool *)at(data, field->offset));
	case RECORD_TYPE_INT:
		return json_integer(*(const int64_t *)at(data, field->offset));
	case RECORD_TYPE_WORD:
		return json_string(field->words[*(const unsigned *)at(data, field->offset)]);
	case RECORD_TYPE_STRINGS:
		return write_strings(field, data);
	case RECORD_TYPE_OBJECT:
		return record_to_json(field->record, at(data, field->offset));
	case RECORD_TYPE_LIST:
		return write_list(field, data);
	}
	abort();
}

json_t *record_to_json(const struct record *record, const void *data)
{
	const struct record_field *field;
	json_t *json = json_object();

	for (field = record->fields; field->key != NULL; field++)
		json_object_set_new(json, field->key, write_field(field, data));
	return json;
}

static int wrong_type(const struct reader *reader, const char *path, const char *wanted)
{
	return error_set(reader->err, ERROR_INVALID, "%s: must be %s", path, wanted);
}

static int read_word(const struct reader *reader, const struct record_field *field, const json_t *json, void *data,
                     const char *path)
{
	unsigned i;

	for (i = 0; json_is_string(json) && field->words[i] != NULL; i++) {
		if (strcmp(field->words[i], json_string_value(json)) == 0) {
			*(unsigned *)at_writable(data, field->offset) = i;
			return 0;
		}
	}
	return wrong_type(reader, path, "one of the known words");
}

static int read_strings(const struct reader *reader, const struct record_field *field, const json_t *json, void *data,
                        const char *path)
{
	size_t i, count = json_array_size(json);
	const char **items = arena_array(reader->arena, count, sizeof(*items));

	if (!json_is_array(json))
		return wrong_type(reader, path, "a list");
	for (i = 0; i < count; i++) {
		if (!json_is_string(json_array_get(json, i)))
			return wrong_type(reader, path, "a list of strings");
		items[i] = arena_strdup(reader->arena, json_string_value(json_array_get(json, i)));
	}
	*(const char ***)at_writable(data, field->offset) = items;
	*(size_t *)at_writable(data, field->count_offset) = count;
	return 0;
}

static int read_list(const struct reader *reader, const struct record_field *field, const json_t *json, void *data,
                     const char *path)
{
	size_t i, count = json_array_size(json);
	char *items = arena_array(reader->arena, count, field->record->size);

	if (!json_is_array(json))
		return wrong_type(reader, path, "a list");
	for (i = 0; i < count; i++) {
		const char *item_path = arena_printf(reader->arena, "%s[%zu]", path, i);

		if (read_object(reader, field->record, json_array_get(json, i), items + i * field->record->size,
		                item_path) != 0)
			return -1;
	}
	*(char **)at_writable(data, field->offset) = items;
	*(size_t *)at_writable(data, field->count_offset) = count;
	return 0;
}

static int read_field(const struct reader *reader, const struct record_field *field, const json_t *json, void *data,
                      const char *path)
{
	void *member = at_writable(data, field->offset);

	if (json_is_null(json))
		return 0;
	switch (field->type) {
	case RECORD_TYPE_STRING:
		if (!json_is_string(json))
			return wrong_type(reader, path, "a string");
		*(const char **)member = arena_strdup(reader->arena, json_string_value(json));
		return 0;
	case RECORD_TYPE_BOOL:
		if (!json_is_boolean(json))
			return wrong_type(reader, path, "true or false");
		*(bool *)member = json_is_true(json);
		return 0;
	case RECORD_TYPE_INT:
		if (!json_is_integer(json))
			return wrong_type(reader, path, "a whole number");
		*(int64_t *)member = json_integer_value(json);
		return 0;
	case RECORD_TYPE_WORD:
		return read_word(reader, field, json, data, path);
	case RECORD_TYPE_STRINGS:
		return read_strings(reader, field, json, data, path);
	case RECORD_TYPE_OBJECT:
		return read_object(reader, field->record, json, member, path);
	case RECORD_TYPE_LIST:
		return read_list(reader, field, json, data, path);
	}
	abort();
}

static const struct record_field *field_by_key(const struct record *record, const char *key)
{
	const struct record_field *field;

	for (field = record->fields; field->key != NULL; field++)
		if (strcmp(field->key, key) == 0)
			return field;
	return NULL;
}

static int read_object(const struct reader *reader, const struct record *record, const json_t *json, void *data,
                       const char *path)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return wrong_type(reader, *path != '\0' ? path : "the document", "an object");
	json_object_foreach((json_t *)json, key, value)
	{
		const struct record_field *field = field_by_key(record, key);
		const char *key_path = arena_printf(reader->arena, "%s%s%s", path, *path != '\0' ? "." : "", key);

		if (field == NULL)
			return error_set(reader->err, ERROR_INVALID, "%s: unknown key", key_path);
		if (read_field(reader, field, value, data, key_path) != 0)
			return -1;
	}
	return 0;
}

int record_from_json(const struct record *record, struct arena *arena, const json_t *json, void *data,
                     struct error *err)
{
	struct reader reader = {.arena = arena, .err = err};

	memset(data, 0, record->size);
	return read_object(&reader, record, json, data, "");
}
