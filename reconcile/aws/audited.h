/*
 * audited.h - what the audit log is told of calls that change something: the
 * operation, which things by name, and what came of it. Private to aws/.
 */
#ifndef TRUEUP_AWS_AUDITED_H
#define TRUEUP_AWS_AUDITED_H

#include "aws/client.h"
#include "aws/operation.h"
#include "base/audit.h"

/* Before it is sent. *intent is the line's number. Of the parameters only those that name things are told. */
int audited_intend(struct audit *audit, const struct aws_operation_info *operation, const struct aws_request *request,
                   int64_t *intent, struct error *err);

/* What came of it; err->code ERROR_NONE: it succeeded. If it cannot be written, nothing can be written after it. */
void audited_answer(struct audit *audit, int64_t intent, const char *request_id, const struct error *err);

#endif
