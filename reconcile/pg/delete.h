/*
 * delete.h - the one place that deletes rows for good.
 */
#ifndef TRUEUP_PG_DELETE_H
#define TRUEUP_PG_DELETE_H

#include "base/error.h"
#include "pg/connect.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Delete every row of these bots (PG_BOT_NULL: those of no bot) in one
 * transaction; *rows is how many there were. Whether they may go is the
 * caller's to know.
 */
int pg_delete_bots(struct pg_session *session, const char *table, const char *const *bots, size_t count, int64_t *rows,
                   struct error *err);

/* Delete the rows of these ids, those that are there, a thousand in one transaction. As above. */
int pg_delete_ids(struct pg_session *session, const char *table, const char *const *ids, size_t count, int64_t *rows,
                  struct error *err);

#endif
