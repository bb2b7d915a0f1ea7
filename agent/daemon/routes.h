/*
 * routes.h - what is answered at which path: page, API, events, metrics,
 * webhook. What needs a token, and what a browser is kept from, is decided here.
 *
 * /healthz (the loop turns), /readyz (specs are in force) and the page's files,
 * which say nothing else, are answered to everybody who reaches the address; the
 * rest needs the
 * token or a user where one is configured; to reconcile needs one in any case.
 */
#ifndef TRUEUP_AGENT_DAEMON_ROUTES_H
#define TRUEUP_AGENT_DAEMON_ROUTES_H

#include "base/error.h"
#include "daemon/config.h"

#include <stdbool.h>

struct daemon;
struct evhttp_request;
struct routes;

struct routes *routes_new(struct daemon *daemon);

/* Tokens, users and the webhook's secret are read again. -1: all stays as it was. */
int routes_reload(struct routes *routes, const struct agent_config *config, struct error *err);

/* Answers it. True: the connection stays open for events. */
bool routes_answer(struct routes *routes, struct evhttp_request *request);

/* The events' clients are told goodbye; before the connections go. */
void routes_end(struct routes *routes);
void routes_free(struct routes *routes); /* NULL is fine */

#endif
