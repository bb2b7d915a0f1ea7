#include "pg/delete.h"
#include "base/arena.h"
#include "base/buf.h"
#include "pg/digest.h"
#include "pg/query.h"

#include <stdlib.h>

enum { ID_BATCH = 1000 };

static int delete_in(struct pg_session *session, struct arena *arena, const char *table, const struct pg_bots *bots,
                     int64_t *rows, struct error *err)
{
	const char *quoted;
	PGresult *result = NULL;

	if (pg_query_table(arena, table, &quoted, err) != 0)
		return -1;
	if (pg_query(session,
	             arena_printf(arena, "DELETE FROM %s WHERE %s", quoted, pg_query_bots(session, arena, bots)), NULL,
	             0, &result, err) != 0)
		return -1;
	*rows = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return 0;
}

int pg_delete_bots(struct pg_session *session, const char *table, const char *const *bots, size_t count, int64_t *rows,
                   struct error *err)
{
	struct arena *arena = arena_new();
	struct pg_bots list = {.items = arena_array(arena, count, sizeof(*list.items)), .count = count};
	size_t i;
	int rc;

	*rows = 0;
	for (i = 0; i < count; i++)
		list.items[i].name = bots[i];
	rc = count == 0 ? 0 : delete_in(session, arena, table, &list, rows, err);
	arena_free(arena);
	return rc;
}

/* id keeps its type, and with it its index: the literals take it on. */
static int delete_batch(struct pg_session *session, struct buf *sql, int64_t *rows, struct error *err)
{
	PGresult *result = NULL;

	buf_puts(sql, ")");
	if (pg_query(session, buf_text(sql), NULL, 0, &result, err) != 0)
		return -1;
	*rows += strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return 0;
}

int pg_delete_ids(struct pg_session *session, const char *table, const char *const *ids, size_t count, int64_t *rows,
                  struct error *err)
{
	struct arena *arena = arena_new();
	struct buf sql = {0};
	const char *quoted;
	size_t i;
	int rc = pg_query_table(arena, table, &quoted, err);

	*rows = 0;
	for (i = 0; rc == 0 && i < count; i++) {
		if (i % ID_BATCH == 0) {
			buf_clear(&sql);
			buf_printf(&sql, "DELETE FROM %s WHERE id IN (", quoted);
		}
		buf_printf(&sql, "%s%s", i % ID_BATCH == 0 ? "" : ", ", pg_query_literal(session, arena, ids[i]));
		if ((i + 1) % ID_BATCH == 0 || i + 1 == count)
			rc = delete_batch(session, &sql, rows, err);
	}
	buf_free(&sql);
	arena_free(arena);
	return rc;
}
