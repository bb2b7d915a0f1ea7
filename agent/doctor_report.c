#include "doctor_report.h"

#include "base/arena.h"
#include "report/escape.h"
#include "report/layout.h"

#include <string.h>

#define WIDTH_DEFAULT 80
#define INDENT 2
#define INDENT_TEXT 13 /* behind the longest word, "unchecked" */

/* What is said of a check and of a user is laid out alike. */
struct line {
	const char *word; /* "ok" */
	enum layout_paint paint;
	const char *subject; /* "clock" */
	const char *text;
	const char *todo; /* NULL: nothing */
};

static struct line line_of_check(const struct doctor_check *check)
{
	static const struct {
		const char *word;
		enum layout_paint paint;
	} words[] = {
	    [DOCTOR_OK] = {"ok", PAINT_GREEN},
	    [DOCTOR_UNCHECKED] = {"unchecked", PAINT_YELLOW},
	    [DOCTOR_PROBLEM] = {"problem", PAINT_RED},
	};

	return (struct line){words[check->state].word, words[check->state].paint, check->name, check->text,
	                     check->todo};
}

/* "alice@example.com (7d3c4f2e, CONFIRMED)" */
static const char *describe_user(struct arena *arena, const struct doctor_user *user)
{
	const char *status = user->status != NULL ? user->status : "no status";

	return user->email != NULL ? arena_printf(arena, "%s (%s, %s)", user->email, user->username, status)
	                           : arena_printf(arena, "%s (%s)", user->username, status);
}

static struct line line_of_user(struct arena *arena, const struct doctor_user *user)
{
	const char *subject = describe_user(arena, user);

	if (user->may)
		return (struct line){"yes", PAINT_GREEN, arena_printf(arena, "%s can create bots", subject),
		                     user->reason, user->todo};
	return (struct line){"no", PAINT_RED, arena_printf(arena, "%s cannot create bots", subject), user->reason,
	                     user->todo};
}

/* All lines of a report, in the arena. */
static struct line *list_lines(struct arena *arena, const struct doctor_findings *findings, size_t *count)
{
	struct line *lines = NULL;
	size_t i;

	*count = 0;
	for (i = 0; i < findings->check_count; i++)
		*ARENA_PUSH(arena, lines, *count) = line_of_check(&findings->checks[i]);
	for (i = 0; i < findings->user_count; i++)
		*ARENA_PUSH(arena, lines, *count) = line_of_user(arena, &findings->users[i]);
	return lines;
}

static bool is_calm(const struct line *line)
{
	return line->paint == PAINT_GREEN;
}

json_t *doctor_report_json(const struct doctor_report *report)
{
	const struct doctor_findings *findings = report->findings;
	json_t *checks = json_array(), *users = json_array(), *json;
	size_t i;

	for (i = 0; i < findings->check_count; i++)
		json_array_append_new(checks, record_to_json(&doctor_check_record, &findings->checks[i]));
	for (i = 0; i < findings->user_count; i++)
		json_array_append_new(users, record_to_json(&doctor_user_record, &findings->users[i]));
	json = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:{s:s, s:s, s:s?}, s:b, s:o}", "schema", "trueup/doctor/v1",
	                 "trueup", TRUEUP_VERSION, "name", report->desired->metadata.name, "account", findings->account,
	                 "region", findings->region, "spec", "file", report->desired->file, "sha256",
	                 report->desired->sha256, "commit", report->commit, "fine", (int)doctor_is_fine(findings),
	                 "checks", checks);
	if (findings->asked != NULL)
		json_object_set_new(json, "asked", json_string(findings->asked));
	if (findings->asked != NULL)
		json_object_set(json, "users", users);
	json_decref(users);
	return json;
}

static void put_line(struct layout *layout, const struct line *line)
{
	char gap[INDENT_TEXT + 1];

	memset(gap, ' ', sizeof(gap));
	gap[INDENT_TEXT - INDENT - (int)strnlen(line->word, INDENT_TEXT - INDENT)] = '\0';
	layout_open(layout, INDENT, INDENT_TEXT);
	layout_put(layout, line->paint, line->word);
	layout_put(layout, PAINT_PLAIN, gap);
	layout_put(layout, PAINT_BOLD, line->subject);
	layout_put(layout, PAINT_PLAIN, ": ");
	layout_put(layout, PAINT_PLAIN, line->text);
	layout_close(layout);
	if (line->todo == NULL)
		return;
	layout_open(layout, INDENT_TEXT, INDENT_TEXT);
	layout_put(layout, PAINT_BOLD, "to do: ");
	layout_put(layout, PAINT_PLAIN, line->todo);
	layout_close(layout);
}

