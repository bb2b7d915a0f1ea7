#include "daemon/outbox.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MOST 128
#define FIRST_WAIT_MS 2000 /* 2, 8, 32, 128, 512 seconds */
#define WAIT_GROWS 4

struct entry {
	char *name;
	char *told;    /* NULL: nothing, or what is assumed */
	char *now;     /* NULL: nothing is to be told */
	char *sent;    /* on its way; NULL: nothing is */
	bool once;     /* no state: nothing is known of it once it was told */
	int64_t since; /* it differs from what was told */
};

struct outbox {
	struct outbox_options options;
	struct entry *entries; /* those of whom there is anything to know */
	size_t count;
	struct outbox_item *items; /* handed out; its strings are our own */
	size_t item_count;
	bool sending, stalled; /* stalled: nothing is tried until something changes */
	int attempts;
	int64_t opened_at; /* the first difference; -1: there is none */
	int64_t not_before;
	int64_t tokens_ms, filled_at;
};

static char *copy_text(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

static void set_text(char **place, const char *text)
{
	char *copy = copy_text(text);

	free(*place);
	*place = copy;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

struct outbox *outbox_new(const struct outbox_options *options)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (outbox == NULL)
		abort();
	outbox->options = *options;
	outbox->opened_at = -1;
	outbox->tokens_ms = options->burst * options->refill_ms;
	return outbox;
}

static void clear_entry(struct entry *entry)
{
	free(entry->name);
	free(entry->told);
	free(entry->now);
	free(entry->sent);
}

static void clear_items(struct outbox *outbox)
{
	size_t i;

	for (i = 0; i < outbox->item_count; i++) {
		free((char *)outbox->items[i].name);
		free((char *)outbox->items[i].before);
		free((char *)outbox->items[i].now);
	}
	free(outbox->items);
	outbox->items = NULL;
	outbox->item_count = 0;
}

void outbox_free(struct outbox *outbox)
{
	size_t i;

	if (outbox == NULL)
		return;
	for (i = 0; i < outbox->count; i++)
		clear_entry(&outbox->entries[i]);
	free(outbox->entries);
	clear_items(outbox);
	free(outbox);
}

void outbox_reload(struct outbox *outbox, int64_t window_ms)
{
	outbox->options.window_ms = window_ms;
	outbox->stalled = false;
	outbox->attempts = 0;
	outbox->not_before = 0;
}

static struct entry *find_entry(const struct outbox *outbox, const char *name)
{
	size_t i;

	for (i = 0; i < outbox->count; i++)
		if (strcmp(outbox->entries[i].name, name) == 0)
			return &outbox->entries[i];
	return NULL;
}

static struct entry *add_entry(struct outbox *outbox, const char *name)
{
	outbox->entries = reallocarray(outbox->entries, outbox->count + 1, sizeof(*outbox->entries));
	if (outbox->entries == NULL)
		abort();
	outbox->entries[outbox->count] = (struct entry){.name = copy_text(name)};
	return &outbox->entries[outbox->count++];
}

static void drop_entry(struct outbox *outbox, struct entry *entry)
{
	struct entry gone = *entry;

	*entry = outbox->entries[--outbox->count];
	clear_entry(&gone);
}

static const char *find_known(const struct outbox *outbox, const struct entry *entry)
{
	return entry->told != NULL ? entry->told : outbox->options.assumed;
}

static bool is_pending(const struct outbox *outbox, const struct entry *entry)
{
	return entry->now != NULL && !is_same(entry->now, find_known(outbox, entry));
}

/* One of which there is nothing to know takes no room. */
static void settle(struct outbox *outbox, struct entry *entry)
{
	if (entry->told == NULL && entry->sent == NULL && !is_pending(outbox, entry))
		drop_entry(outbox, entry);
}

static bool has_pending(const struct outbox *outbox)
{
	size_t i;

	for (i = 0; i < outbox->count; i++)
		if (is_pending(outbox, &outbox->entries[i]))
			return true;
	return false;
}

/* The window is open as long as there is a difference. */
static void set_window(struct outbox *outbox, int64_t now_ms)
{
	if (!has_pending(outbox))
		outbox->opened_at = -1;
	else if (outbox->opened_at < 0)
		outbox->opened_at = now_ms;
}

json_t *outbox_save(const struct outbox *outbox)
{
	json_t *told = json_object();
	size_t i;

	for (i = 0; i < outbox->count; i++)
		if (outbox->entries[i].told != NULL)
			json_object_set_new(told, outbox->entries[i].name, json_string(outbox->entries[i].told));
	return told;
}

void outbox_load(struct outbox *outbox, const json_t *told)
{
	const char *name, *text;
	json_t *value;

	json_object_foreach((json_t *)told, name, value)
	{
		text = json_string_value(value);
		if (text == NULL || strlen(text) > TEXT_MOST || is_same(text, outbox->options.assumed) ||
		    find_entry(outbox, name) != NULL)
			continue;
		add_entry(outbox, name)->told = copy_text(text);
	}
}

void outbox_set(struct outbox *outbox, const char *name, const char *now, int64_t now_ms)
{
	struct entry *entry = find_entry(outbox, name);
	bool was_pending = entry != NULL && is_pending(outbox, entry);

	if (is_same(now, entry != NULL ? entry->now : NULL) || (entry == NULL && is_same(now, outbox->options.assumed)))
		return;
	if (entry == NULL)
		entry = add_entry(outbox, name);
	set_text(&entry->now, now);
	if (is_pending(outbox, entry)) {
		outbox->stalled = false;
		if (!was_pending)
			entry->since = now_ms;
	}
	settle(outbox, entry);
	set_window(outbox, now_ms);
}

void outbox_add(struct outbox *outbox, const char *name, const char *what, int64_t now_ms)
{
	outbox_set(outbox, name, what, now_ms);
	find_entry(outbox, name)->once = true;
}

void outbox_forget(struct outbox *outbox, const char *name)
{
	struct entry *entry = find_entry(outbox, name);

	if (entry != NULL)
		drop_entry(outbox, entry);
	set_window(outbox, outbox->opened_at);
}

void outbox_prune(struct outbox *outbox, bool (*is_known)(void *context, const char *name), void *context)
{
	size_t i;

	for (i = outbox->count; i > 0; i--)
		if (!is_known(context, outbox->entries[i - 1].name))
			drop_entry(outbox, &outbox->entries[i - 1]);
	set_window(outbox, outbox->opened_at);
}

/* --- when --- */

/* What the bucket holds, in milliseconds of its filling: one token is refill_ms of them. */
static int64_t find_tokens(const struct outbox *outbox, int64_t now_ms)
{
	int64_t most = outbox->options.burst * outbox->options.refill_ms;
	int64_t held = outbox->tokens_ms + (now_ms - outbox->filled_at);

	return held < most ? held : most;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t outbox_due(const struct outbox *outbox, int64_t now_ms)
{
	int64_t at;

	if (outbox->sending || outbox->stalled || outbox->opened_at < 0)
		return -1;
	at = later(outbox->opened_at + outbox->options.window_ms, outbox->not_before);
	if (outbox->options.burst > 0)
		at = later(at, now_ms + outbox->options.refill_ms - find_tokens(outbox, now_ms));
	return at > now_ms ? at - now_ms : 0;
}

static void send_entry(struct outbox *outbox, struct entry *entry)
{
	entry->sent = copy_text(entry->now);
	outbox->items[outbox->item_count++] =
	    (struct outbox_item){copy_text(entry->name), copy_text(entry->told), copy_text(entry->now)};
}

static void send_all(struct outbox *outbox)
{
	size_t i;

	for (i = 0; i < outbox->count; i++)
		if (is_pending(outbox, &outbox->entries[i]))
			send_entry(outbox, &outbox->entries[i]);
}

static void send_oldest(struct outbox *outbox)
{
	struct entry *oldest = NULL;
	size_t i;

	for (i = 0; i < outbox->count; i++)
		if (is_pending(outbox, &outbox->entries[i]) &&
		    (oldest == NULL || outbox->entries[i].since < oldest->since))
			oldest = &outbox->entries[i];
	if (oldest != NULL)
		send_entry(outbox, oldest);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct outbox_item *)a)->name, ((const struct outbox_item *)b)->name);
}

