/*
 * record.h - plain structs as JSON and back, from one table each.
 *
 * What is observed and what is planned are plain data that print as JSON and
 * read back. A `struct record` says once which member has which key; writing
 * and reading both follow it, so they cannot drift apart.
 *
 *     static const struct record_field member_fields[] = {
 *         RECORD_STRING(struct member, username, "username"),
 *         RECORD_BOOL(struct member, enabled, "enabled"),
 *         RECORD_END,
 *     };
 *     const struct record member_record = {sizeof(struct member), member_fields};
 */
#ifndef TRUEUP_BASE_RECORD_H
#define TRUEUP_BASE_RECORD_H

#include "base/arena.h"
#include "base/error.h"

#include <jansson.h>
#include <stdint.h>

enum record_type {
	RECORD_TYPE_STRING,  /* const char *: NULL is null */
	RECORD_TYPE_BOOL,    /* bool */
	RECORD_TYPE_INT,     /* int64_t */
	RECORD_TYPE_WORD,    /* an enum, as the word of its number */
	RECORD_TYPE_STRINGS, /* const char **items, size_t count */
	RECORD_TYPE_OBJECT,  /* an embedded struct */
	RECORD_TYPE_LIST,    /* struct *items, size_t count */
};

struct record;

struct record_field {
	const char *key;
	enum record_type type;
	size_t offset;
	size_t count_offset;         /* STRINGS, LIST */
	const struct record *record; /* OBJECT, LIST */
	const char *const *words;    /* WORD: ends with NULL */
};

struct record {
	size_t size;
	const struct record_field *fields; /* ends with RECORD_END */
};

#define RECORD_STRING(type_, member_, key_)                                                                            \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_STRING, .offset = offsetof(type_, member_)                          \
	}
#define RECORD_BOOL(type_, member_, key_)                                                                              \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_BOOL, .offset = offsetof(type_, member_)                            \
	}
#define RECORD_INT(type_, member_, key_)                                                                               \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_INT, .offset = offsetof(type_, member_)                             \
	}
#define RECORD_WORD(type_, member_, key_, words_)                                                                      \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_WORD, .offset = offsetof(type_, member_), .words = (words_)         \
	}
#define RECORD_STRINGS(type_, items_, count_, key_)                                                                    \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_STRINGS, .offset = offsetof(type_, items_),                         \
		.count_offset = offsetof(type_, count_)                                                                \
	}
#define RECORD_OBJECT(type_, member_, key_, record_)                                                                   \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_OBJECT, .offset = offsetof(type_, member_), .record = (record_)     \
	}
#define RECORD_LIST(type_, items_, count_, key_, record_)                                                              \
	{                                                                                                              \
		.key = (key_), .type = RECORD_TYPE_LIST, .offset = offsetof(type_, items_),                            \
		.count_offset = offsetof(type_, count_), .record = (record_)                                           \
	}
#define RECORD_END                                                                                                     \
	{                                                                                                              \
		.key = NULL                                                                                            \
	}

/* A new reference, keys in the table's order. Strings that are not UTF-8 are escaped as \xHH. */
json_t *record_to_json(const struct record *record, const void *data);

/*
 * Fill data (zeroed first), with copies in the arena. Keys that are absent or
 * null stay zero; an unknown key or a wrong type is an error that names its path.
 */
int record_from_json(const struct record *record, struct arena *arena, const json_t *json, void *data,
                     struct error *err);

#endif
