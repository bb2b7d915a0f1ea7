/*
 * rows.h - make the rows of bots on one database those of another, and prove it.
 *
 * What only the target holds is never replaced or deleted unless the caller
 * says so: it may be the only copy.
 */
#ifndef TRUEUP_KINDS_ROWS_H
#define TRUEUP_KINDS_ROWS_H

#include "kinds/database.h"
#include "kinds/kind.h"

struct rows_request {
	struct database *source; /* read only, whatever the context may write */
	struct database *target;
	const char *table;
	const char *const *bots; /* NULL: all of either side */
	size_t bot_count;
	const char *snapshot; /* as struct pg_copy_request has it */
	int streams;          /* 0: as the engine thinks best */
	bool may_lose;        /* replace bots that hold rows which the source does not have */
	bool may_delete;      /* bots == NULL: delete bots of the target which the source does not have */
};

struct rows_result {
	size_t copied;     /* bots */
	const char **kept; /* bots left alone: rows of theirs are on the target only */
	size_t kept_count;
	const char **absent; /* asked for, and not on the source */
	size_t absent_count;
};

/*
 * Compare, copy what differs, read back. Returns 0 also when bots were kept or
 * absent: the result names them. Errors as pg_copy() has them.
 */
int rows_match(struct kind_context *context, const struct rows_request *request, struct rows_result *result,
               struct error *err);

/* "A, B, C and 4 more". */
const char *rows_list_names(struct arena *arena, const char *const *names, size_t count);

#endif
