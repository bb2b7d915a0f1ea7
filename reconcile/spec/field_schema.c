/*
 * The field table as a JSON Schema (2020-12), for editors: what a schema can
 * say. Rules between fields, files and duplicates are for `trueup validate`.
 */
#include "base/arena.h"
#include "spec/field.h"

#include <string.h>

static json_t *section_schema(const struct field *fields);

static void set_text(json_t *schema, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(schema, key, json_string(text));
}

static json_t *text_schema(const struct field *field)
{
	json_t *schema = json_object();

	set_text(schema, "type", "string");
	json_object_set_new(schema, "minLength", json_integer(1));
	if (field->most > 0)
		json_object_set_new(schema, "maxLength", json_integer(field->most));
	set_text(schema, "pattern", field->pattern);
	return schema;
}

static json_t *pattern_schema(const char *pattern)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *int_schema(const struct field *field)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)field->least, "maximum",
	                 (json_int_t)field->most);
}

/* A word each with its text, as editors show it beside the word. */
static json_t *word_schema(const struct field *field)
{
	const struct field_word *word;
	json_t *words = json_array();

	for (word = field->words; word->word != NULL; word++) {
		json_t *one = json_object();

		set_text(one, "const", word->word);
		set_text(one, "description", word->text);
		json_array_append_new(words, one);
	}
	return json_pack("{s:o}", "oneOf", words);
}

static json_t *list_schema(const struct field *field, json_t *items)
{
	json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items", items);

	if (field->type == FIELD_TYPE_STRINGS) {
		json_object_set_new(schema, "minItems", json_integer(field->least));
		json_object_set_new(schema, "maxItems", json_integer(field->most));
	} else {
		json_object_set_new(schema, "uniqueItems", json_true());
	}
	return schema;
}

static json_t *one_key_schema(const struct field *fields)
{
	json_t *schema = section_schema(fields);

	json_object_set_new(schema, "minProperties", json_integer(1));
	json_object_set_new(schema, "maxProperties", json_integer(1));
	return schema;
}

static json_t *map_schema(const struct field *field, json_t *values)
{
	json_t *names = pattern_schema(field->pattern);

	return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames", names, "additionalProperties", values);
}

static json_t *member_schema(const struct field *field)
{
	static const struct field text = {.type = FIELD_TYPE_STRING, .most = 254, .pattern = "^\\S+$"};

	return json_pack("{s:[o, o]}", "oneOf", text_schema(&text), one_key_schema(field->fields));
}

static json_t *type_schema(const struct field *field)
{
	static const struct field item = {.type = FIELD_TYPE_STRING, .most = 4096};

	switch (field->type) {
	case FIELD_TYPE_SECTION:
		return field->one_key ? one_key_schema(field->fields) : section_schema(field->fields);
	case FIELD_TYPE_MAP:
		return map_schema(field, section_schema(field->fields));
	case FIELD_TYPE_COUNTS:
		return map_schema(field, int_schema(field));
	case FIELD_TYPE_STRING:
	case FIELD_TYPE_PATH:
	case FIELD_TYPE_PLACE:
		return text_schema(field);
	case FIELD_TYPE_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_TYPE_INT:
		return int_schema(field);
	case FIELD_TYPE_AUTO_INT:
		return json_pack("{s:[{s:s}, o]}", "oneOf", "const", "auto", int_schema(field));
	case FIELD_TYPE_PERCENT:
		return pattern_schema("^[0-9]{1,3}(\\.[0-9]{1,2})?%$");
	case FIELD_TYPE_DURATION:
		return pattern_schema("^([0-9]{1,9}[smhd])+$");
	case FIELD_TYPE_CONSTANT:
	case FIELD_TYPE_WORD:
		return word_schema(field);
	case FIELD_TYPE_WORDS:
		return list_schema(field, word_schema(field));
	case FIELD_TYPE_STRINGS:
		return list_schema(field, text_schema(&item));
	case FIELD_TYPE_MEMBERS:
		return list_schema(field, member_schema(field));
	}
	return NULL;
}

static json_t *field_to_schema(const struct field *field)
{
	json_t *schema = type_schema(field);

	set_text(schema, "description", field->text);
	if (field->fallback != NULL && field->type == FIELD_TYPE_BOOL)
		json_object_set_new(schema, "default", json_boolean(strcmp(field->fallback, "true") == 0));
	else if (field->fallback != NULL && field->type == FIELD_TYPE_INT)
		json_object_set_new(schema, "default", json_loads(field->fallback, JSON_DECODE_ANY, NULL));
	else
		set_text(schema, "default", field->fallback);
	return schema;
}

static json_t *section_schema(const struct field *fields)
{
	json_t *properties = json_object(), *required = json_array();
	json_t *schema =
	    json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties", properties);
	const struct field *field;

	for (field = fields; field->key != NULL; field++) {
		json_object_set_new(properties, field->key, field_to_schema(field));
		if (field->required)
			json_array_append_new(required, json_string(field->key));
	}
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

json_t *field_schema(void)
{
	json_t *schema = json_object(), *body = section_schema(field_document);

	set_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	set_text(schema, "title", "trueup spec");
	set_text(schema, "description", "What a Bedrock Chat deployment shall look like.");
	json_object_update(schema, body);
	json_decref(body);
	return schema;
}
