/*
 * daemon.h - the agent's loop: what is due is run, what was asked for is run
 * sooner, and everybody who serves or tells is owned and wired up here.
 *
 * The parts (source, server, store, notify) know one another only
 * by state.h; those that ask for something of the daemon (server) do it by the
 * functions below. The daemon makes each of them with the loop's event_base and
 * the configuration, reloads them, and frees them; none waits in the loop.
 *
 * Signals: TERM and INT ask running children to end cleanly, and end the loop
 * once they have; the second one kills them. HUP reads the configuration again:
 * one that is not valid is refused, and the old one kept. USR1 runs all now.
 */
#ifndef TRUEUP_AGENT_DAEMON_DAEMON_H
#define TRUEUP_AGENT_DAEMON_DAEMON_H

#include "base/error.h"
#include "daemon/config.h"
#include "daemon/state.h"

struct daemon;
struct event_base;
struct notify;

struct daemon_options {
	const char *config;    /* the file: read again at HUP */
	const char *directory; /* the state directory, absolute; it is there, mode 0700 */
	const char *program;   /* run in place of this one; NULL: this one */
	int verbose;           /* for children: how often they get -v */
};

/*
 * `config` is the file's, in an arena that becomes the daemon's. NULL if the loop
 * cannot be made, or a part refuses; then the arena is freed too.
 */
struct daemon *daemon_new(const struct daemon_options *options, struct arena *arena, const struct agent_config *config,
                          struct error *err);

/* Until TERM or INT, and all children have ended. */
void daemon_run(struct daemon *daemon);
void daemon_free(struct daemon *daemon); /* NULL is fine */

/* --- for the parts --- */

struct event_base *daemon_base(struct daemon *daemon);
struct state *daemon_state(struct daemon *daemon);

/* For its tallies. */
const struct notify *daemon_notify(const struct daemon *daemon);

/* In force now; another one after a reload, when nothing of this one may be used any more. */
const struct agent_config *daemon_config(const struct daemon *daemon);

/* The state directory, absolute; it is there, mode 0700. */
const char *daemon_directory(const struct daemon *daemon);

/*
 * Run it as soon as there is room; NULL: all of them. What is running already
 * runs once more behind it. `trigger` is a word of state_running's.
 * ERROR_NOT_FOUND if there is no such deployment, ERROR_STATE while stopping.
 */
int daemon_reconcile(struct daemon *daemon, const char *name, const char *trigger, struct error *err);

/* Look at the source now: a webhook. What comes into force is run with the trigger webhook. */
void daemon_fetch(struct daemon *daemon);

#endif
