/*
 * outbox.h - what a receiver (a target of `notify`, a forge of `status`) was
 * told of each deployment, what it should know, and when to tell it.
 *
 * Level-triggered: what is sent is the difference between the two when it is
 * sent. So a state that was told is not told again, one that came and went in
 * between is not told at all, and there is never more to tell than there are
 * deployments. What a deployment's state is, is a short text here. Pure: no
 * I/O, and the clock (milliseconds that never go back) is the caller's.
 */
#ifndef TRUEUP_AGENT_DAEMON_OUTBOX_H
#define TRUEUP_AGENT_DAEMON_OUTBOX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_ATTEMPTS 6                          /* then it is given up */
#define OUTBOX_WAIT_MOST_MS ((int64_t)3600 * 1000) /* that a receiver may ask for */

struct outbox;

struct outbox_options {
	const char *assumed; /* known without being told; NULL: nothing is */
	bool single;         /* one deployment at a time, that waits longest; else all at once */
	int64_t window_ms;   /* from the first difference until it is told */
	int64_t burst;       /* so many may follow at once, and then one every `refill_ms`; 0: no limit */
	int64_t refill_ms;
};

/* One that is being told. */
struct outbox_item {
	const char *name;
	const char *before; /* what the receiver was told; NULL: nothing */
	const char *now;
};

enum outbox_outcome {
	OUTBOX_DELIVERED,
	OUTBOX_RETRY,   /* it may go well later */
	OUTBOX_REFUSED, /* it never will: a single one is passed over, several wait for the next change */
	OUTBOX_DENIED,  /* nothing will, as things are: all wait for the next change */
};

/* What came of an attempt. */
enum outbox_next {
	OUTBOX_GOES_ON,
	OUTBOX_AGAIN,    /* later, by itself */
	OUTBOX_GIVEN_UP, /* not by itself: see above */
};

struct outbox *outbox_new(const struct outbox_options *options); /* `assumed` is borrowed */
void outbox_free(struct outbox *outbox);                         /* NULL is fine */

/* What was given up is tried again, and nobody is waited for any longer: whatever was wrong may be right now. */
void outbox_reload(struct outbox *outbox, int64_t window_ms);

/* {"name": "what it was told", …}: kept over restarts. Only what is not assumed. A new reference. */
json_t *outbox_save(const struct outbox *outbox);
void outbox_load(struct outbox *outbox, const json_t *told); /* what is not of that form is left out */

/* What the receiver should know of it now; NULL: nothing that is to be told. */
void outbox_set(struct outbox *outbox, const char *name, const char *now, int64_t now_ms);

/*
 * Something that came to pass, and is told once: it is no state that could be back before it is told. What is untold
 * gives way to a later one of that name, and is not kept over restarts. No name is for both.
 */
void outbox_add(struct outbox *outbox, const char *name, const char *what, int64_t now_ms);

void outbox_forget(struct outbox *outbox, const char *name);

/* Those of whom `is_known` says false are forgotten. */
void outbox_prune(struct outbox *outbox, bool (*is_known)(void *context, const char *name), void *context);

/* In how many milliseconds something is to be told: 0: now; -1: nothing is, or something is on its way. */
int64_t outbox_due(const struct outbox *outbox, int64_t now_ms);

/*
 * What is told now, by name: valid until the next call of outbox_end(), which has
 * to follow. For outbox_due() == 0.
 */
const struct outbox_item *outbox_take(struct outbox *outbox, int64_t now_ms, size_t *count);

/* `wait_ms`: how long the receiver wants us to wait; 0: it does not say. `random` spreads the next attempt. */
enum outbox_next outbox_end(struct outbox *outbox, enum outbox_outcome outcome, int64_t wait_ms, uint32_t random,
                            int64_t now_ms);

#endif
