/*
 * transport.h - HTTP requests, several at once, and the clock that goes with them.
 *
 * What the client needs of the world outside is in this one table, so that
 * tests put a script in its place. AWS is spoken to by client.h alone; the other
 * user is agent/deliver.c.
 */
#ifndef TRUEUP_AWS_TRANSPORT_H
#define TRUEUP_AWS_TRANSPORT_H

#include "aws/sign.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TRANSPORT_BODY_LIMIT ((size_t)8 * 1024 * 1024)
#define TRANSPORT_HEADERS_LIMIT ((size_t)64 * 1024)

struct transport_request {
	const char *method;
	const char *url;
	const struct sign_header *headers; /* Host, User-Agent and Content-Length are the transport's */
	size_t header_count;
	const char *body; /* stays the caller's, until the end; NULL: none */
	size_t length;
	int64_t connect_timeout_ms;
	int64_t timeout_ms;
	bool fresh;  /* on a new connection: one that is reused may be dead, and the request is not to be sent twice */
	bool direct; /* past any proxy */
};

enum transport_failure {
	TRANSPORT_OK,
	TRANSPORT_CONNECT,   /* it was never sent */
	TRANSPORT_UNTRUSTED, /* nor this: the certificate does not hold */
	TRANSPORT_LOST,      /* it may have been carried out */
	TRANSPORT_TIMEOUT,   /* likewise */
	TRANSPORT_TOO_LARGE, /* the answer passed a limit */
};

struct transport_result {
	enum transport_failure failure;
	char reason[256]; /* of a failure */
	long status;      /* HTTP */
	struct buf head;  /* the header lines as they came */
	struct buf body;
};

struct transport {
	/* Begin; *result, which is empty, is filled until wait() returns it. */
	void (*start)(struct transport *transport, const struct transport_request *request,
	              struct transport_result *result);
	/* The next that is finished, or NULL after timeout_ms; with nothing under way it only sleeps. */
	struct transport_result *(*wait)(struct transport *transport, int64_t timeout_ms);
	int64_t (*now_ms)(struct transport *transport); /* never goes back */
	time_t (*time)(struct transport *transport);    /* the wall clock */
	double (*random)(struct transport *transport);  /* 0 <= x < 1 */
	void (*free)(struct transport *transport);
};

/* Over libcurl. ca_bundle may be NULL: the system's. */
int transport_new(const char *ca_bundle, struct transport **transport, struct error *err);
void transport_free(struct transport *transport); /* NULL is fine */

/* Start one request and wait for it. The caller clears the result in any case. */
void transport_fetch(struct transport *transport, const struct transport_request *request,
                     struct transport_result *result);

/* Wipe and release; ready for the next. */
void transport_result_clear(struct transport_result *result);

/* The value of a header (any case) of a result, into out; "" if it is absent. */
void transport_find_header(const struct transport_result *result, const char *name, char *out, size_t size);

#endif
