/*
 * notify.h - tells people (`notify`) and forges (`status`) when the state of a
 * deployment is another one.
 *
 * Watches the state; what is to be told, and when, is decided by outbox.h, in
 * what words by message.h; how it gets there is delivery.h's. What each receiver
 * was told is kept in STATE/told/, so that a restart tells nothing twice: only
 * what was on its way when the agent was killed comes once more, with the same
 * id. Nothing here waits.
 */
#ifndef TRUEUP_AGENT_DAEMON_NOTIFY_H
#define TRUEUP_AGENT_DAEMON_NOTIFY_H

#include "daemon/config.h"
#include "daemon/state.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct notify;

struct notify_options {
	struct event_base *base;
	struct state *state;
	const char *directory; /* the state directory */
	const char *program;   /* that delivers over HTTP; NULL: this one */
};

/* `config` is borrowed until the next notify_reload(). */
struct notify *notify_new(const struct notify_options *options, const struct agent_config *config);
void notify_free(struct notify *notify); /* ends what is on its way; NULL is fine */

/* Other receivers; those that stay know what they knew, and what was given up is tried again. */
void notify_reload(struct notify *notify, const struct agent_config *config);

/* How the deliveries to one receiver went since the agent's start. */
struct notify_tally {
	const char *name; /* of the target; "github", "gitlab" */
	bool forge;
	int64_t delivered, retried, failed;
};

size_t notify_count(const struct notify *notify); /* receivers; NULL: 0 */
struct notify_tally notify_tally_at(const struct notify *notify, size_t index);

#endif
