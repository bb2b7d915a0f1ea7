#include "report/layout.h"
#include "report/glyph.h"

static const char *const paint_codes[] = {
    [PAINT_PLAIN] = "",         [PAINT_BOLD] = "\033[1m",    [PAINT_DIM] = "\033[2m",
    [PAINT_GREEN] = "\033[32m", [PAINT_YELLOW] = "\033[33m", [PAINT_RED] = "\033[31m",
};

void layout_start(struct layout *layout, struct buf *out, int width, bool color)
{
	*layout = (struct layout){.out = out, .width = width, .color = color};
}

void layout_end(struct layout *layout)
{
	buf_free(&layout->word);
}

static void put_spaces(struct layout *layout, int count)
{
	layout->column += count;
	for (; count > 0; count--)
		buf_putc(layout->out, ' ');
}

void layout_open(struct layout *layout, int indent, int hang)
{
	layout->hang = hang;
	layout->column = 0;
	layout->spaces = 0;
	put_spaces(layout, indent);
}

static void place_word(struct layout *layout)
{
	if (layout->word.length == 0)
		return;
	if (layout->word_width > 0) {
		if (layout->column + layout->spaces + layout->word_width > layout->width &&
		    layout->column > layout->hang) {
			buf_putc(layout->out, '\n');
			layout->column = 0;
			layout->spaces = layout->hang;
		}
		put_spaces(layout, layout->spaces);
		layout->spaces = 0;
	}
	buf_append(layout->out, buf_text(&layout->word), layout->word.length);
	layout->column += layout->word_width;
	layout->word_width = 0;
	buf_clear(&layout->word);
}

void layout_put(struct layout *layout, enum layout_paint paint, const char *text)
{
	bool painted = layout->color && paint != PAINT_PLAIN;
	struct glyph glyph;

	if (painted)
		buf_puts(&layout->word, paint_codes[paint]);
	for (; *text != '\0'; text += glyph.length) {
		glyph_read(text, &glyph);
		if (*text == ' ') {
			place_word(layout);
			layout->spaces++;
			continue;
		}
		buf_puts(&layout->word, glyph.shown);
		layout->word_width += glyph.width;
	}
	if (painted)
		buf_puts(&layout->word, "\033[0m");
}

void layout_close(struct layout *layout)
{
	place_word(layout);
	buf_putc(layout->out, '\n');
}