static const char *count_troubles(struct arena *arena, const struct line *lines, size_t count)
{
	size_t i, problems = 0, unchecked = 0;

	for (i = 0; i < count; i++) {
		problems += lines[i].paint == PAINT_RED;
		unchecked += lines[i].paint == PAINT_YELLOW;
	}
	if (problems == 0 && unchecked == 0)
		return "fine";
	if (problems == 0)
		return arena_printf(arena, "fine, %zu not checked", unchecked);
	return unchecked == 0 ? arena_printf(arena, "%zu problem%s", problems, problems == 1 ? "" : "s")
	                      : arena_printf(arena, "%zu problem%s, %zu not checked", problems,
	                                     problems == 1 ? "" : "s", unchecked);
}

/* Where somebody was asked about: "no", or of how many it is true. */
static const char *answer_question(struct arena *arena, const struct doctor_findings *findings)
{
	size_t i, may = 0;

	for (i = 0; i < findings->user_count; i++)
		may += findings->users[i].may;
	if (findings->user_count == 1)
		return may == 1 ? "yes" : "no";
	return arena_printf(arena, "%zu of %zu can create bots", may, findings->user_count);
}

static const char *sum_up(struct arena *arena, const struct doctor_findings *findings, const struct line *lines,
                          size_t count)
{
	size_t i;

	for (i = 0; i < findings->check_count; i++)
		if (findings->checks[i].state == DOCTOR_PROBLEM)
			return count_troubles(arena, lines, count);
	return findings->user_count > 0 ? answer_question(arena, findings) : count_troubles(arena, lines, count);
}

/* "production: doctor of specs/production.yaml, account 123456789012, eu-west-3" */
static const char *describe_report(struct arena *arena, const struct doctor_report *report)
{
	const struct doctor_findings *findings = report->findings;
	const char *text = arena_printf(arena, ": doctor of %s", report->desired->file);

	if (findings->account != NULL)
		text = arena_printf(arena, "%s, account %s", text, findings->account);
	return findings->region != NULL ? arena_printf(arena, "%s, %s", text, findings->region) : text;
}

void doctor_report_text(const struct doctor_report *report, const struct report_style *style, struct buf *out)
{
	struct arena *arena = arena_new();
	struct layout layout;
	size_t i, count;
	struct line *lines = list_lines(arena, report->findings, &count);

	layout_start(&layout, out, style->width > 0 ? style->width : WIDTH_DEFAULT, style->color);
	if (out->length > 0)
		buf_putc(out, '\n');
	layout_open(&layout, 0, INDENT);
	layout_put(&layout, PAINT_BOLD, report->desired->metadata.name);
	layout_put(&layout, PAINT_PLAIN, describe_report(arena, report));
	layout_close(&layout);
	buf_putc(out, '\n');
	for (i = 0; i < count; i++)
		if (!style->quiet || !is_calm(&lines[i]))
			put_line(&layout, &lines[i]);
	buf_putc(out, '\n');
	layout_open(&layout, INDENT, INDENT);
	layout_put(&layout, doctor_is_fine(report->findings) ? PAINT_GREEN : PAINT_RED,
	           sum_up(arena, report->findings, lines, count));
	layout_close(&layout);
	layout_end(&layout);
	arena_free(arena);
}

void doctor_report_markdown(const struct doctor_report *report, struct buf *out)
{
	struct arena *arena = arena_new();
	size_t i, count;
	struct line *lines = list_lines(arena, report->findings, &count);

	if (out->length > 0)
		buf_putc(out, '\n');
	buf_puts(out, "### ");
	escape_put_prose(out, report->desired->metadata.name);
	escape_put_prose(out, describe_report(arena, report));
	buf_printf(out, "\n\n**%s**\n\n", sum_up(arena, report->findings, lines, count));
	for (i = 0; i < count; i++) {
		buf_printf(out, "- **%s** ", lines[i].word);
		escape_put_prose(out, lines[i].subject);
		buf_puts(out, ": ");
		escape_put_prose(out, lines[i].text);
		if (lines[i].todo != NULL) {
			buf_puts(out, ". To do: ");
			escape_put_prose(out, lines[i].todo);
		}
		buf_putc(out, '\n');
	}
	arena_free(arena);
}
