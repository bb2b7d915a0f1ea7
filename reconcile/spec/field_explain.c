#include "base/arena.h"
#include "spec/field.h"
#include "spec/suggest.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_WIDTH 78

/* A paragraph, each line indented. */
static void put_text(struct buf *out, const char *text, size_t indent)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > TEXT_WIDTH) {
			buf_putc(out, '\n');
			column = 0;
		}
		if (column == 0)
			buf_printf(out, "%*s", (int)indent, "");
		else
			buf_putc(out, ' ');
		column += (column == 0 ? indent : 1) + length;
		buf_append(out, text, length);
		text += length + strspn(text + length, " ");
	}
	buf_putc(out, '\n');
}

static void put_labelled(struct buf *out, const char *label, const char *text)
{
	if (text != NULL)
		buf_printf(out, "  %-9s %s\n", label, text);
}

const char *field_type_name(const struct field *field)
{
	static const char *const names[] = {
	    [FIELD_TYPE_SECTION] = "section",
	    [FIELD_TYPE_CONSTANT] = "word",
	    [FIELD_TYPE_MAP] = "mapping",
	    [FIELD_TYPE_STRING] = "text",
	    [FIELD_TYPE_PATH] = "path",
	    [FIELD_TYPE_PLACE] = "directory",
	    [FIELD_TYPE_BOOL] = "true or false",
	    [FIELD_TYPE_INT] = "number",
	    [FIELD_TYPE_AUTO_INT] = "number or auto",
	    [FIELD_TYPE_PERCENT] = "percentage",
	    [FIELD_TYPE_DURATION] = "duration",
	    [FIELD_TYPE_WORD] = "word",
	    [FIELD_TYPE_WORDS] = "list of words",
	    [FIELD_TYPE_STRINGS] = "list",
	    [FIELD_TYPE_COUNTS] = "mapping",
	    [FIELD_TYPE_MEMBERS] = "list",
	};

	return names[field->type];
}

static bool is_number(const struct field *field)
{
	return field->type == FIELD_TYPE_INT || field->type == FIELD_TYPE_AUTO_INT || field->type == FIELD_TYPE_PERCENT;
}

const char *field_values(struct arena *arena, const struct field *field)
{
	if (field->type == FIELD_TYPE_PERCENT)
		return arena_printf(arena, "%" PRId64 "%% to %" PRId64 "%%", field->least / 100, field->most / 100);
	if (is_number(field))
		return arena_printf(arena, "%" PRId64 " to %" PRId64, field->least, field->most);
	return field->shape;
}

static void put_words(struct buf *out, const struct field_word *words)
{
	const struct field_word *word;

	buf_puts(out, "\nWORDS\n");
	for (word = words; word->word != NULL; word++) {
		buf_printf(out, "  %s\n", word->word);
		put_text(out, word->text, 6);
	}
}

/* The first sentence, for a list: up to a full stop that ends it, or a colon. */
static const char *first_sentence(struct arena *arena, const char *text)
{
	const char *end = strstr(text, ". ");

	return end != NULL ? arena_strndup(arena, text, (size_t)(end - text) + 1) : text;
}

static void put_fields(struct arena *arena, struct buf *out, const struct field *fields)
{
	const struct field *field;

	buf_puts(out, "\nFIELDS\n");
	for (field = fields; field->key != NULL; field++) {
		buf_printf(out, "  %s (%s%s)\n", field->key, field_type_name(field),
		           field->required ? ", required" : "");
		put_text(out, first_sentence(arena, field->text), 6);
	}
}

static void put_field(struct arena *arena, struct buf *out, const struct field *field)
{
	const char *fallback = field->fallback != NULL ? field->fallback : field->fallback_text;

	put_text(out, field->text, 2);
	buf_putc(out, '\n');
	put_labelled(out, "Required:", field->required ? "yes" : NULL);
	put_labelled(out, is_number(field) ? "Values:" : "Shape:", field_values(arena, field));
	put_labelled(out, "Default:", fallback);
	put_labelled(out, "Example:", arena_printf(arena, "%s: %s", field->key, field->example));
	put_labelled(out, "Allow:", field->allow);
	if (field->words != NULL)
		put_words(out, field->words);
	if (field->fields != NULL)
		put_fields(arena, out, field->fields);
}

