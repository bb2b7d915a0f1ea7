/*
 * field.h - the one table of all fields of a spec.
 *
 * The reader (parse.c), `trueup explain` and the JSON Schema all follow it, so
 * a field is described once: its key, type, bounds, words, default, text for
 * the operator, and where in struct desired its value goes. To add a field is
 * to add a member to struct desired and a row here.
 */
#ifndef TRUEUP_SPEC_FIELD_H
#define TRUEUP_SPEC_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum field_type {
	FIELD_TYPE_SECTION,  /* a mapping with the keys of `fields`; a struct whose first member is `bool present` */
	FIELD_TYPE_CONSTANT, /* the one word of `words`; nothing is stored */
	FIELD_TYPE_MAP,      /* a mapping of names to sections: structs, their first member `const char *` the name */
	FIELD_TYPE_STRING,   /* const char * */
	FIELD_TYPE_PATH,     /* const char *: a file in the spec's directory tree */
	FIELD_TYPE_PLACE,    /* const char *: a directory, relative to the spec's, anywhere */
	FIELD_TYPE_BOOL,     /* bool */
	FIELD_TYPE_INT,      /* int64_t */
	FIELD_TYPE_AUTO_INT, /* int64_t: a number, or `auto` for 0 */
	FIELD_TYPE_PERCENT,  /* int64_t: hundredths of a percent */
	FIELD_TYPE_DURATION, /* int64_t: seconds */
	FIELD_TYPE_WORD,     /* an enum: the number of the word */
	FIELD_TYPE_WORDS,    /* unsigned: a list of words, a bit each */
	FIELD_TYPE_STRINGS,  /* struct desired_strings */
	FIELD_TYPE_COUNTS,   /* a mapping of bot ids to numbers: struct desired_count *items, size_t count */
	FIELD_TYPE_MEMBERS,  /* a list of members: struct desired_member *items, size_t count */
};

struct field_word {
	const char *word; /* NULL ends the list */
	const char *text;
};

struct field {
	const char *key; /* NULL ends the table */
	enum field_type type;
	bool required;
	bool one_key;                   /* SECTION: just one of its keys is given */
	size_t offset;                  /* in the struct of the table that the field stands in */
	size_t count_offset;            /* MAP, COUNTS, MEMBERS */
	size_t item_size;               /* MAP: of one struct */
	const struct field *fields;     /* SECTION; MAP and MEMBERS: of each */
	const struct field_word *words; /* WORD, WORDS, CONSTANT */
	int64_t least, most;            /* bounds of a number; of texts, the most characters */
	const char *pattern;       /* STRING; COUNTS and MAP: of the keys. A regex that POSIX and ECMA read alike */
	const char *shape;         /* the pattern in words, after "must be" */
	const char *fallback;      /* the default as it would be written; NULL: none */
	const char *fallback_text; /* what holds by default where that is not one fixed value */
	const char *example;       /* the value, as it would be written */
	const char *allow;         /* the words of `allow` that actions for this field may need */
	const char *text;          /* for the operator */
};

/* The document: apiVersion, kind, metadata, spec. */
extern const struct field field_document[];

/* The field of a dotted path ("spec.vectors.table"; "vectors.table" too; a group's name may be any), or NULL. */
const struct field *field_find(const char *path);

/* The field of a dotted path in another document's table, or NULL; NULL also for "". */
const struct field *field_find_below(const struct field *fields, const char *path);

/* The type as a person calls it: "true or false", "list of words". */
const char *field_type_name(const struct field *field);

/* Which values of its type it takes: "1 to 9", "an RDS identifier: …". NULL: any. */
const char *field_values(struct arena *arena, const struct field *field);

/* As field_explain() below, for another document. `title` stands above the list of all its fields. */
int field_explain_table(const struct field *document, const char *title, const char *path, struct buf *out,
                        struct error *err);

/*
 * The documentation of a field and of those right below it; path NULL or "" is
 * the document. ERROR_INVALID, with a suggestion, if there is no such field.
 */
int field_explain(const char *path, struct buf *out, struct error *err);

/* The JSON Schema of a spec file's document. A new reference. */
json_t *field_schema(void);

#endif
