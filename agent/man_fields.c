#include "man.h"
#include "roff.h"

#include "base/arena.h"

#include <string.h>

static void put_labelled(struct arena *arena, struct buf *out, const char *label, const char *text)
{
	if (text == NULL)
		return;
	buf_puts(out, ".br\n");
	roff_text(out, arena_printf(arena, "%s: %s", label, text));
}

static void put_words(struct buf *out, const struct field_word *words)
{
	buf_puts(out, ".RS\n");
	for (; words->word != NULL; words++) {
		buf_puts(out, ".TP\n.B ");
		roff_inline(out, words->word);
		buf_putc(out, '\n');
		roff_text(out, words->text);
	}
	buf_puts(out, ".RE\n");
}

static void put_field(struct arena *arena, struct buf *out, const struct field *field)
{
	roff_text(out, field->text);
	put_labelled(arena, out, "Values", field_values(arena, field));
	put_labelled(arena, out, "Default", field->fallback != NULL ? field->fallback : field->fallback_text);
	put_labelled(arena, out, "Example", arena_printf(arena, "`%s: %s`", field->key, field->example));
	put_labelled(arena, out, "Allow", field->allow);
	if (field->words != NULL)
		put_words(out, field->words);
}

/* `prefix` is the path of the field that these are in, with a dot behind it, or "". */
static void put_fields(struct arena *arena, const struct field *field, const char *prefix, size_t headings,
                       struct buf *out)
{
	for (; field->key != NULL; field++) {
		const char *path = arena_printf(arena, "%s%s", prefix, field->key);

		buf_puts(out, headings > 0 ? ".SS \"" : ".TP\n\\fB");
		roff_inline(out, path);
		buf_puts(out, headings > 0 ? "\"\n(" : "\\fR (");
		roff_inline(out, field_type_name(field));
		buf_puts(out, field->required ? ", required)\n" : ")\n");
		if (headings > 0)
			buf_puts(out, ".br\n");
		put_field(arena, out, field);
		if (field->fields != NULL)
			put_fields(arena, field->fields,
			           arena_printf(arena, field->type == FIELD_TYPE_MAP ? "%s.NAME." : "%s.", path),
			           headings > 0 ? headings - 1 : 0, out);
	}
}

void man_print_fields(const struct field *document, size_t headings, struct buf *out)
{
	struct arena *arena = arena_new();

	put_fields(arena, document, "", headings, out);
	arena_free(arena);
}
