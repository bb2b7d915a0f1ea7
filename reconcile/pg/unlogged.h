/*
 * unlogged.h - a statement with a password in it that the server writes to no
 * log: for the files of this folder alone.
 *
 * The password comes as the data of a COPY into a temporary table, and the
 * server puts the statement together in a DO block: so no text that came from
 * us has the password in it, whatever is logged of it (log_statement,
 * log_min_duration_statement, log_min_error_statement and their like,
 * pg_stat_activity, pg_stat_statements), and TEMP on the database is all that is
 * needed for that.
 * Errors are raised anew, since their context would quote the statement.
 *
 * What looks into the block is told not to, where the user may do so; where it
 * would still see the statement, nothing is run. What is left: a server that is
 * stopped in this very moment, whose last words to the log have the context.
 */
#ifndef TRUEUP_PG_UNLOGGED_H
#define TRUEUP_PG_UNLOGGED_H

#include "base/error.h"
#include "base/secret.h"
#include "pg/connect.h"

/*
 * Run `statement`, which is a pattern of the server's format(): its %L is
 * `text`. In a transaction of its own, of a minute at most: a server that connects
 * to another one heeds no connect_timeout. ERROR_DENIED if the server would log it:
 * err says by which setting, and what to do.
 */
int pg_unlogged_run(struct pg_session *session, const char *statement, const struct secret *text, struct error *err);

/* Whether it would be logged, without running anything. */
int pg_unlogged_check(struct pg_session *session, struct error *err);

#endif
