/*
 * store.h - the agent's observer that keeps what becomes of its runs (history.h).
 */
#ifndef TRUEUP_AGENT_DAEMON_STORE_H
#define TRUEUP_AGENT_DAEMON_STORE_H

#include "daemon/config.h"
#include "daemon/state.h"

struct store;

/* Keeps what becomes of the state's runs from now on. `directory` is the state directory. */
struct store *store_new(struct state *state, const char *directory, const struct agent_retention *retention);
void store_free(struct store *store); /* NULL is fine */
void store_reload(struct store *store, const struct agent_retention *retention);

#endif
