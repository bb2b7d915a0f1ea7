#include "roff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WIDTH 78

/* UTF-8 as the code point, which roff writes \[u2026]. */
static size_t put_character(struct buf *out, const char *text)
{
	const unsigned char lead = (unsigned char)*text;
	size_t i, length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	uint32_t code = lead & (0x7fU >> length);

	for (i = 1; i < length && ((unsigned char)text[i] & 0xc0) == 0x80; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3fU);
	buf_printf(out, "\\[u%04X]", code);
	return i;
}

/* One character, or the escape that roff prints as it. Gives how many bytes it was. */
static size_t put_escaped(struct buf *out, const char *text)
{
	static const struct {
		char character;
		const char *escape;
	} escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'"', "\\(dq"}, {'\'', "\\(aq"},
	               {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
	size_t i;

	if ((unsigned char)*text >= 0x80)
		return put_character(out, text);
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (*text == escapes[i].character) {
			buf_puts(out, escapes[i].escape);
			return 1;
		}
	buf_putc(out, *text);
	return 1;
}

void roff_inline(struct buf *out, const char *text)
{
	while (*text != '\0')
		text += put_escaped(out, text);
}

static bool ends_sentence(const char *word, size_t length)
{
	while (length > 1 && strchr(")\"`", word[length - 1]) != NULL)
		length--;
	return strchr(".!?", word[length - 1]) != NULL;
}

/* A word, in which backquotes turn bold on and off. */
static void put_word(struct buf *out, const char *word, size_t length, bool *bold)
{
	const char *end = word + length;

	while (word < end) {
		if (*word == '`') {
			*bold = !*bold;
			buf_puts(out, *bold ? "\\fB" : "\\fR");
			word++;
		} else {
			word += put_escaped(out, word);
		}
	}
}

void roff_text(struct buf *out, const char *text)
{
	bool bold = false, sentence = false;
	struct buf word = {0};
	size_t column = 0;

	for (text += strspn(text, " \n"); *text != '\0'; text += strspn(text, " \n")) {
		size_t length = strcspn(text, " \n");

		buf_clear(&word);
		put_word(&word, text, length, &bold);
		if (column > 0 && (sentence || column + 1 + word.length > WIDTH)) {
			buf_putc(out, '\n');
			column = 0;
		}
		if (column > 0)
			buf_putc(out, ' ');
		else if (*text == '.')
			buf_puts(out, "\\&"); /* or it would be a request */
		buf_append(out, buf_text(&word), word.length);
		column += word.length + 1;
		sentence = ends_sentence(text, length);
		text += length;
	}
	buf_puts(out, bold ? "\\fR\n" : "\n");
	buf_free(&word);
}

void roff_paragraphs(struct buf *out, const char *text)
{
	struct buf paragraph = {0};
	const char *end;

	for (; *text != '\0'; text = end + strspn(end, "\n")) {
		end = strstr(text, "\n\n");
		if (end == NULL)
			end = text + strlen(text);
		buf_clear(&paragraph);
		buf_append(&paragraph, text, (size_t)(end - text));
		roff_text(out, buf_text(&paragraph));
		if (*end != '\0' && end[strspn(end, "\n")] != '\0')
			buf_puts(out, ".PP\n");
	}
	buf_free(&paragraph);
}

void roff_literal(struct buf *out, const char *text)
{
	buf_puts(out, ".PP\n.RS 4\n.nf\n");
	while (*text != '\0') {
		if (*text == '.')
			buf_puts(out, "\\&");
		while (*text != '\0' && *text != '\n')
			text += put_escaped(out, text);
		buf_putc(out, '\n');
		text += *text == '\n';
	}
	buf_puts(out, ".fi\n.RE\n");
}
