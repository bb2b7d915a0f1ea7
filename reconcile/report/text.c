/*
 * The report for a person at a terminal, in columns:
 *
 *   drifted  users CreatingBotAllowed: 1 of 3 members missing
 *            + members/alice@example.com
 *            planned  add alice@example.com: the spec lists them, and they are …
 *
 * Without colour it says the same: colour only repeats what the words say.
 */
#include "report/advice.h"
#include "report/layout.h"
#include "report/report.h"
#include "report/tree.h"

#include <string.h>

#define WIDTH_DEFAULT 80
#define SHOWN_MAX 10 /* of a long list, unless verbose */

/* Columns: states of resources, what stands under a resource, what stands under an action. */
#define INDENT 2
#define INDENT_RESOURCE 11
#define INDENT_ACTION 20

struct text {
	struct layout layout;
	struct arena *arena;
	const struct report_style *style;
	const json_t *report;
};

static enum layout_paint paint_of(const char *state)
{
	static const struct {
		const char *state;
		enum layout_paint paint;
	} paints[] = {
	    {"in-sync", PAINT_GREEN},  {"done", PAINT_GREEN},     {"drifted", PAINT_YELLOW}, {"unknown", PAINT_RED},
	    {"planned", PAINT_YELLOW}, {"waiting", PAINT_YELLOW}, {"blocked", PAINT_RED},    {"failed", PAINT_RED},
	};
	size_t i;

	for (i = 0; i < sizeof(paints) / sizeof(paints[0]); i++)
		if (strcmp(paints[i].state, state) == 0)
			return paints[i].paint;
	return PAINT_DIM;
}

static void put(struct text *text, enum layout_paint paint, const char *words)
{
	layout_put(&text->layout, paint, words);
}

static void put_line(struct text *text, int indent, enum layout_paint paint, const char *words)
{
	layout_open(&text->layout, indent, indent);
	put(text, paint, words);
	layout_close(&text->layout);
}

/* A state in its column: the longest has seven letters. */
static void put_state(struct text *text, const char *state)
{
	put(text, paint_of(state), strcmp(state, "in-sync") == 0 ? "in sync" : state);
	put(text, PAINT_PLAIN, arena_printf(text->arena, "%*s", 9 - (int)strnlen(state, 8), ""));
}

static void put_more(struct text *text, int indent, size_t hidden)
{
	if (hidden > 0)
		put_line(text, indent, PAINT_DIM, arena_printf(text->arena, "… and %zu more; -v shows all", hidden));
}

/* ", account 123456789012, eu-west-3": as far as it is known. */
static void put_place(struct text *text)
{
	const char *account = tree_text(text->report, "account"), *region = tree_text(text->report, "region");

	if (*account != '\0')
		put(text, PAINT_PLAIN, arena_printf(text->arena, ", account %s", account));
	if (*region != '\0')
		put(text, PAINT_PLAIN, arena_printf(text->arena, ", %s", region));
}

static void put_headline(struct text *text)
{
	const json_t *spec = json_object_get(text->report, "spec");
	const char *commit = tree_text(spec, "commit");

	layout_open(&text->layout, 0, INDENT);
	put(text, PAINT_BOLD, tree_text(text->report, "name"));
	put(text, PAINT_PLAIN,
	    arena_printf(text->arena, ": %s of %s", tree_text(text->report, "command"), tree_text(spec, "file")));
	if (*commit != '\0')
		put(text, PAINT_PLAIN, arena_printf(text->arena, " at %.12s", commit));
	put_place(text);
	layout_close(&text->layout);
}

static void put_difference(struct text *text, const json_t *difference)
{
	const char sign[] = {tree_difference_sign(difference), '\0'};

	layout_open(&text->layout, INDENT_RESOURCE, INDENT_RESOURCE + 2);
	put(text, *sign == '+' ? PAINT_GREEN : *sign == '-' ? PAINT_RED : PAINT_YELLOW, sign);
	put(text, PAINT_PLAIN, " ");
	put(text, PAINT_PLAIN, tree_difference_text(text->arena, difference));
	layout_close(&text->layout);
}

