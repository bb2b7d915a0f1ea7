/*
 * The report as a comment on a pull request: how each deployment stands, then
 * what would be deleted, then the rest in blocks (block.h) that share what is
 * left of the bound.
 */
#include "report/advice.h"
#include "report/block.h"
#include "report/escape.h"
#include "report/glyph.h"
#include "report/report.h"
#include "report/tree.h"

#include <string.h>

#define SUMMARY_MAX ((size_t)12 * 1024) /* a line per deployment */
#define FULL_MAX ((size_t)24 * 1024)    /* destructive actions with all that is told of them */
#define LAST_WORD_MAX ((size_t)256)     /* for what was left out */
#define FOLDED_FROM 11                  /* lines: a list this long is folded */
#define OBJECTS_MAX 10                  /* named in one line of actions; the differences name all */

struct markdown {
	struct arena *arena;
	const json_t *const *reports;
	size_t count;
	struct buf *out;
	struct buf line; /* being put together */
	struct block_list blocks;
};

static bool is_destructive(const json_t *action)
{
	return strcmp(tree_text(action, "risk"), "destructive") == 0;
}

static const char *describe_exit(enum report_exit code)
{
	switch (code) {
	case REPORT_EXIT_FINE:
		return "in sync";
	case REPORT_EXIT_DRIFT:
		return "drift";
	case REPORT_EXIT_BUSY:
		return "busy";
	case REPORT_EXIT_INVALID:
	case REPORT_EXIT_USAGE:
		return "not valid";
	case REPORT_EXIT_FAILED:
		break;
	}
	return "failed";
}

static void put_telling(struct buf *line, const char *before, const char *words)
{
	if (*words == '\0')
		return;
	buf_puts(line, before);
	escape_put_prose(line, words);
}

static void put_title(struct markdown *markdown)
{
	enum report_exit worst = REPORT_EXIT_FINE;
	size_t i, in_sync = 0;

	for (i = 0; i < markdown->count; i++) {
		worst = report_worse(worst, report_exit_code(markdown->reports[i]));
		in_sync += tree_count_resources(markdown->reports[i], "inSync");
	}
	buf_puts(markdown->out, "## trueup");
	if (markdown->count > 0)
		put_telling(markdown->out, " ", tree_text(markdown->reports[0], "command"));
	buf_printf(markdown->out, ": %s\n\n",
	           worst == REPORT_EXIT_FINE && in_sync == 0 ? "nothing was looked at" : describe_exit(worst));
}

/* "- **production**: drift: 2 drifted, 1 in sync; 3 actions planned" */
static void put_standing(struct markdown *markdown, const json_t *report)
{
	static const char *const states[] = {"failed", "blocked", "waiting", "planned", "done"};
	struct advice_list advice = advice_give(markdown->arena, report);
	enum report_exit code = report_exit_code(report);
	struct buf *line = &markdown->line;
	size_t i, count;

	buf_puts(line, "- **");
	escape_put_prose(line, tree_text(report, "name"));
	if (code != REPORT_EXIT_FINE)
		buf_printf(line, "**: %s: ", describe_exit(code));
	else
		buf_puts(line, "**: ");
	escape_put_prose(line, advice.items[0].text);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		count = tree_count_actions(report, states[i]);
		if (count > 0)
			buf_printf(line, "; %s %s", tree_count_text(markdown->arena, count, "action"), states[i]);
	}
	buf_putc(line, '\n');
}

static void put_summary(struct markdown *markdown)
{
	size_t i;

	for (i = 0; i < markdown->count; i++) {
		put_standing(markdown, markdown->reports[i]);
		if (markdown->out->length + markdown->line.length > SUMMARY_MAX)
			break;
		buf_puts(markdown->out, block_take(markdown->arena, &markdown->line));
	}
	buf_clear(&markdown->line);
	if (i < markdown->count)
		buf_printf(markdown->out, "- … and %s\n",
		           tree_count_text(markdown->arena, markdown->count - i, "more deployment"));
	buf_putc(markdown->out, '\n');
}

/* What went wrong, what it waits for, why it is done at all: as far as there is any of it. */
static void put_tellings(struct buf *line, const json_t *action)
{
	bool first = *tree_text(action, "error") == '\0';

	put_telling(line, ": ", tree_text(action, "error"));
	put_telling(line, first ? ": " : ". It waits for: ", tree_text(action, "waitsFor"));
	first = first && *tree_text(action, "waitsFor") == '\0';
	put_telling(line, first ? ": " : ". Why: ", tree_text(action, "reason"));
}

