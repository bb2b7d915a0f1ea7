#include "spec/scalar.h"
#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRINTABLE_CHARACTERS 60

static bool is_bool(const char *text)
{
	static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool is_all(const char *text, const char *characters)
{
	return *text != '\0' && text[strspn(text, characters)] == '\0';
}

static bool is_int(const char *text)
{
	if (strncmp(text, "0o", 2) == 0)
		return is_all(text + 2, "01234567");
	if (strncmp(text, "0x", 2) == 0)
		return is_all(text + 2, "0123456789abcdefABCDEF");
	return is_all(text + (*text == '-' || *text == '+'), "0123456789");
}

static bool is_special_float(const char *text)
{
	static const char *const words[] = {".inf", ".Inf", ".INF"};
	const char *unsigned_text = text + (*text == '-' || *text == '+');
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(unsigned_text, words[i]) == 0)
			return true;
	return strcmp(text, ".nan") == 0 || strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
	size_t whole, fraction = 0;

	if (is_special_float(text))
		return true;
	text += *text == '-' || *text == '+';
	whole = strspn(text, "0123456789");
	text += whole;
	if (*text == '.') {
		fraction = strspn(text + 1, "0123456789");
		text += 1 + fraction;
	}
	if (whole == 0 && fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text += 1;
		text += *text == '-' || *text == '+';
		return is_all(text, "0123456789");
	}
	return *text == '\0';
}

enum scalar_kind scalar_kind(const struct tree_node *node)
{
	if (!node->plain)
		return SCALAR_TEXT;
	if (tree_is_null(node))
		return SCALAR_NULL;
	if (is_bool(node->text))
		return SCALAR_BOOL;
	if (is_int(node->text))
		return SCALAR_INT;
	return is_float(node->text) ? SCALAR_FLOAT : SCALAR_TEXT;
}

const char *scalar_describe(struct arena *arena, const struct tree_node *node)
{
	static const char *const formats[] = {
	    [SCALAR_NULL] = "nothing",
	    [SCALAR_BOOL] = "%s",
	    [SCALAR_INT] = "the whole number %s",
	    [SCALAR_FLOAT] = "the number %s",
	    [SCALAR_TEXT] = "the text \"%s\"",
	};
	enum scalar_kind kind;
	struct buf out = {0};
	const char *format, *mark, *described;

	if (node->type != TREE_SCALAR)
		return node->type == TREE_LIST ? "a list" : "a mapping";
	kind = scalar_kind(node);
	format = formats[kind];
	mark = strstr(format, "%s");
	if (mark == NULL)
		return format;
	buf_append(&out, format, (size_t)(mark - format));
	buf_puts(&out, scalar_printable(arena, node->text));
	buf_puts(&out, mark + 2);
	described = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return described;
}

int scalar_parse_int(const char *text, int64_t *out)
{
	long long value;

	errno = 0;
	if (strncmp(text, "0o", 2) == 0)
		value = strtoll(text + 2, NULL, 8);
	else
		value = strtoll(text, NULL, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	*out = value;
	return errno == ERANGE ? -1 : 0;
}

int scalar_parse_percent(const char *text, int64_t *out)
{
	int64_t hundredths = 0;
	size_t i, whole = strspn(text, "0123456789"), fraction = 0;

	if (whole == 0 || whole > 9)
		return -1;
	if (text[whole] == '.') {
		fraction = strspn(text + whole + 1, "0123456789");
		if (fraction == 0 || fraction > 2)
			return -1;
	}
	if (strcmp(text + whole + (fraction > 0 ? fraction + 1 : 0), "%") != 0)
		return -1;
	for (i = 0; i < whole; i++)
		hundredths = hundredths * 10 + (text[i] - '0');
	for (i = 0; i < 2; i++)
		hundredths = hundredths * 10 + (i < fraction ? text[whole + 1 + i] - '0' : 0);
	*out = hundredths;
	return 0;
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

size_t scalar_length(const char *text)
{
	size_t length = 0;

	for (; *text != '\0'; text++)
		length += !is_continuation(*text);
	return length;
}

/* Bytes of the UTF-8 sequence at text; 0 if it is none: overlong, a surrogate, beyond U+10FFFF, cut off. */
static size_t sequence_bytes(const char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = (unsigned char)*text;
	size_t i, bytes = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
	uint32_t point;

	if (bytes < 2)
		return bytes;
	point = lead & (0x7FU >> bytes);
	for (i = 1; i < bytes; i++) {
		if (!is_continuation(text[i]))
			return 0;
		point = point << 6 | ((unsigned char)text[i] & 0x3F);
	}
	if (point < least[bytes] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
		return 0;
	return bytes;
}

bool scalar_is_utf8(const char *text)
{
	while (*text != '\0') {
		size_t bytes = sequence_bytes(text);

		if (bytes == 0)
			return false;
		text += bytes;
	}
	return true;
}

/* C0, DEL and, since terminals obey them too, C1 (U+0080 to U+009F: C2 80 to C2 9F). */
static bool is_control(const char *at)
{
	unsigned char c = (unsigned char)at[0], next = c == 0xC2 ? (unsigned char)at[1] : 0;

	return c < 0x20 || c == 0x7F || (next >= 0x80 && next <= 0x9F);
}

bool scalar_has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (is_control(text))
			return true;
	return false;
}

const char *scalar_printable(struct arena *arena, const char *text)
{
	struct buf out = {0};
	const char *printable;
	size_t characters;

	if (scalar_length(text) <= PRINTABLE_CHARACTERS && !scalar_has_control(text) && scalar_is_utf8(text))
		return text;
	for (characters = 0; *text != '\0' && characters < PRINTABLE_CHARACTERS; characters++) {
		size_t bytes = sequence_bytes(text);

		if (bytes == 0 || is_control(text))
			buf_printf(&out, "\\x%02X", (unsigned char)*text);
		else
			buf_append(&out, text, bytes);
		text += bytes > 0 && !(bytes == 2 && is_control(text)) ? bytes : 1;
	}
	if (*text != '\0')
		buf_puts(&out, "...");
	printable = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return printable;
}