/* The first of each kind of change, so that one removal does not go under in a thousand additions. */
static void put_differences(struct text *text, const json_t *resource)
{
	size_t i, shown[] = {0, 0, 0}, hidden = 0;
	const json_t *difference;

	json_array_foreach(json_object_get(resource, "differences"), i, difference)
	{
		char sign = tree_difference_sign(difference);
		size_t *count = &shown[sign == '+' ? 0 : sign == '-' ? 1 : 2];

		if (text->style->verbose || (*count)++ < SHOWN_MAX)
			put_difference(text, difference);
		else
			hidden++;
	}
	put_more(text, INDENT_RESOURCE, hidden);
}

/* Several actions of which the same is told: "add alice, bob (destructive): why". */
static void put_action_head(struct text *text, const json_t *resource, const json_t *const *actions, size_t count)
{
	const char *risk = tree_text(actions[0], "risk");
	size_t i;

	put_state(text, tree_text(actions[0], "state"));
	put(text, PAINT_BOLD, tree_text(actions[0], "verb"));
	for (i = 0; i < count; i++) {
		const char *object = tree_action_object(resource, actions[i]);

		put(text, PAINT_PLAIN, i > 0 ? ", " : *object != '\0' ? " " : "");
		put(text, PAINT_PLAIN, object);
	}
	if (*risk != '\0' && strcmp(risk, "safe") != 0) {
		put(text, PAINT_PLAIN, " (");
		put(text, strcmp(risk, "destructive") == 0 ? PAINT_RED : PAINT_YELLOW, risk);
		put(text, PAINT_PLAIN, ")");
	}
}

static void put_list(struct text *text, const char *title, const json_t *list)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	layout_open(&text->layout, INDENT_ACTION, INDENT_ACTION + 2);
	put(text, PAINT_DIM, title);
	json_array_foreach(list, i, item)
	{
		put(text, PAINT_DIM, i > 0 ? ", " : " ");
		put(text, PAINT_DIM, json_string_value(item) != NULL ? json_string_value(item) : "");
	}
	layout_close(&text->layout);
}

/* What matters most stands beside the action: what went wrong, else what it waits for, else why. */
static void put_actions(struct text *text, const json_t *resource, const json_t *const *actions, size_t count)
{
	static const struct {
		const char *key, *title;
		enum layout_paint paint;
	} tellings[] = {{"error", "", PAINT_RED}, {"waitsFor", "", PAINT_BOLD}, {"reason", "why: ", PAINT_PLAIN}};
	bool beside = true;
	size_t i;

	layout_open(&text->layout, INDENT_RESOURCE, INDENT_ACTION);
	put_action_head(text, resource, actions, count);
	for (i = 0; i < sizeof(tellings) / sizeof(tellings[0]); i++) {
		const char *words = tree_text(actions[0], tellings[i].key);

		if (*words == '\0')
			continue;
		if (!beside) {
			layout_close(&text->layout);
			layout_open(&text->layout, INDENT_ACTION, INDENT_ACTION);
		}
		put(text, PAINT_PLAIN, beside ? ": " : tellings[i].title);
		put(text, tellings[i].paint, words);
		beside = false;
	}
	layout_close(&text->layout);
	if (!text->style->verbose)
		return;
	put_list(text, "calls", json_object_get(actions[0], "calls"));
	for (i = 0; i < count; i++) {
		const json_t *needs = json_object_get(actions[i], "needs");

		if (i == 0 || !json_equal(needs, json_object_get(actions[i - 1], "needs")))
			put_list(text, "needs", needs);
	}
}

static void put_group(struct text *text, const json_t *resource, const struct tree_group *group)
{
	size_t shown = text->style->verbose || group->count <= SHOWN_MAX ? group->count : SHOWN_MAX;
	size_t first, last;

	for (first = 0; first < shown; first = last) {
		for (last = first + 1; last < shown && tree_tell_same(group->items[first], group->items[last]);)
			last++;
		put_actions(text, resource, group->items + first, last - first);
	}
	put_more(text, INDENT_ACTION, group->count - shown);
}

