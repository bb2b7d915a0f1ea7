/*
 * tuple.h - rows of a binary COPY stream: for the files of this folder alone.
 *
 * The format is that of PostgreSQL's documentation of COPY: 19 bytes of header
 * (signature, flags, length of an extension), then each row as the number of
 * its fields and each field framed by its length (-1: NULL), then -1.
 */
#ifndef TRUEUP_PG_TUPLE_H
#define TRUEUP_PG_TUPLE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PG_TUPLE_FIELDS = 8 };

struct pg_field {
	const char *bytes; /* the length's four bytes stand in front of it */
	int32_t length;    /* -1: NULL */
};

struct pg_tuple {
	struct pg_field fields[PG_TUPLE_FIELDS];
	int count;
};

/* One message of the stream, as PQgetCopyData() gives it: whole rows. */
struct pg_tuples {
	const char *cursor;
	const char *end;
};

/* Begin with a message; `first` if it is the stream's, which the header stands in. */
int pg_tuples_begin(struct pg_tuples *tuples, const char *message, size_t length, bool first, struct error *err);

/* The next row. Returns 1, 0 at the end of the message, or -1 (ERROR_PROTOCOL). */
int pg_tuples_next(struct pg_tuples *tuples, struct pg_tuple *tuple, struct error *err);

#endif
