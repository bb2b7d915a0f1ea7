#include "spec/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment: Levenshtein with swaps, three rows of its table at a time. */
size_t suggest_distance(const char *a, const char *b)
{
	size_t rows[3][SUGGEST_LENGTH_MAX + 1];
	size_t i, j, length_a = strlen(a), length_b = strlen(b);

	if (length_a > SUGGEST_LENGTH_MAX || length_b > SUGGEST_LENGTH_MAX)
		return SUGGEST_LENGTH_MAX;
	for (j = 0; j <= length_b; j++)
		rows[0][j] = j;
	for (i = 1; i <= length_a; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= length_b; j++) {
			row[j] = least(above[j - 1] + !same(a[i - 1], b[j - 1]), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[length_a % 3][length_b];
}

/*
 * A third of the word may be wrong, and one letter of a short one, but not all
 * of a word of one or two letters; or it is the beginning of the candidate.
 */
static bool is_close(const char *text, const char *candidate)
{
	size_t length = strlen(text), distance = suggest_distance(text, candidate);

	if (length > SUGGEST_LENGTH_MAX)
		return false;
	if (length >= 3 && strncasecmp(text, candidate, length) == 0)
		return true;
	return distance < length && distance <= (length < 6 ? 1 : length / 3);
}

const char *suggest_closer(const char *text, const char *best, const char *candidate)
{
	if (!is_close(text, candidate))
		return best;
	if (best != NULL && suggest_distance(text, best) <= suggest_distance(text, candidate))
		return best;
	return candidate;
}
