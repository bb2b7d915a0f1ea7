#include "report/glyph.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/* Not wcwidth(): it depends on the locale, and in the C locale it knows ASCII only. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x4DBF},   {0x4E00, 0xA4CF}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x093C, 0x093C},   {0x0E34, 0x0E3A},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xE0100, 0xE01EF},
};
/* Controls, line separators, and what has no shape of its own or turns the direction of its neighbours. */
static const struct range hidden[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},     {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x180E, 0x180E},   {0x200B, 0x200F},
    {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
};

#define IN_RANGES(code, ranges) is_in((code), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* Bytes of the character at text, its number in *code; 0 if it is not UTF-8 (too long, a surrogate, out of range). */
static size_t decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t i, length = text[0] < 0x80 ? 1 : text[0] < 0xC0 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;

	if (length == 0 || text[0] > 0xF4)
		return 0;
	*code = length == 1 ? text[0] : text[0] & (0xFFU >> (length + 1));
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3FU);
	}
	if (*code < least[length] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
		return 0;
	return length;
}

static void show_escaped(struct glyph *glyph, uint32_t code)
{
	if (code == '\n' || code == '\t' || code == '\r')
		snprintf(glyph->shown, sizeof(glyph->shown), "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
	else
		snprintf(glyph->shown, sizeof(glyph->shown), code < 0x100 ? "\\x%02X" : "\\u%04X", code);
	glyph->width = (int)strlen(glyph->shown);
}

void glyph_read(const char *text, struct glyph *glyph)
{
	uint32_t code = 0;

	memset(glyph, 0, sizeof(*glyph));
	glyph->length = decode((const unsigned char *)text, &code);
	if (glyph->length == 0) {
		glyph->length = 1;
		show_escaped(glyph, (unsigned char)text[0]);
	} else if (IN_RANGES(code, hidden)) {
		show_escaped(glyph, code);
	} else {
		memcpy(glyph->shown, text, glyph->length);
		glyph->width = IN_RANGES(code, combining) ? 0 : IN_RANGES(code, wide) ? 2 : 1;
	}
}

void glyph_put_text(struct buf *out, const char *text)
{
	struct glyph glyph;

	for (; *text != '\0'; text += glyph.length) {
		glyph_read(text, &glyph);
		buf_puts(out, glyph.shown);
	}
}
