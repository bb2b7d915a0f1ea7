/*
 * auth.h - who may read what the agent serves, and who may ask it to act.
 *
 * Tokens and passwords come from files, are compared in constant time (by their
 * SHA-256, so that not even their length shows), and are never told.
 */
#ifndef TRUEUP_AGENT_DAEMON_AUTH_H
#define TRUEUP_AGENT_DAEMON_AUTH_H

#include "base/error.h"
#include "daemon/config.h"

#include <stdbool.h>

struct auth;

/* Reads the files that `listen` names. NULL: one cannot be read, or holds nothing that could be meant. */
struct auth *auth_new(const struct agent_listen *listen, struct error *err);
void auth_free(struct auth *auth); /* NULL is fine */

/* Whether readers must say who they are, by the token or as a user. */
bool auth_is_needed(const struct auth *auth);

/*
 * Whether the value of a request's Authorization header (NULL: it has none) is
 * "Bearer TOKEN" with the token, or "Basic …" of a user. Never where no such
 * thing is configured.
 */
bool auth_knows(const struct auth *auth, const char *authorization);

/* Whether there are users: then a browser is to ask for a name and a password. */
bool auth_has_users(const struct auth *auth);

/*
 * Whether a request that came in at `address` may name this host. What listens
 * on loopback answers only to loopback's own names, so that a page from
 * elsewhere whose name was made to lead here (DNS rebinding) reads nothing.
 */
bool auth_is_own_host(const char *address, const char *host);

#endif
