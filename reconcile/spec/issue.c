#include "spec/issue.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void spec_issue_add(struct arena *arena, struct spec_issues *issues, struct spec_issue at, const char *format, ...)
{
	va_list args;

	if (issues->count == SPEC_ISSUES_MAX) {
		issues->dropped++;
		return;
	}
	va_start(args, format);
	at.message = arena_vprintf(arena, format, args);
	va_end(args);
	*ARENA_PUSH(arena, issues->items, issues->count) = at;
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_issues(const void *a, const void *b)
{
	const struct spec_issue *left = a, *right = b;
	int order = strcmp(left->file, right->file);

	if (order == 0)
		order = compare_numbers(left->line, right->line);
	if (order == 0)
		order = compare_numbers(left->column, right->column);
	if (order == 0)
		order = strcmp(left->path, right->path);
	return order != 0 ? order : strcmp(left->message, right->message);
}

void spec_issues_sort(struct spec_issues *issues)
{
	if (issues->count > 1)
		qsort(issues->items, issues->count, sizeof(*issues->items), compare_issues);
}

void spec_issues_print(const struct spec_issues *issues, struct buf *out)
{
	size_t i;

	for (i = 0; i < issues->count; i++) {
		const struct spec_issue *issue = &issues->items[i];

		buf_puts(out, issue->file);
		if (issue->line != 0)
			buf_printf(out, ":%zu:%zu", issue->line, issue->column);
		if (*issue->path != '\0')
			buf_printf(out, ": %s", issue->path);
		buf_printf(out, ": %s\n", issue->message);
	}
	if (issues->dropped > 0)
		buf_printf(out, "and %zu more\n", issues->dropped);
}
