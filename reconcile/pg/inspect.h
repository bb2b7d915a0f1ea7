/*
 * inspect.h - what a session is like and may do, for `trueup doctor`.
 */
#ifndef TRUEUP_PG_INSPECT_H
#define TRUEUP_PG_INSPECT_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <time.h>

struct pg_inspection {
	const char *user;
	const char *server;      /* version: "15.3" */
	const char *vector;      /* version of pgvector; NULL: not in this database */
	const char *tls;         /* protocol: "TLSv1.3"; NULL: none */
	time_t certificate_ends; /* the server's; 0: no TLS */
	bool read_only;
	bool table;   /* it is there; the next four mean nothing if it is not */
	bool reads;   /* SELECT */
	bool adds;    /* INSERT */
	bool deletes; /* DELETE */
	bool owns;    /* may build indexes on it */
};

/* Look at the session, with one query. Strings go into the arena. */
int pg_inspect(struct pg_session *session, struct arena *arena, const char *table, struct pg_inspection *inspection,
               struct error *err);

struct pg_roots {
	size_t count;      /* certificates */
	time_t first_ends; /* when the first of them ends */
};

/* The certificates of the authorities in a file, as sslrootcert names it. ERROR_NOT_FOUND, ERROR_INVALID: none in it.
 */
int pg_inspect_roots(struct arena *arena, const char *path, struct pg_roots *roots, struct error *err);

#endif
