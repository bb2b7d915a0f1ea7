/*
 * bots_search.h - for spec.bots.usable: the bots' rows, and their searches tried out.
 */
#ifndef TRUEUP_KINDS_BOTS_SEARCH_H
#define TRUEUP_KINDS_BOTS_SEARCH_H

#include "kinds/kind.h"

/*
 * Fill out->searches, and rows, search and question of each bot of out->bots
 * that should have rows. Never fails: what could not be seen is in the heads.
 */
void bots_search(struct kind_context *context, struct observed_bots *out);

/* What it needs beside the bots themselves. */
void bots_search_permissions(const struct desired *desired, struct kind_permissions *permissions);

#endif
