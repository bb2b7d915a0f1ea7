/*
 * observed_file.h - what `trueup observe` printed, read back for `plan --observed`.
 */
#ifndef TRUEUP_AGENT_OBSERVED_FILE_H
#define TRUEUP_AGENT_OBSERVED_FILE_H

#include "base/arena.h"
#include "base/error.h"
#include "plan/observed.h"

#include <stddef.h>

struct observed_file {
	const char *path;
	struct observed *items;
	size_t count;
};

/*
 * Read JSON objects, one after another ("-": from standard input). What the
 * diffs rely on is checked here, since people edit such files: names that must
 * be there, bots sorted by id. ERROR_INVALID, with the line, if it is not that.
 */
int observed_file_read(struct arena *arena, const char *path, struct observed_file *file, struct error *err);

/* What was seen of the deployment of that name. ERROR_NOT_FOUND if the file has nothing of it. */
int observed_file_find(const struct observed_file *file, const char *name, struct observed *observed,
                       struct error *err);

#endif
