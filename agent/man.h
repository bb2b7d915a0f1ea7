/*
 * man.h - the manual pages, from the tables that help and `trueup explain` come from. What they lack (a description,
 * files, examples) stands in man.c. contrib/man has them as they were last written.
 */
#ifndef TRUEUP_AGENT_MAN_H
#define TRUEUP_AGENT_MAN_H

#include "base/buf.h"
#include "base/error.h"
#include "spec/field.h"

#include <stddef.h>

/* The source of the page of that name: trueup, trueup-agent or trueup-spec. ERROR_INVALID if there is none. */
int man_print(const char *name, struct buf *out, struct error *err);

/*
 * Every field of a document by its whole path, with what `trueup explain` says of it. Those of the first `headings`
 * levels have a heading each.
 */
void man_print_fields(const struct field *document, size_t headings, struct buf *out);

#endif