static void put_notes(struct text *text, const json_t *resource)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(resource, "notes"), i, note)
	{
		layout_open(&text->layout, INDENT_RESOURCE, INDENT_RESOURCE + 6);
		put(text, PAINT_BOLD, "note: ");
		put(text, PAINT_PLAIN, json_string_value(note) != NULL ? json_string_value(note) : "");
		layout_close(&text->layout);
	}
}

static void put_resource(struct text *text, const json_t *resource)
{
	const char *reason = tree_text(resource, "reason");
	struct tree_group *groups;
	size_t i, count;

	layout_open(&text->layout, INDENT, INDENT_RESOURCE);
	put_state(text, tree_text(resource, "state"));
	put(text, PAINT_PLAIN, arena_printf(text->arena, "%s ", tree_text(resource, "kind")));
	put(text, PAINT_BOLD, tree_text(resource, "name"));
	if (*reason != '\0')
		put(text, PAINT_PLAIN, arena_printf(text->arena, ": %s", reason));
	layout_close(&text->layout);
	put_differences(text, resource);
	groups = tree_group_actions(text->arena, resource, &count);
	for (i = 0; i < count; i++)
		put_group(text, resource, &groups[i]);
	put_notes(text, resource);
}

static void put_calm(struct text *text)
{
	const json_t *resource, *resources = json_object_get(text->report, "resources");
	size_t i;

	layout_open(&text->layout, 0, INDENT);
	put(text, PAINT_BOLD, tree_text(text->report, "name"));
	put(text, PAINT_PLAIN, ": ");
	put(text, PAINT_GREEN, "in sync");
	put(text, PAINT_PLAIN, ", ");
	put(text, PAINT_PLAIN, tree_count_text(text->arena, json_array_size(resources), "resource"));
	put_place(text);
	layout_close(&text->layout);
	json_array_foreach(resources, i, resource)
	{
		put_notes(text, resource);
	}
}

static void put_advice(struct text *text)
{
	static const enum layout_paint paints[] = {
	    [ADVICE_GOOD] = PAINT_GREEN, [ADVICE_OPEN] = PAINT_YELLOW, [ADVICE_BAD] = PAINT_RED};
	struct advice_list list = advice_give(text->arena, text->report);
	size_t i;

	for (i = 0; i < list.count; i++) {
		layout_open(&text->layout, INDENT, 2 * INDENT);
		put(text, paints[list.items[i].tone], list.items[i].text);
		if (list.items[i].command != NULL) {
			put(text, PAINT_PLAIN, ": ");
			put(text, PAINT_BOLD, list.items[i].command);
		}
		layout_close(&text->layout);
	}
}

/* A report of many lines stands apart from what is around it: all its lines but the first are indented. */
static void put_gap(struct buf *out, bool calm)
{
	const char *last = out->length > 1 ? memrchr(out->bytes, '\n', out->length - 1) : NULL;

	if (out->length > 0 && (!calm || (last != NULL && last[1] == ' ')))
		buf_putc(out, '\n');
}

static void put_full(struct text *text)
{
	const json_t *resource, *resources = json_object_get(text->report, "resources");
	size_t i;

	put_headline(text);
	buf_putc(text->layout.out, '\n');
	json_array_foreach(resources, i, resource)
	{
		if (!text->style->quiet || !tree_is_quiet(resource))
			put_resource(text, resource);
	}
	if (json_array_size(resources) > 0)
		buf_putc(text->layout.out, '\n');
	put_advice(text);
}

void report_render_text(const json_t *report, const struct report_style *style, struct buf *out)
{
	struct text text = {.arena = arena_new(), .style = style, .report = report};
	bool calm = advice_is_calm(report);

	layout_start(&text.layout, out, style->width > 0 ? style->width : WIDTH_DEFAULT, style->color);
	if (!calm || !style->quiet)
		put_gap(out, calm && !style->verbose);
	if (!calm || (style->verbose && !style->quiet))
		put_full(&text);
	else if (!style->quiet)
		put_calm(&text);
	layout_end(&text.layout);
	arena_free(text.arena);
}
