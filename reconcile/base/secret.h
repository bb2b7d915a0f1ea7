/*
 * secret.h - a password, key or token.
 *
 * A secret is a type so that it cannot reach a printf by accident. It lives in
 * locked memory that core files leave out, and is wiped when it is let go.
 */
#ifndef TRUEUP_BASE_SECRET_H
#define TRUEUP_BASE_SECRET_H

#include "base/error.h"

#include <stddef.h>

struct secret;

struct secret *secret_new(const char *bytes, size_t length); /* copies; the caller wipes its own */

/* The first line of a file, without its end. NULL, with err: it cannot be read, or there is nothing in the line. */
struct secret *secret_load(const char *file, struct error *err);

struct secret *secret_copy(const struct secret *secret); /* NULL gives NULL */
void secret_free(struct secret *secret);                 /* NULL is fine; wipes */

/* The bytes, NUL-terminated, for the one call that needs them. Never log, never copy into plain memory that stays. */
const char *secret_reveal(const struct secret *secret);
size_t secret_length(const struct secret *secret);

/* What is printed in its place: "***". */
const char *secret_text(const struct secret *secret);

#endif
