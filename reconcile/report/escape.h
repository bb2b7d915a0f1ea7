/*
 * escape.h - text from the world in Markdown.
 *
 * Nobody's name, e-mail or error may become a heading, a link, a mention that
 * writes to people, a reference to an issue, or HTML. Control characters are
 * shown as glyph.h says, so that a text stays on its line.
 */
#ifndef TRUEUP_REPORT_ESCAPE_H
#define TRUEUP_REPORT_ESCAPE_H

#include "base/buf.h"

/* As prose. Words that a page would link or mention (@, #, ://, www., GH-1, !1, &1, %1) are put as code, where they
 * are inert. */
void escape_put_prose(struct buf *out, const char *text);

/* As a code span, whatever backticks it has. Nothing for "". */
void escape_put_code(struct buf *out, const char *text);

#endif
