#include "spec/shape.h"

#include <stdlib.h>

/* Found by address: the patterns are literals of the field table. */
static const regex_t *compiled(struct shapes *shapes, const char *pattern)
{
	size_t i;

	for (i = 0; i < shapes->count; i++)
		if (shapes->items[i].pattern == pattern)
			return &shapes->items[i].compiled;
	if (shapes->count == SHAPE_PATTERNS_MAX ||
	    regcomp(&shapes->items[shapes->count].compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	shapes->items[shapes->count].pattern = pattern;
	return &shapes->items[shapes->count++].compiled;
}

bool shape_matches(struct shapes *shapes, const char *pattern, const char *text)
{
	return regexec(compiled(shapes, pattern), text, 0, NULL, 0) == 0;
}

void shape_free(struct shapes *shapes)
{
	while (shapes->count > 0)
		regfree(&shapes->items[--shapes->count].compiled);
}
