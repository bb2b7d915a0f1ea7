/*
 * tls.h - why a server's certificate was not accepted: for explain.c alone.
 *
 * libpq says "certificate verify failed" and no more. So the certificate is
 * fetched again and checked here, for the words only: nobody connects on what
 * this says.
 */
#ifndef TRUEUP_PG_TLS_H
#define TRUEUP_PG_TLS_H

#include "pg/connect.h"

#include <stddef.h>

/*
 * Describe the certificate of the server that `settings` names, and what is
 * wrong with it ("expired", "issuer unknown", …), and what to do. Sends no
 * password. Returns -1 if the certificate could not be had.
 */
int pg_tls_explain(const struct pg_settings *settings, char *out, size_t size);

#endif
