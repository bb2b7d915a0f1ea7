#include "spec/desired.h"
#include "spec/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *section_to_json(const struct field *fields, const void *data);

static const void *member_of(const void *data, size_t offset)
{
	return (const char *)data + offset;
}

static size_t count_of(const struct field *field, const void *data)
{
	return *(const size_t *)member_of(data, field->count_offset);
}

static json_t *percent_to_json(int64_t hundredths)
{
	char text[32];
	size_t length;

	snprintf(text, sizeof(text), "%" PRId64 ".%02" PRId64, hundredths / 100, hundredths % 100);
	length = strlen(text);
	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	memcpy(text + length, "%", sizeof("%"));
	return json_string(text);
}

static json_t *words_to_json(const struct field *field, unsigned bits)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; field->words[i].word != NULL; i++)
		if ((bits & 1U << i) != 0)
			json_array_append_new(list, json_string(field->words[i].word));
	return list;
}

static json_t *strings_to_json(const struct desired_strings *strings)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < strings->count; i++)
		json_array_append_new(list, json_string(strings->items[i]));
	return list;
}

static json_t *counts_to_json(const struct desired_count *counts, size_t count)
{
	json_t *map = count > 0 ? json_object() : NULL;
	size_t i;

	for (i = 0; i < count; i++)
		json_object_set_new(map, counts[i].bot, json_integer(counts[i].rows));
	return map;
}

static json_t *members_to_json(const struct field *field, const struct desired_member *members, size_t count)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(list, section_to_json(field->fields, &members[i]));
	return list;
}

static json_t *map_to_json(const struct field *field, const char *items, size_t count)
{
	json_t *map = json_object();

	for (; count > 0; count--, items += field->item_size)
		json_object_set_new(map, *(const char *const *)(const void *)items,
		                    section_to_json(field->fields, items));
	return map;
}

static json_t *duration_to_json(int64_t seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64 "s", seconds);
	return json_string(text);
}

static json_t *auto_int_to_json(int64_t number)
{
	return number == 0 ? json_string("auto") : json_integer(number);
}

/* NULL for what is absent: it is left out. A zero that is nobody's default means absent. */
static json_t *field_to_json(const struct field *field, const void *data)
{
	const void *member = member_of(data, field->offset);

	switch (field->type) {
	case FIELD_TYPE_CONSTANT:
		return json_string(field->words[0].word);
	case FIELD_TYPE_SECTION:
		return *(const bool *)member ? section_to_json(field->fields, member) : NULL;
	case FIELD_TYPE_MAP:
		return map_to_json(field, *(const char *const *)member, count_of(field, data));
	case FIELD_TYPE_STRING:
	case FIELD_TYPE_PATH:
	case FIELD_TYPE_PLACE:
		return json_string(*(const char *const *)member); /* NULL gives NULL */
	case FIELD_TYPE_BOOL:
		return field->fallback != NULL || *(const bool *)member ? json_boolean(*(const bool *)member) : NULL;
	case FIELD_TYPE_INT:
		return field->fallback != NULL || *(const int64_t *)member != 0 ? json_integer(*(const int64_t *)member)
		                                                                : NULL;
	case FIELD_TYPE_AUTO_INT:
		return auto_int_to_json(*(const int64_t *)member);
	case FIELD_TYPE_PERCENT:
		return percent_to_json(*(const int64_t *)member);
	case FIELD_TYPE_DURATION:
		return duration_to_json(*(const int64_t *)member);
	case FIELD_TYPE_WORD:
		return json_string(field->words[*(const unsigned *)member].word);
	case FIELD_TYPE_WORDS:
		return words_to_json(field, *(const unsigned *)member);
	case FIELD_TYPE_STRINGS:
		return strings_to_json(member);
	case FIELD_TYPE_COUNTS:
		return counts_to_json(*(const struct desired_count *const *)member, count_of(field, data));
	case FIELD_TYPE_MEMBERS:
		return members_to_json(field, *(const struct desired_member *const *)member, count_of(field, data));
	}
	return NULL;
}

static json_t *section_to_json(const struct field *fields, const void *data)
{
	const struct field *field;
	json_t *map = json_object();

	for (field = fields; field->key != NULL; field++) {
		json_t *value = field_to_json(field, data);

		if (value != NULL)
			json_object_set_new(map, field->key, value);
	}
	return map;
}

json_t *desired_to_json(const struct desired *desired)
{
	return section_to_json(field_document, desired);
}

const char *desired_allow_word(enum desired_allow bit)
{
	const struct field_word *word = field_find("spec.allow")->words;
	unsigned rest = bit;

	for (; rest > 1; rest >>= 1)
		word++;
	return word->word;
}

bool desired_is_application_group(const char *name)
{
	return strcmp(name, "Admin") == 0 || strcmp(name, "CreatingBotAllowed") == 0 ||
	       strcmp(name, "PublishAllowed") == 0;
}
