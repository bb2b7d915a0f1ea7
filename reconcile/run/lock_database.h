/*
 * lock_database.h - the lock of lock.h for other machines: held in the
 * deployment's own database by a reading session, for as long as a run acts.
 *
 * As good as it gets, and no better: only where the spec has `vectors`, the run
 * looks at them and the database can be reached; and while a run replaces the
 * cluster, its lock stays with the old one and ends with it.
 */
#ifndef TRUEUP_RUN_LOCK_DATABASE_H
#define TRUEUP_RUN_LOCK_DATABASE_H

#include "pg/connect.h"
#include "run/run.h"

/*
 * ERROR_BUSY, with who holds it, is the only failure. *session holds the lock until it is closed; NULL: there is none
 * to hold.
 */
int lock_database(struct run *run, const struct observed_stack *stack, struct pg_session **session, struct error *err);

#endif
