/*
 * bots.h - the application's bots, for kinds that read or change them.
 */
#ifndef TRUEUP_KINDS_BOTS_H
#define TRUEUP_KINDS_BOTS_H

#include "kinds/kind.h"

/* The application's table: the spec's, else the stack's. NULL after filling err. */
const char *bots_resolve_table(struct kind_context *context, struct error *err);

/* All bots as the table has them now, sorted by id. Fills table, bots and bot_count of *out. */
int bots_read(struct kind_context *context, struct observed_bots *out, struct error *err);

#endif
