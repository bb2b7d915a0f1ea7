#include "report/escape.h"
#include "report/glyph.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MARKUP "\\`*_{}[]|~$"
#define PUNCTUATION ".,;:!?)'\""

/* The longest run of backticks: a code span is fenced by one more. */
static size_t longest_run(const char *text)
{
	size_t run, longest = 0;

	for (; *text != '\0'; text += run + (text[run] != '\0')) {
		run = strspn(text, "`");
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void put_fence(struct buf *out, size_t length)
{
	for (; length > 0; length--)
		buf_putc(out, '`');
}

void escape_put_code(struct buf *out, const char *text)
{
	size_t fence = longest_run(text) + 1;
	size_t length = strlen(text);
	bool padded = length > 0 && (text[0] == '`' || text[0] == ' ' || text[length - 1] == '`');

	if (length == 0)
		return;
	put_fence(out, fence);
	buf_puts(out, padded ? " " : "");
	glyph_put_text(out, text);
	buf_puts(out, padded ? " " : "");
	put_fence(out, fence);
}

static void put_escaped(struct buf *out, const char *text)
{
	struct buf shown = {0};
	const char *at;

	glyph_put_text(&shown, text);
	for (at = buf_text(&shown); *at != '\0'; at++) {
		if (*at == '<' || *at == '>' || *at == '&') {
			buf_puts(out, *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : "&amp;");
			continue;
		}
		if (strchr(MARKUP, *at) != NULL)
			buf_putc(out, '\\');
		buf_putc(out, *at);
	}
	buf_free(&shown);
}

/* GitLab's signs of a merge request, an epic and a milestone: for a page, "&amp;1" and "\\!1" are no less so. */
static bool would_refer(const char *word)
{
	for (; (word = strpbrk(word, "!&%")) != NULL; word++)
		if (word[1] == '"' || isalnum((unsigned char)word[1]))
			return true;
	return false;
}

static bool would_link(const char *word)
{
	return strpbrk(word, "@#") != NULL || strstr(word, "://") != NULL || strstr(word, "www.") != NULL ||
	       strstr(word, "GH-") != NULL || would_refer(word);
}

/* Punctuation that ends a sentence stays outside of the code. */
static void put_word(struct buf *out, char *word)
{
	size_t length = strlen(word);
	char end;

	if (!would_link(word)) {
		put_escaped(out, word);
		return;
	}
	while (length > 1 && strchr(PUNCTUATION, word[length - 1]) != NULL)
		length--;
	end = word[length];
	word[length] = '\0';
	escape_put_code(out, word);
	word[length] = end;
	put_escaped(out, word + length);
}

void escape_put_prose(struct buf *out, const char *text)
{
	char *copy = strdup(text);
	char *word, *rest = copy;

	if (copy == NULL)
		abort();
	while ((word = strsep(&rest, " ")) != NULL) {
		put_word(out, word);
		if (rest != NULL)
			buf_putc(out, ' ');
	}
	free(copy);
}
