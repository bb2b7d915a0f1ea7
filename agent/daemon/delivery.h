/*
 * delivery.h - one message on its way out, in a process of its own, so that the
 * loop never waits for a receiver and no secret of one is ever in this process.
 *
 * Over HTTP it is this program once more (agent/deliver.h): it gets the request
 * as JSON on its standard input, reads the secrets from their files, makes one
 * attempt, and prints what came of it. A command is run as it stands in the
 * configuration. Each has a deadline, and its output a bound.
 */
#ifndef TRUEUP_AGENT_DAEMON_DELIVERY_H
#define TRUEUP_AGENT_DAEMON_DELIVERY_H

#include "base/error.h"
#include "daemon/outbox.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct delivery;
struct event_base;

#define DELIVERY_WORD "--deliver" /* the one argument of the program that delivers */
#define DELIVERY_ANSWER_MAX ((size_t)4 * 1024)
#define DELIVERY_LINES_MOST 20 /* of a command's standard error that are logged */

/* What the other process prints: {"outcome", "waitMs", "problem"}. */
extern const char *const delivery_outcomes[4]; /* in the order of enum outbox_outcome */

struct delivery_result {
	enum outbox_outcome outcome;
	int64_t wait_ms;     /* how long the receiver wants us to wait; 0: it does not say */
	const char *problem; /* one line; "" if it was delivered */
};

struct delivery_options {
	struct event_base *base;
	const char *label;   /* in front of what is logged; copied */
	const char *program; /* that delivers; NULL: this one */
	void (*ended)(void *context, const struct delivery_result *result);
	void *context;
};

/*
 * `request`: {"url" or "urlFile", "path"?, "headers": {…}, "token"?: {"file", "header",
 * "prefix"}, "done"?, "absent"?, "body": {…}}; "done" is what an answer of 400 says if
 * the other side is there already, "absent" (to a forge) what one of 404 says if
 * only the commit is unknown. `ended` is called from the loop, once. -1: it could not
 * be started.
 */
int delivery_post(const struct delivery_options *options, const json_t *request, struct delivery **delivery,
                  struct error *err);

/*
 * `text` on the standard input of a program; exit code 0 is success. What it
 * leaves behind with its standard error open is waited for until its deadline,
 * for what it has to say, and never ended.
 */
int delivery_run(const struct delivery_options *options, const char *const *words, size_t word_count, const char *text,
                 struct delivery **delivery, struct error *err);

/* It ends now, and `ended` is not called. NULL is fine. */
void delivery_abandon(struct delivery *delivery);

#endif