static void add_destructive(struct markdown *markdown, struct block *block, const json_t *report, bool full)
{
	const json_t *resource, *action;
	struct buf *line = &markdown->line;
	size_t i, j;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		json_array_foreach(json_object_get(resource, "actions"), j, action)
		{
			if (!is_destructive(action))
				continue;
			buf_puts(line, "- ");
			buf_printf(line, full ? "**%s** " : "%s ", tree_text(action, "state"));
			escape_put_code(line, tree_text(action, "id"));
			if (markdown->count > 1)
				put_telling(line, " in ", tree_text(report, "name"));
			if (full)
				put_tellings(line, action);
			buf_putc(line, '\n');
			block_add_line(markdown->arena, block, line);
		}
	}
}

static struct block *list_destructive(struct markdown *markdown, struct block_list *list, bool full)
{
	struct block *block = block_add(markdown->arena, list);
	size_t i;

	for (i = 0; i < markdown->count; i++)
		add_destructive(markdown, block, markdown->reports[i], full);
	block->head = arena_printf(markdown->arena, "### %s\n\n",
	                           tree_count_text(markdown->arena, block->count, "destructive action"));
	block->close = "\n";
	return block;
}

/* All of them, if need be with their names alone. Only where even these pass the bound, it is their number. */
static void put_destructive(struct markdown *markdown, size_t room)
{
	struct block_list full = {0}, names = {0};

	if (list_destructive(markdown, &full, true)->count == 0)
		return;
	if (block_size_list(&full) <= FULL_MAX) {
		block_put_list(&full, room, markdown->out);
		return;
	}
	list_destructive(markdown, &names, false);
	block_put_list(&names, room, markdown->out);
}

static void add_deployment(struct markdown *markdown, const json_t *report)
{
	const json_t *spec = json_object_get(report, "spec");
	struct advice_list advice = advice_give(markdown->arena, report);
	struct buf *head = &markdown->line;
	size_t i;

	buf_puts(head, "### ");
	escape_put_prose(head, tree_text(report, "name"));
	buf_puts(head, "\n\n");
	escape_put_code(head, tree_text(spec, "file"));
	if (*tree_text(spec, "commit") != '\0')
		put_telling(head, " at ", arena_printf(markdown->arena, "%.12s", tree_text(spec, "commit")));
	put_telling(head, ", account ", tree_text(report, "account"));
	put_telling(head, ", ", tree_text(report, "region"));
	put_telling(head, ", ", tree_text(report, "finishedAt"));
	buf_puts(head, "\n\n");
	for (i = 0; i < advice.count; i++) {
		put_telling(head, "- ", advice.items[i].text);
		if (advice.items[i].command != NULL) {
			buf_puts(head, ": ");
			escape_put_code(head, advice.items[i].command);
		}
		buf_putc(head, '\n');
	}
	buf_putc(head, '\n');
	block_add(markdown->arena, &markdown->blocks)->head = block_take(markdown->arena, head);
}

static const char *begin_resource(struct markdown *markdown, const json_t *resource)
{
	struct buf *head = &markdown->line;
	const json_t *note;
	size_t i;

	buf_puts(head, "#### ");
	escape_put_prose(head, tree_text(resource, "kind"));
	buf_putc(head, ' ');
	escape_put_code(head, tree_text(resource, "name"));
	put_telling(head, ": ", tree_text(resource, "state"));
	buf_puts(head, "\n\n");
	if (*tree_text(resource, "reason") != '\0') {
		put_telling(head, "Why: ", tree_text(resource, "reason"));
		buf_puts(head, "\n\n");
	}
	json_array_foreach(json_object_get(resource, "notes"), i, note)
	{
		put_telling(head, "Note: ", json_is_string(note) ? json_string_value(note) : "");
		buf_puts(head, "\n\n");
	}
	return block_take(markdown->arena, head);
}

/* Lists that a reader would have to scroll past are folded. */
static void fold(struct markdown *markdown, struct block *block, const char *noun)
{
	if (block->count < FOLDED_FROM)
		return;
	block->open = arena_printf(markdown->arena, "<details><summary>%s</summary>\n\n%s",
	                           tree_count_text(markdown->arena, block->count, noun), block->open);
	block->close = arena_printf(markdown->arena, "%s</details>\n\n", block->close);
}

