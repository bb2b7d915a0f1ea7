/*
 * place.h - files that a spec names: beside it or below, never elsewhere.
 */
#ifndef TRUEUP_SPEC_PLACE_H
#define TRUEUP_SPEC_PLACE_H

#include "base/arena.h"

/* The directory of a spec file, "." for one without or for "-". In the arena. */
const char *place_directory(struct arena *arena, const char *file);

/* `path`, relative to `directory`, wherever it leads, as place_resolve() returns it: it must be no absolute one. */
const char *place_join(struct arena *arena, const char *directory, const char *path, const char **out);

/*
 * Whether `path`, relative to `directory`, stays in the directory's tree with
 * all symbolic links followed. The file, and directories on the way, need not
 * exist. Returns NULL and the path to use in *out, else what is wrong, as it
 * reads after the field's path. Both in the arena.
 */
const char *place_resolve(struct arena *arena, const char *directory, const char *path, const char **out);

#endif
