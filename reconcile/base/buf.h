/*
 * buf.h - a growing byte buffer with a limit.
 *
 * Once an append would pass the limit, nothing more is added and `overflow`
 * is set: check it once at the end. `bytes` is always NUL-terminated (the NUL
 * is not counted), and NULL only before the first append.
 */
#ifndef TRUEUP_BASE_BUF_H
#define TRUEUP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *bytes;
	size_t length;
	size_t capacity;
	size_t limit; /* bytes; 0: BUF_DEFAULT_LIMIT */
	bool overflow;
};

#define BUF_DEFAULT_LIMIT ((size_t)64 * 1024 * 1024)

void buf_append(struct buf *buf, const void *bytes, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *buf); /* empty, memory kept */
void buf_free(struct buf *buf);  /* empty, memory wiped and released; the limit stays */

/* The text so far; "" when empty. Valid until the next append. */
const char *buf_text(const struct buf *buf);

#endif
