/*
 * explain.h - why a connection could not be opened: for connect.c alone.
 */
#ifndef TRUEUP_PG_EXPLAIN_H
#define TRUEUP_PG_EXPLAIN_H

#include "base/error.h"
#include "pg/connect.h"

#include <libpq-fe.h>

/* Fill err for a connection that failed, as pg_session_open() documents it. Always returns -1. */
int pg_explain_connect(PGconn *conn, const struct pg_settings *settings, struct error *err);

/* The same for one that gave no answer in `seconds`. */
int pg_explain_silence(PGconn *conn, int seconds, struct error *err);

/* The SQLSTATE in a verbose message of libpq ("FATAL:  28P01: …") into out[6]; "" if there is none. */
void pg_explain_sqlstate(const char *message, char out[6]);

#endif
