/* pgtool.h - private to pgtool: what its commands work with. */
#ifndef TRUEUP_TESTDATA_PG_PGTOOL_H
#define TRUEUP_TESTDATA_PG_PGTOOL_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <jansson.h>
#include <stdbool.h>

enum { SIDES = 2 };

struct tool {
	struct arena *arena;
	struct pg_settings settings[SIDES];
	const char *tables[SIDES];
	int side_count;
	char **options;
	int option_count;
	json_t *answer;
};

extern volatile bool tool_stopped; /* a signal asked for it */

/* The value of OPTION=VALUE. */
const char *tool_option(const struct tool *tool, const char *key, const char *otherwise);
int tool_number(const char *text);

/* The commands of two sides that pgtool_replication.c has. */
bool tool_replicates(const char *name);
int tool_replicate(struct tool *tool, const char *name, struct error *err);

#endif
