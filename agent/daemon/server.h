/*
 * server.h - what the agent serves over HTTP: connections, TLS, and their limits.
 * What is answered is in routes.h.
 *
 * One loop serves all, and no client can hold it up: a connection has to bring a
 * whole request within SERVER_PATIENCE_S of its beginning or of the answer
 * before, however slowly it goes on; there are at most SERVER_CONNECTIONS, and
 * SERVER_CONNECTIONS_PEER of one address (of IPv6: of one network of 64 bits),
 * and one more ends the one that has been waiting longest, of all or of that
 * address. Headers and bodies are bounded, and nothing waits for a slow reader of
 * events (sse.h).
 */
#ifndef TRUEUP_AGENT_DAEMON_SERVER_H
#define TRUEUP_AGENT_DAEMON_SERVER_H

#include "base/error.h"
#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>

#define SERVER_CONNECTIONS 256
#define SERVER_CONNECTIONS_PEER 64
#define SERVER_PATIENCE_S 15
#define SERVER_HEADERS_MAX ((long)16 * 1024) /* bytes */
#define SERVER_BODY_MAX ((long)1024 * 1024)  /* bytes: WEBHOOK_BODY_MAX */

struct daemon;
struct bufferevent;
struct server;

/*
 * Listen as `config` says, on the daemon's loop. NULL after filling err: the
 * address is in use, or a file cannot be read or is not what it should be.
 */
struct server *server_new(struct daemon *daemon, const struct agent_config *config, struct error *err);

/*
 * Another configuration that listens, too: its files are read again, so that a
 * new certificate or token comes into force. -1: all stays as it was.
 */
int server_reload(struct server *server, const struct agent_config *config, struct error *err);
void server_free(struct server *server); /* NULL is fine */

/* A request of this connection was answered: its patience begins anew; with `keep`, for ever (events). */
void server_touch(struct server *server, const struct bufferevent *bufferevent, bool keep);

#endif