const struct outbox_item *outbox_take(struct outbox *outbox, int64_t now_ms, size_t *count)
{
	clear_items(outbox);
	outbox->items = calloc(outbox->count + 1, sizeof(*outbox->items));
	if (outbox->items == NULL)
		abort();
	if (outbox->options.single)
		send_oldest(outbox);
	else
		send_all(outbox);
	qsort(outbox->items, outbox->item_count, sizeof(*outbox->items), by_name);
	if (outbox->options.burst > 0) {
		outbox->tokens_ms = find_tokens(outbox, now_ms) - outbox->options.refill_ms;
		outbox->filled_at = now_ms;
	}
	outbox->sending = true;
	*count = outbox->item_count;
	return outbox->items;
}

/* It has arrived, or not. What has changed since it was sent is a difference again. */
static void take_back(struct outbox *outbox, bool arrived)
{
	size_t i;

	for (i = outbox->count; i > 0; i--) {
		struct entry *entry = &outbox->entries[i - 1];

		if (entry->sent == NULL)
			continue;
		if (arrived && entry->once && is_same(entry->sent, entry->now))
			set_text(&entry->now, NULL);
		else if (arrived && !entry->once)
			set_text(&entry->told, is_same(entry->sent, outbox->options.assumed) ? NULL : entry->sent);
		set_text(&entry->sent, NULL);
		settle(outbox, entry);
	}
	clear_items(outbox);
	outbox->sending = false;
}

static int64_t find_wait(const struct outbox *outbox, uint32_t random)
{
	int64_t wait = FIRST_WAIT_MS;
	int i;

	for (i = 1; i < outbox->attempts; i++)
		wait *= WAIT_GROWS;
	return wait + wait * (int64_t)(random % 1000) / 4000; /* so that agents do not come back together */
}

enum outbox_next outbox_end(struct outbox *outbox, enum outbox_outcome outcome, int64_t wait_ms, uint32_t random,
                            int64_t now_ms)
{
	bool passed_over = outcome == OUTBOX_REFUSED && outbox->options.single;
	enum outbox_next next = OUTBOX_GIVEN_UP;

	take_back(outbox, outcome == OUTBOX_DELIVERED || passed_over);
	if (outcome == OUTBOX_DELIVERED)
		next = OUTBOX_GOES_ON;
	else if (outcome == OUTBOX_RETRY && ++outbox->attempts < OUTBOX_ATTEMPTS)
		next = OUTBOX_AGAIN;
	if (next == OUTBOX_AGAIN)
		wait_ms = later(wait_ms, find_wait(outbox, random));
	else
		outbox->attempts = 0;
	outbox->stalled = next == OUTBOX_GIVEN_UP && !passed_over;
	outbox->not_before = now_ms + (wait_ms < OUTBOX_WAIT_MOST_MS ? wait_ms : OUTBOX_WAIT_MOST_MS);
	if (next != OUTBOX_AGAIN)
		outbox->opened_at = -1;
	set_window(outbox, now_ms);
	return next;
}
