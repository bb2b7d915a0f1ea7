#include "pg/tuple.h"

#include <string.h>

static const char signature[11] = "PGCOPY\n\377\r\n";

enum { HEADER_SIZE = sizeof(signature) + 4 + 4, FLAG_CRITICAL = 0xffff };

static int malformed(struct error *err, const char *what)
{
	return error_set(err, ERROR_PROTOCOL, "the database's COPY stream is not understood: %s", what);
}

static int32_t int32_at(const char *bytes)
{
	const unsigned char *b = (const unsigned char *)bytes;

	return (int32_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

static int16_t int16_at(const char *bytes)
{
	const unsigned char *b = (const unsigned char *)bytes;

	return (int16_t)((uint16_t)b[0] << 8 | b[1]);
}

int pg_tuples_begin(struct pg_tuples *tuples, const char *message, size_t length, bool first, struct error *err)
{
	int32_t extension;

	tuples->cursor = message;
	tuples->end = message + length;
	if (!first)
		return 0;
	if (length < HEADER_SIZE || memcmp(message, signature, sizeof(signature)) != 0)
		return malformed(err, "no signature");
	if (((uint32_t)int32_at(message + sizeof(signature)) >> 16 & FLAG_CRITICAL) != 0)
		return malformed(err, "a flag that is not known");
	extension = int32_at(message + sizeof(signature) + 4);
	if (extension < 0 || (size_t)extension > length - HEADER_SIZE)
		return malformed(err, "an extension that is too long");
	tuples->cursor += HEADER_SIZE + extension;
	return 0;
}

static int field_next(struct pg_tuples *tuples, struct pg_field *field, struct error *err)
{
	if (tuples->end - tuples->cursor < 4)
		return malformed(err, "a row that is cut off");
	field->length = int32_at(tuples->cursor);
	tuples->cursor += 4;
	field->bytes = tuples->cursor;
	if (field->length < -1 || field->length > tuples->end - tuples->cursor)
		return malformed(err, "a field that is cut off");
	if (field->length > 0)
		tuples->cursor += field->length;
	return 0;
}

int pg_tuples_next(struct pg_tuples *tuples, struct pg_tuple *tuple, struct error *err)
{
	int i;

	if (tuples->cursor == tuples->end)
		return 0;
	if (tuples->end - tuples->cursor < 2)
		return malformed(err, "a row that is cut off");
	tuple->count = int16_at(tuples->cursor);
	tuples->cursor += 2;
	if (tuple->count == -1) /* the trailer */
		return tuples->cursor == tuples->end ? 0 : malformed(err, "bytes after the end");
	if (tuple->count < 0 || tuple->count > PG_TUPLE_FIELDS)
		return malformed(err, "a number of fields that was not asked for");
	for (i = 0; i < tuple->count; i++)
		if (field_next(tuples, &tuple->fields[i], err) < 0)
			return -1;
	return 1;
}