/* The path of the field nearest to one that does not exist, over the whole table. */
static const char *closest_path(struct arena *arena, const struct field *fields, const char *prefix, const char *path,
                                const char *best)
{
	for (; fields->key != NULL; fields++) {
		const char *own = arena_printf(arena, "%s%s%s", prefix, *prefix != '\0' ? "." : "", fields->key);

		best = suggest_closer(path, best, own);
		if (strncmp(own, "spec.", 5) == 0 && strncmp(path, "spec.", 5) != 0)
			best = suggest_closer(path, best, own + 5);
		if (fields->fields != NULL)
			best = closest_path(arena, fields->fields, own, path, best);
	}
	return best;
}

/* The shortest path that ends as `tail` does: where a field is that was looked for at another place. NULL: nowhere. */
static const char *home_path(struct arena *arena, const struct field *fields, const char *prefix, const char *tail,
                             const char *best)
{
	for (; fields->key != NULL; fields++) {
		const char *own = arena_printf(arena, "%s.%s", prefix, fields->key);
		size_t length = strlen(own), end = strlen(tail);

		if (length > end && own[length - end - 1] == '.' && strcmp(own + length - end, tail) == 0 &&
		    (best == NULL || length < strlen(best)))
			best = own;
		if (fields->fields != NULL)
			best = home_path(arena, fields->fields, own, tail, best);
	}
	return best;
}

/* Whether a path of a known field leaves out the `spec.` in front. */
static bool is_short(const char *path)
{
	const struct field *field;

	for (field = field_document; field->key != NULL; field++)
		if (strncmp(path, field->key, strlen(field->key)) == 0 && strchr(".", path[strlen(field->key)]) != NULL)
			return false;
	return true;
}

static int explain_unknown(struct arena *arena, const struct field *document, const char *path, struct error *err)
{
	const char *tail = strncmp(path, "spec.", 5) == 0 ? path + 5 : path;
	const char *closest = home_path(arena, document, "", tail, NULL);

	closest = closest != NULL ? closest + 1 : closest_path(arena, document, "", path, NULL);

	return error_set(err, ERROR_INVALID, "there is no field %.100s%s%s%s", path,
	                 closest != NULL ? "; did you mean " : "", closest != NULL ? closest : "",
	                 closest != NULL ? "?" : "; `trueup explain` lists them");
}

int field_explain(const char *path, struct buf *out, struct error *err)
{
	struct arena *arena = arena_new();
	const struct field *field = path != NULL && *path != '\0' ? field_find(path) : NULL;
	int rc = 0;

	if (field != NULL) {
		buf_printf(out, "%s%s (%s)\n\n", is_short(path) ? "spec." : "", path, field_type_name(field));
		put_field(arena, out, field);
	} else if (path == NULL || *path == '\0') {
		buf_puts(out, "A spec says what a Bedrock Chat deployment shall look like.\n");
		put_fields(arena, out, field_document);
		put_fields(arena, out, field_find("spec")->fields);
		buf_puts(out, "\n`trueup explain spec.vectors` tells more of one of them.\n");
	} else {
		rc = explain_unknown(arena, field_document, path, err);
	}
	arena_free(arena);
	return rc;
}

int field_explain_table(const struct field *document, const char *title, const char *path, struct buf *out,
                        struct error *err)
{
	struct arena *arena = arena_new();
	const struct field *field = field_find_below(document, path);
	int rc = 0;

	if (field != NULL) {
		buf_printf(out, "%s (%s)\n\n", path, field_type_name(field));
		put_field(arena, out, field);
	} else if (*path == '\0') {
		buf_printf(out, "%s\n", title);
		put_fields(arena, out, document);
	} else {
		rc = explain_unknown(arena, document, path, err);
	}
	arena_free(arena);
	return rc;
}
