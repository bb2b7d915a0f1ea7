/*
 * output.h - standard output: reports go there, and only there.
 */
#ifndef TRUEUP_AGENT_OUTPUT_H
#define TRUEUP_AGENT_OUTPUT_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

/* Print and empty buf. What could not be written is remembered until output_finish(). */
void output_buf(struct buf *buf);

/* Print JSON, keys in their order: indented, or on one line. */
void output_json(const json_t *json, bool indented);

/* Write out what is left. ERROR_SYSTEM if any of it was lost: a full disk, a reader that has gone. */
int output_finish(struct error *err);

#endif
