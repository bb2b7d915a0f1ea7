#include "daemon/message.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The worst first. */
static const enum state_word by_gravity[] = {STATE_FAILED, STATE_UNKNOWN, STATE_DRIFTED, STATE_WAITING,
                                             STATE_PAUSED, STATE_IN_SYNC, STATE_NEVER};

static int find_gravity(enum state_word word)
{
	int i;

	for (i = 0; by_gravity[i] != word && by_gravity[i] != STATE_NEVER; i++)
		;
	return i;
}

static int compare_changes(const void *a, const void *b)
{
	const struct state_deployment *one = ((const struct message_change *)a)->deployment;
	const struct state_deployment *other = ((const struct message_change *)b)->deployment;
	int order = find_gravity(one->word) - find_gravity(other->word);

	return order != 0 ? order : strcmp(one->name, other->name);
}

json_t *message_cut(const char *text, size_t most)
{
	size_t length = strlen(text);
	struct buf out = {0};
	json_t *string;

	if (length > most) {
		for (length = most - strlen("…"); length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80; length--)
			;
		buf_append(&out, text, length);
		buf_puts(&out, "…");
		text = buf_text(&out);
	}
	string = json_string(text);
	if (string == NULL)
		string = json_string("(it is not UTF-8)");
	buf_free(&out);
	return string;
}

static json_t *make_time(time_t when)
{
	char text[CLOCK_RFC3339_SIZE];

	if (when == 0)
		return json_null();
	clock_format_rfc3339(when, text);
	return json_string(text);
}

static int64_t count_conditions(const struct state_deployment *deployment, const char *state)
{
	int64_t count = 0;
	size_t i;

	for (i = 0; i < deployment->condition_count; i++)
		count += strcmp(deployment->conditions[i].state, state) == 0;
	return count;
}

static json_t *make_change(const struct message_change *change)
{
	const struct state_deployment *at = change->deployment;
	const struct state_actions *actions = &at->actions;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s?, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I}}", "deployment",
	                 at->name, "from", change->before, "to", state_words[at->word], "reason",
	                 message_cut(at->reason, MESSAGE_REASON_MOST), "since", make_time(at->since), "revision",
	                 at->revision, "drifted", count_conditions(at, "drifted"), "unknown",
	                 count_conditions(at, "unknown"), "actions", "planned", actions->planned, "done", actions->done,
	                 "waiting", actions->waiting, "blocked", actions->blocked, "failed", actions->failed);
}

static json_t *make_specs(const struct message_specs *specs)
{
	if (specs == NULL)
		return json_null();
	return json_pack("{s:s, s:s, s:s?, s:o}", "from", specs->before, "to", specs->now, "revision", specs->revision,
	                 "reason", message_cut(specs->reason, MESSAGE_REASON_MOST));
}

/* "12 deployments have changed: 3 failed, 9 in-sync" */
static void print_heading(const struct message_news *news, struct buf *text)
{
	size_t counts[STATE_WORDS] = {0}, i;
	const char *separator = ": ";

	for (i = 0; i < news->count; i++)
		counts[news->changes[i].deployment->word]++;
	buf_printf(text, "%zu deployments have changed", news->count);
	for (i = 0; i < STATE_WORDS; i++) {
		if (counts[by_gravity[i]] == 0)
			continue;
		buf_printf(text, "%s%zu %s", separator, counts[by_gravity[i]], state_words[by_gravity[i]]);
		separator = ", ";
	}
	buf_putc(text, '\n');
}

static void print_line(const char *name, const char *now, const char *before, const char *why, struct buf *text)
{
	json_t *reason = message_cut(why, MESSAGE_REASON_MOST);
	const char *said = json_string_value(reason);

	buf_printf(text, "%s: %s (was %s)%s%s", name, now, before, *said != '\0' ? ": " : "", said);
	json_decref(reason);
}

