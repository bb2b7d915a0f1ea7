/*
 * lock.h - one run at a time for a deployment, on this machine. Other machines
 * are kept out by lock_database.h.
 */
#ifndef TRUEUP_RUN_LOCK_H
#define TRUEUP_RUN_LOCK_H

#include "base/arena.h"
#include "base/error.h"

struct lock;

/* Take DIRECTORY/NAME.lock. ERROR_BUSY, with the holder's process id, if another run has it. Gone with the process. */
int lock_take(const char *directory, const char *name, struct lock **lock, struct error *err);
void lock_release(struct lock *lock); /* NULL is fine */

/* Where locks and audit logs are: `given`, else $TRUEUP_STATE, /var/lib/trueup for root, the XDG state directory. */
const char *lock_find_directory(struct arena *arena, const char *given);

#endif
