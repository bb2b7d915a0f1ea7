/*
 * form.h - the body of a request in the query protocol: Name=value&Name=value.
 *
 * Lists are written as the service names them: form_add_list(form,
 * "VpcSecurityGroupIds.VpcSecurityGroupId", …) or "EnableCloudwatchLogsExports.member".
 */
#ifndef TRUEUP_AWS_FORM_H
#define TRUEUP_AWS_FORM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A form is a buffer; buf_free() wipes it. What is NULL is left out. */
void form_add(struct buf *form, const char *name, const char *value);
void form_add_int(struct buf *form, const char *name, int64_t value);
void form_add_bool(struct buf *form, const char *name, bool value);
void form_add_list(struct buf *form, const char *name, const char *const *values, size_t count);

#endif
