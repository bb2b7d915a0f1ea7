/*
 * sse.h - changes of the state as server-sent events, for as many clients as
 * SSE_CLIENTS. One that does not read is let go once SSE_BACKLOG bytes wait for
 * it; it comes back by itself, and reads the whole state anew.
 */
#ifndef TRUEUP_AGENT_DAEMON_SSE_H
#define TRUEUP_AGENT_DAEMON_SSE_H

#include "daemon/state.h"

#include <stdbool.h>

#define SSE_CLIENTS 32
#define SSE_BACKLOG ((size_t)1024 * 1024) /* bytes */

struct event_base;
struct evhttp_request;
struct sse;

struct sse *sse_new(struct event_base *base, struct state *state);
void sse_free(struct sse *sse); /* NULL is fine; ends what is open */

/* Takes the request over: its headers are set but for the type. False: there are too many; it is left as it was. */
bool sse_add(struct sse *sse, struct evhttp_request *request);

#endif
