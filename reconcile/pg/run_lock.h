/*
 * run_lock.h - one run at a time for a deployment, on whatever machine: an
 * advisory lock in its database, which ends with the session that holds it.
 */
#ifndef TRUEUP_PG_RUN_LOCK_H
#define TRUEUP_PG_RUN_LOCK_H

#include "base/arena.h"
#include "pg/connect.h"

/*
 * Take it for this session, which may be a reading one. A holder is waited for a few seconds: the server may not have
 * noticed yet that its client was killed. ERROR_BUSY, with what the holder's session calls itself and its address.
 */
int pg_run_lock(struct pg_session *session, struct arena *arena, const char *deployment, struct error *err);

#endif
