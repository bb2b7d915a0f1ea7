#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void output_buf(struct buf *buf)
{
	if (buf->overflow)
		abort(); /* only a defect could make a report of that size */
	(void)fwrite(buf_text(buf), 1, buf->length, stdout);
	buf_free(buf);
}

void output_json(const json_t *json, bool indented)
{
	char *text = json_dumps(json, indented ? JSON_INDENT(2) : JSON_COMPACT);

	if (text == NULL)
		abort(); /* what is dumped is UTF-8 and without circles, so it is out of memory */
	(void)fputs(text, stdout);
	(void)fputc('\n', stdout);
	free(text);
}

int output_finish(struct error *err)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return 0;
	if (errno == 0)
		return error_set(err, ERROR_SYSTEM, "cannot write to standard output");
	return error_errno(err, "cannot write to standard output");
}
