/*
 * copy.h - whole bots from one table to another, streamed in parallel.
 *
 * Phases: lock the target (advisory, so that two machines never copy at once);
 * export one snapshot on the source, which every stream reads; compare, and
 * leave alone what is equal; stream the rest, largest bots first, small ones
 * packed to about 2,000 rows; read counts and digests back from the target and
 * hold them against what was read from the source.
 *
 * A bot is replaced as a whole: DELETE, COPY and COMMIT are one transaction on
 * the target, of one snapshot. In that transaction, before anything is deleted,
 * the ids that the target has are held against the source's: a bot with rows
 * that are nowhere else is kept as it is, unless the caller says that they may
 * go. Rows that others commit meanwhile are not in the snapshot, so they are
 * not deleted. So a copy that is killed anywhere leaves whole bots only, and
 * the next one does what is missing. If the target's rows of a bot are not as
 * many as when the copy began, somebody else writes there: that transaction is
 * not done, and an error. Bots that only the target has are
 * reported and left. The caller's are the vector index (drop before,
 * build after: pg/schema.h) and pg_table_vacuum().
 *
 * Memory is constant: under 40 MB whatever the rows.
 */
#ifndef TRUEUP_PG_COPY_H
#define TRUEUP_PG_COPY_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"
#include "pg/digest.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pg_copy_phase {
	PG_COPY_CONNECTING,
	PG_COPY_COMPARING,
	PG_COPY_STREAMING,
	PG_COPY_VERIFYING,
	PG_COPY_FINISHED,
};

/* What another thread may read while pg_copy() runs. Zeroed before. */
struct pg_copy_progress {
	_Atomic int phase; /* enum pg_copy_phase */
	_Atomic int64_t bots_total;
	_Atomic int64_t bots_done; /* committed */
	_Atomic int64_t rows_total;
	_Atomic int64_t rows_done; /* sent; may go back when a transaction is repeated */
	_Atomic int64_t bytes_done;
};

enum pg_copy_format {
	PG_COPY_AUTO, /* binary where both sides understand it, else text */
	PG_COPY_BINARY,
	PG_COPY_TEXT,
};

struct pg_copy_request {
	const struct pg_settings *source; /* opened reading, whatever `writes` says */
	const struct pg_settings *target; /* opened writing */
	const char *source_table;
	const char *target_table;
	const char *const *bots; /* NULL: all of the source */
	size_t bot_count;
	const char *snapshot; /* of the source, exported by whoever holds it; NULL: of this moment */
	int streams;          /* 0: 3, or 2 on a machine with one processor; at most 16 */
	enum pg_copy_format format;
	bool may_lose;             /* replace also bots of the target with rows which the source does not have */
	const volatile bool *stop; /* may be NULL; once true, whole bots are left and ERROR_STATE comes back */
	struct pg_copy_progress *progress; /* may be NULL */
};

enum pg_copy_state {
	PG_COPY_PENDING,  /* not reached: stopped, or another bot failed */
	PG_COPY_EQUAL,    /* the target had it already */
	PG_COPY_COPIED,   /* committed, not proved yet */
	PG_COPY_VERIFIED, /* committed, read back and equal */
	PG_COPY_ABSENT,   /* named by the caller, but not on the source: left alone */
	PG_COPY_KEPT,     /* left alone, since the target has rows of it that the source has not */
};

struct pg_copy_bot {
	const char *name;
	int64_t rows;                /* of the source */
	int64_t target_only;         /* with KEPT: rows that only the target has */
	char digest[PG_DIGEST_SIZE]; /* of the source; "" while pending */
	enum pg_copy_state state;
};

struct pg_copy_result {           /* filled as far as it came, also on failure */
	struct pg_copy_bot *bots; /* by name; those that neither side has are not among them */
	size_t bot_count;
	int64_t rows_copied;
	int64_t bytes_copied;
	const char **extra; /* bots that only the target has; with request.bots NULL */
	size_t extra_count;
	const char *text_reason;   /* why the format is text; NULL: it is binary */
	const char *extra_columns; /* of the source, which are not copied; NULL: none */
};

/*
 * Copy. Returns 0 once every bot is EQUAL, VERIFIED, ABSENT or KEPT. Errors name the bots:
 *   ERROR_BUSY      another copy to this table is under way (service_code "copy-lock"; retryable)
 *   ERROR_STATE     a table or its columns do not fit (pg_schema_create() first); or stopped
 *   ERROR_PROTOCOL  what was read back is not what was sent
 *   others          as pg_session_open() and SQLSTATE have it
 * A stream that lost its connection is opened again, three times, before that
 * is an error.
 */
int pg_copy(const struct pg_copy_request *request, struct arena *arena, struct pg_copy_result *result,
            struct error *err);

#endif
