#include "base/clock.h"
#include "spec/place.h"
#include "spec/read.h"
#include "spec/scalar.h"
#include "spec/suggest.h"

#include <inttypes.h>
#include <string.h>

#define COMPLAIN(reader, node, path, ...)                                                                              \
	spec_issue_add((reader)->arena, (reader)->issues, read_place((reader), (node), (path)), __VA_ARGS__)

static void *member_of(void *data, const struct field *field)
{
	return (char *)data + field->offset;
}

bool read_text_fits(struct reader *reader, const struct field *field, const char *text, struct spec_issue at)
{
	const char *printable = scalar_printable(reader->arena, text);

	if (*text == '\0')
		spec_issue_add(reader->arena, reader->issues, at, "is empty; fill it in or leave it out");
	else if (scalar_has_control(text))
		spec_issue_add(reader->arena, reader->issues, at, "contains a control character: \"%s\"", printable);
	else if (scalar_length(text) > (size_t)field->most)
		spec_issue_add(reader->arena, reader->issues, at, "is too long: at most %" PRId64 " characters",
		               field->most);
	else if (field->pattern != NULL && !shape_matches(reader->shapes, field->pattern, text))
		spec_issue_add(reader->arena, reader->issues, at, "must be %s, found \"%s\"", field->shape, printable);
	else
		return true;
	return false;
}

/* What is text in our table but looks like a number to YAML: the digits may already be wrong, so it is no guess. */
static void complain_not_text(struct reader *reader, const struct field *field, const struct tree_node *node,
                              const char *path)
{
	enum scalar_kind kind = node->type == TREE_SCALAR ? scalar_kind(node) : SCALAR_NULL;

	if (kind == SCALAR_INT && *node->text == '0' && node->text[1] != '\0')
		COMPLAIN(reader, node, path,
		         "must be text, found %s: a number loses its leading zero; write \"%s\", in quotes",
		         scalar_describe(reader->arena, node), scalar_printable(reader->arena, node->text));
	else if (kind == SCALAR_INT || kind == SCALAR_FLOAT || kind == SCALAR_BOOL)
		COMPLAIN(reader, node, path, "must be text, found %s; write \"%s\", in quotes",
		         scalar_describe(reader->arena, node), scalar_printable(reader->arena, node->text));
	else
		read_wrong_type(reader, node, path, arena_printf(reader->arena, "text, such as `%s`", field->example));
}

static bool is_text(const struct tree_node *node)
{
	return node->type == TREE_SCALAR && scalar_kind(node) == SCALAR_TEXT;
}

static void read_text(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                      const char *path)
{
	const char *problem = NULL, *text = node->text;

	if (!is_text(node)) {
		complain_not_text(reader, field, node, path);
		return;
	}
	if (!read_text_fits(reader, field, text, read_place(reader, node, path)))
		return;
	if (field->type == FIELD_TYPE_PATH)
		problem = place_resolve(reader->arena, reader->directory, node->text, &text);
	else if (field->type == FIELD_TYPE_PLACE)
		problem = place_join(reader->arena, reader->directory, node->text, &text);
	if (problem != NULL) {
		COMPLAIN(reader, node, path, "\"%s\" %s", scalar_printable(reader->arena, node->text), problem);
		return;
	}
	*(const char **)member_of(data, field) = text;
}

