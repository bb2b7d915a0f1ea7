/*
 * answer.h - what came back from a service, by protocol: a document or a fault.
 */
#ifndef TRUEUP_AWS_ANSWER_H
#define TRUEUP_AWS_ANSWER_H

#include "aws/client.h"
#include "aws/fault.h"
#include "aws/transport.h"

/*
 * A success: move the body into the response and parse it. A JSON protocol
 * may answer with no body at all. ERROR_PROTOCOL, retryable where the body did
 * not arrive as it was sent (DynamoDB's x-amz-crc32).
 */
int answer_read(struct arena *arena, const struct aws_operation_info *operation, struct transport_result *result,
                struct aws_response *response, struct error *err);

/* An error: code and message, as far as they can be made out. */
void answer_read_fault(struct arena *arena, const struct aws_operation_info *operation,
                       const struct transport_result *result, struct fault *fault);

/* x-amzn-RequestId, or x-amz-request-id; "" if there is none. */
void answer_read_request_id(const struct transport_result *result, char *out, size_t size);

/* The time by the service's clock, from the Date header; 0 if it does not say. */
time_t answer_read_date(const struct transport_result *result);

/* Overwrite all texts in a document, and release it: jansson does not wipe what it frees. NULL is fine. */
void answer_wipe_json(json_t *json);

#endif