/* "production: repaired: 1 drifted, 1 action done: users/g/add/a@example.com" */
static void print_repairs(const struct message_news *news, struct buf *text)
{
	bool first = news->specs == NULL && news->count == 0;
	size_t i;

	for (i = 0; i < news->repair_count && i < MESSAGE_LINES_MOST; i++) {
		json_t *what = message_cut(news->repairs[i].what, MESSAGE_REASON_MOST);

		buf_printf(text, "%s%s: %s: %s", first && i == 0 ? "" : "\n", news->repairs[i].deployment,
		           news->repairs[i].kind, json_string_value(what));
		json_decref(what);
	}
	if (i < news->repair_count)
		buf_printf(text, "\nand %zu more were repaired", news->repair_count - i);
}

static json_t *make_repairs(const struct message_news *news)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < news->repair_count && i < MESSAGE_CHANGES_MOST; i++) {
		const struct message_repair *repair = &news->repairs[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "deployment", repair->deployment, "kind",
		                                      repair->kind, "at", make_time(repair->at), "what",
		                                      message_cut(repair->what, MESSAGE_REASON_MOST)));
	}
	return list;
}

static json_t *make_text(const struct message_news *news)
{
	struct buf text = {0};
	json_t *string;
	size_t i;

	buf_puts(&text, "trueup: ");
	if (news->specs != NULL)
		print_line("specs", news->specs->now, news->specs->before, news->specs->reason, &text);
	if (news->specs != NULL && news->count > 0)
		buf_putc(&text, '\n');
	if (news->count > 1)
		print_heading(news, &text);
	for (i = 0; i < news->count && i < MESSAGE_LINES_MOST; i++) {
		const struct state_deployment *at = news->changes[i].deployment;

		if (i > 0)
			buf_putc(&text, '\n');
		print_line(at->name, state_words[at->word], news->changes[i].before, at->reason, &text);
	}
	if (i < news->count)
		buf_printf(&text, "\nand %zu more", news->count - i);
	print_repairs(news, &text);
	string = json_string(buf_text(&text));
	buf_free(&text);
	return string;
}

static void find_id(const char *target, const struct message_news *news, char id[DIGEST_SHA256_HEX_SIZE])
{
	struct buf text = {0};
	size_t i;

	buf_printf(&text, "%s\n", target);
	if (news->specs != NULL)
		buf_printf(&text, "%s %s %s\n", news->specs->before, news->specs->now,
		           news->specs->revision != NULL ? news->specs->revision : "");
	for (i = 0; i < news->count; i++) {
		const struct state_deployment *at = news->changes[i].deployment;

		buf_printf(&text, "%s %s %s %" PRId64 "\n", at->name, news->changes[i].before, state_words[at->word],
		           (int64_t)at->since);
	}
	for (i = 0; i < news->repair_count; i++)
		buf_printf(&text, "%s %s %" PRId64 "\n", news->repairs[i].deployment, news->repairs[i].kind,
		           (int64_t)news->repairs[i].at);
	digest_sha256_hex(text.bytes, text.length, id);
	buf_free(&text);
}

json_t *message_make(const char *target, const struct message_news *news, time_t now)
{
	size_t listed = news->count < MESSAGE_CHANGES_MOST ? news->count : MESSAGE_CHANGES_MOST, i;
	char id[DIGEST_SHA256_HEX_SIZE];
	json_t *list = json_array();

	qsort(news->changes, news->count, sizeof(*news->changes), compare_changes);
	find_id(target, news, id);
	for (i = 0; i < listed; i++)
		json_array_append_new(list, make_change(&news->changes[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "schema", MESSAGE_SCHEMA, "id", id, "target",
	                 target, "sentAt", make_time(now), "text", make_text(news), "specs", make_specs(news->specs),
	                 "changes", list, "more", (json_int_t)(news->count - listed), "repairs", make_repairs(news));
}

json_t *message_make_slack(const json_t *message)
{
	const char *at = json_string_value(json_object_get(message, "text"));
	struct buf text = {0};
	json_t *slack;

	/* Only these three have a meaning of their own: without them there is no link, and nobody is called. */
	for (; *at != '\0'; at++) {
		if (*at == '&')
			buf_puts(&text, "&amp;");
		else if (*at == '<')
			buf_puts(&text, "&lt;");
		else if (*at == '>')
			buf_puts(&text, "&gt;");
		else
			buf_putc(&text, *at);
	}
	slack = json_pack("{s:s}", "text", buf_text(&text));
	buf_free(&text);
	return slack;
}
