#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool buf_reserve(struct buf *buf, size_t more)
{
	size_t limit = buf->limit != 0 ? buf->limit : BUF_DEFAULT_LIMIT;
	size_t capacity = buf->capacity != 0 ? buf->capacity : 256;
	char *bytes;

	if (buf->overflow || more > limit - buf->length) {
		buf->overflow = true;
		return false;
	}
	if (buf->length + more < buf->capacity)
		return true;
	while (capacity <= buf->length + more)
		capacity *= 2;
	bytes = malloc(capacity);
	if (bytes == NULL)
		abort();
	if (buf->bytes != NULL) {
		memcpy(bytes, buf->bytes, buf->length);
		explicit_bzero(buf->bytes, buf->length); /* it may have held a secret */
		free(buf->bytes);
	}
	buf->bytes = bytes;
	buf->capacity = capacity;
	return true;
}

void buf_append(struct buf *buf, const void *bytes, size_t length)
{
	if (!buf_reserve(buf, length))
		return;
	if (length > 0)
		memcpy(buf->bytes + buf->length, bytes, length);
	buf->length += length;
	buf->bytes[buf->length] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		abort();
	if (buf_reserve(buf, (size_t)length)) {
		vsnprintf(buf->bytes + buf->length, (size_t)length + 1, format, again);
		buf->length += (size_t)length;
	}
	va_end(again);
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->overflow = false;
	if (buf->bytes != NULL)
		buf->bytes[0] = '\0';
}

void buf_free(struct buf *buf)
{
	if (buf->bytes != NULL) {
		explicit_bzero(buf->bytes, buf->capacity);
		free(buf->bytes);
	}
	*buf = (struct buf){.limit = buf->limit};
}

const char *buf_text(const struct buf *buf)
{
	return buf->bytes != NULL ? buf->bytes : "";
}
