/*
 * file.h - whole files: read with a bound, replaced as a whole.
 */
#ifndef TRUEUP_BASE_FILE_H
#define TRUEUP_BASE_FILE_H

#include "base/arena.h"
#include "base/error.h"

#include <stddef.h>

/*
 * Read the whole of path ("-" is standard input) into the arena, NUL-terminated
 * (the NUL is not counted in *length, which may be NULL). More than `limit`
 * bytes is an error, as is anything that is not a regular file, a pipe or a terminal.
 */
int file_read(struct arena *arena, const char *path, size_t limit, char **text, size_t *length, struct error *err);

/* All of it, in as many write()s as that takes: one that is short is no error, and does not say why. -1 and errno. */
int file_write(int fd, const char *bytes, size_t length);

/* Replace path by text: written beside it, fsynced, renamed over it, the directory fsynced. Mode 0644. */
int file_replace(const char *path, const char *text, size_t length, struct error *err);

/* The same, mode 0600: for its owner only. */
int file_replace_private(const char *path, const char *text, size_t length, struct error *err);

/* mkdir -p, mode 0700 for what is made. */
int file_make_directories(const char *path, struct error *err);

#endif