/* What people write for true and false, and YAML 1.1 took for it. */
static bool is_old_bool(const char *text)
{
	static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static void read_bool(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                      const char *path)
{
	if (node->type != TREE_SCALAR || scalar_kind(node) != SCALAR_BOOL) {
		bool old = is_text(node) && is_old_bool(node->text);

		read_wrong_type(reader, node, path,
		                old ? "true or false, without quotes (yes, no, on and off are text in YAML 1.2)"
		                    : "true or false, without quotes");
		return;
	}
	*(bool *)member_of(data, field) = *node->text == 't' || *node->text == 'T';
}

static void read_int(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                     const char *path)
{
	bool scalar = node->type == TREE_SCALAR, may_be_auto = field->type == FIELD_TYPE_AUTO_INT;
	int64_t value;

	if (may_be_auto && is_text(node) && strcmp(node->text, "auto") == 0) {
		*(int64_t *)member_of(data, field) = 0;
		return;
	}
	if (!scalar || scalar_kind(node) != SCALAR_INT) {
		read_wrong_type(reader, node, path,
		                may_be_auto ? "a whole number or auto, without quotes"
		                            : "a whole number, without quotes");
		return;
	}
	if (scalar_parse_int(node->text, &value) != 0 || value < field->least || value > field->most)
		COMPLAIN(reader, node, path, "must be between %" PRId64 " and %" PRId64 ", found %s", field->least,
		         field->most, scalar_printable(reader->arena, node->text));
	else
		*(int64_t *)member_of(data, field) = value;
}

static void read_percent(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                         const char *path)
{
	int64_t value;

	if (!is_text(node) || scalar_parse_percent(node->text, &value) != 0)
		read_wrong_type(reader, node, path, "a percentage with at most two decimals, such as 10% or 0.25%");
	else if (value < field->least || value > field->most)
		COMPLAIN(reader, node, path, "must be between %" PRId64 "%% and %" PRId64 "%%, found %s",
		         field->least / 100, field->most / 100, node->text);
	else
		*(int64_t *)member_of(data, field) = value;
}

static void read_duration(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                          const char *path)
{
	char least[32], most[32];
	int64_t value;

	if (!is_text(node) || clock_parse_duration(node->text, &value) != 0) {
		read_wrong_type(reader, node, path, "a duration, such as 90s, 15m or 2h");
	} else if (value < field->least || value > field->most) {
		clock_format_duration(field->least, least, sizeof(least));
		clock_format_duration(field->most, most, sizeof(most));
		COMPLAIN(reader, node, path, "must be between %s and %s, found %s", least, most,
		         scalar_printable(reader->arena, node->text));
	} else {
		*(int64_t *)member_of(data, field) = value;
	}
}

/* The number of the word that a node is; -1 after an issue if it is none. */
static int find_word(struct reader *reader, const struct field *field, const struct tree_node *node, const char *path)
{
	const struct field_word *word;
	const char *closest = NULL, *known = NULL, *found = scalar_describe(reader->arena, node);

	for (word = field->words; word->word != NULL; word++) {
		if (is_text(node) && strcmp(word->word, node->text) == 0)
			break;
		if (is_text(node) && field->type != FIELD_TYPE_CONSTANT)
			closest = suggest_closer(node->text, closest, word->word);
		known = known == NULL ? word->word : arena_printf(reader->arena, "%s, %s", known, word->word);
	}
	if (word->word != NULL)
		return (int)(word - field->words);
	if (closest != NULL)
		COMPLAIN(reader, node, path, "must be one of %s, found %s; did you mean %s?", known, found, closest);
	else
		COMPLAIN(reader, node, path, "must be %s%s, found %s",
		         field->type == FIELD_TYPE_CONSTANT ? "" : "one of ", known, found);
	return -1;
}

static void read_word(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                      const char *path)
{
	int number = find_word(reader, field, node, path);

	if (number >= 0 && field->type == FIELD_TYPE_WORD)
		*(unsigned *)member_of(data, field) = (unsigned)number;
}

void read_scalar(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                 const char *path)
{
	switch (field->type) {
	case FIELD_TYPE_BOOL:
		read_bool(reader, field, node, data, path);
		break;
	case FIELD_TYPE_INT:
	case FIELD_TYPE_AUTO_INT:
		read_int(reader, field, node, data, path);
		break;
	case FIELD_TYPE_PERCENT:
		read_percent(reader, field, node, data, path);
		break;
	case FIELD_TYPE_DURATION:
		read_duration(reader, field, node, data, path);
		break;
	case FIELD_TYPE_CONSTANT:
	case FIELD_TYPE_WORD:
		read_word(reader, field, node, data, path);
		break;
	default:
		read_text(reader, field, node, data, path);
		break;
	}
}

void read_words(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                const char *path)
{
	unsigned *bits = member_of(data, field);
	size_t i;

	if (node->type != TREE_LIST) {
		read_wrong_type(reader, node, path,
		                arena_printf(reader->arena, "a list of words, such as `%s`", field->example));
		return;
	}
	for (i = 0; i < node->count; i++) {
		const struct tree_node *item = node->entries[i].value;
		const char *item_path = read_path_index(reader, path, i);
		int number = find_word(reader, field, item, item_path);

		if (number >= 0 && (*bits & 1U << number) != 0)
			COMPLAIN(reader, item, item_path, "%s is in the list already", field->words[number].word);
		else if (number >= 0)
			*bits |= 1U << number;
	}
}

void read_strings(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                  const char *path)
{
	static const struct field item_field = {.type = FIELD_TYPE_STRING, .most = 4096, .example = "deploy"};
	struct desired_strings *strings = member_of(data, field);
	size_t i;

	if (node->type != TREE_LIST || node->count < (size_t)field->least || node->count > (size_t)field->most) {
		read_wrong_type(reader, node, path,
		                arena_printf(reader->arena, "a list of %" PRId64 " to %" PRId64 " texts, such as `%s`",
		                             field->least, field->most, field->example));
		return;
	}
	strings->items = arena_array(reader->arena, node->count, sizeof(*strings->items));
	strings->count = node->count;
	for (i = 0; i < node->count; i++)
		read_value(reader, &item_field, node->entries[i].value, &strings->items[i],
		           read_path_index(reader, path, i));
}