/* As a diff, which is coloured; '!' is its sign for what changes. */
static void add_differences(struct markdown *markdown, const json_t *resource, struct block *block)
{
	const json_t *difference;
	size_t i;

	json_array_foreach(json_object_get(resource, "differences"), i, difference)
	{
		char sign = tree_difference_sign(difference);

		buf_printf(&markdown->line, "%c ", sign == '~' ? '!' : sign);
		glyph_put_text(&markdown->line, tree_difference_text(markdown->arena, difference));
		buf_putc(&markdown->line, '\n');
		block_add_line(markdown->arena, block, &markdown->line);
	}
	if (block->count == 0)
		return;
	block->open = "```diff\n";
	block->close = "```\n\n";
	fold(markdown, block, "difference");
}

/* "- **planned** add `alice`, `bob` and 3 more: why" */
static void add_streak(struct markdown *markdown, const json_t *resource, const struct tree_group *group, size_t first,
                       size_t last)
{
	struct buf *line = &markdown->line;
	const char *risk = tree_text(group->items[first], "risk");
	size_t i, shown = last - first > OBJECTS_MAX ? first + OBJECTS_MAX : last;

	buf_printf(line, "- **%s** ", group->state);
	escape_put_prose(line, group->verb);
	for (i = first; i < shown; i++) {
		const char *object = tree_action_object(resource, group->items[i]);

		buf_puts(line, i > first ? ", " : *object != '\0' ? " " : "");
		escape_put_code(line, object);
	}
	if (shown < last)
		buf_printf(line, " and %zu more", last - shown);
	if (strcmp(risk, "safe") != 0)
		buf_printf(line, " (%s)", risk);
	put_tellings(line, group->items[first]);
	buf_putc(line, '\n');
}

static void add_group(struct markdown *markdown, const json_t *resource, const struct tree_group *group,
                      struct block *block)
{
	size_t first, last;

	for (first = 0; first < group->count; first = last) {
		for (last = first + 1; last < group->count && tree_tell_same(group->items[first], group->items[last]);)
			last++;
		if (is_destructive(group->items[first]))
			continue; /* it stands above */
		add_streak(markdown, resource, group, first, last);
		block_add_line(markdown->arena, block, &markdown->line);
	}
}

static void add_actions(struct markdown *markdown, const json_t *resource, struct block *block)
{
	struct tree_group *groups;
	size_t i, count;

	groups = tree_group_actions(markdown->arena, resource, &count);
	for (i = 0; i < count; i++)
		add_group(markdown, resource, &groups[i], block);
	if (block->count == 0)
		return;
	block->close = "\n";
	fold(markdown, block, "action line");
}

static bool has_notes(const json_t *report)
{
	const json_t *resource;
	size_t i;

	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		if (json_array_size(json_object_get(resource, "notes")) > 0)
			return true;
	}
	return false;
}

static void add_details(struct markdown *markdown, const json_t *report)
{
	const json_t *resource;
	struct block *block;
	size_t i;

	if (advice_is_calm(report) && !has_notes(report))
		return; /* the summary has said it */
	add_deployment(markdown, report);
	json_array_foreach(json_object_get(report, "resources"), i, resource)
	{
		if (tree_is_quiet(resource) && json_array_size(json_object_get(resource, "notes")) == 0)
			continue;
		block = block_add(markdown->arena, &markdown->blocks);
		block->head = begin_resource(markdown, resource);
		add_differences(markdown, resource, block);
		add_actions(markdown, resource, block_add(markdown->arena, &markdown->blocks));
	}
}

void report_render_markdown(const json_t *const *reports, size_t count, struct buf *out)
{
	struct buf document = {.limit = REPORT_MARKDOWN_MAX};
	struct markdown markdown = {.arena = arena_new(), .reports = reports, .count = count, .out = &document};
	size_t i, left_out;

	put_title(&markdown);
	put_summary(&markdown);
	put_destructive(&markdown, REPORT_MARKDOWN_MAX - document.length - LAST_WORD_MAX);
	for (i = 0; i < count; i++)
		add_details(&markdown, reports[i]);
	left_out = block_put_list(&markdown.blocks, REPORT_MARKDOWN_MAX - document.length - LAST_WORD_MAX, &document);
	if (left_out > 0)
		buf_printf(&document, "%s did not fit here: `-o json` has all.\n",
		           tree_count_text(markdown.arena, left_out, "further part"));
	buf_append(out, buf_text(&document), document.length);
	buf_free(&document);
	buf_free(&markdown.line);
	arena_free(markdown.arena);
}
