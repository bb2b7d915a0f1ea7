/*
 * Calls on their way: the gate, then attempts until an answer stands.
 *
 * aws_batch() works through a list of exchanges with up to CALLS at once. A
 * call waits until it is due and its quota's bucket has a token, is signed and
 * sent, and ends with an answer, an error, or another time to be due. One loop,
 * one thread, no callbacks: the transport says which of those under way has ended.
 */
#include "aws/answer.h"
#include "aws/audited.h"
#include "aws/client_private.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 16
#define HEADERS (5 + SIGN_HEADERS) /* of a request at most */
#define CONNECT_TIMEOUT_MS 5000
#define ATTEMPT_TIMEOUT_MS 60000
#define LONGEST_WAIT_MS 200 /* so that a stop is noticed */

struct call {
	struct aws_exchange *exchange; /* NULL: this place is free */
	const struct aws_operation_info *operation;
	const struct endpoint *endpoint;
	struct retry retry;
	struct transport_result result;
	struct buf body; /* as it is sent */
	char invocation[AWS_UUID_SIZE];
	bool running;
	int64_t intent; /* its line in the audit log; 0: none */
	char request_id[80];
	int64_t due_ms;
	int64_t started_ms;
	uint64_t generation;    /* of the credentials that signed it */
	int64_t signing_offset; /* with which it was dated */
};

struct batch {
	struct aws *aws;
	struct arena *arena;
	struct aws_exchange *exchanges;
	size_t count;
	size_t next; /* the first that has no place yet */
	size_t running;
	size_t failed;
	struct error halt; /* nothing more is sent, and why */
	struct call calls[CALLS];
};

/* The gate: a client that was opened for reading sends nothing that changes anything. */
static int check_gate(const struct aws *aws, const struct aws_operation_info *operation, struct error *err)
{
	if (operation->mutates && !aws->writes)
		return error_set(err, ERROR_REFUSED, "%s: dry run cannot write", operation->permission);
	return 0;
}

static void write_body(struct call *call)
{
	const struct aws_service_info *service = operation_service(call->operation->service);
	const struct aws_request *request = &call->exchange->request;

	if (service->protocol == AWS_QUERY) {
		buf_printf(&call->body, "Action=%s&Version=%s", call->operation->name, service->version);
		buf_puts(&call->body, request->length > 0 ? "&" : "");
	}
	if (request->body != NULL)
		buf_append(&call->body, request->body, request->length);
	else if (service->protocol == AWS_JSON)
		buf_puts(&call->body, "{}");
}

static void end_call(struct batch *batch, struct call *call, const struct error *err)
{
	call->exchange->error = *err;
	if (call->intent != 0)
		audited_answer(batch->aws->audit, call->intent, call->request_id, err);
	if (err->code != ERROR_NONE)
		batch->failed++;
	/* What one call is told about us holds for all. */
	if (err->code == ERROR_CREDENTIALS || err->code == ERROR_REFUSED)
		batch->halt = *err;
	buf_free(&call->body);
	transport_result_clear(&call->result);
	*call = (struct call){0};
}

/* Give the next exchange this place; one that cannot be sent leaves it again at once. */
static void admit_call(struct batch *batch, struct call *call)
{
	struct error err = batch->halt;

	call->exchange = &batch->exchanges[batch->next++];
	call->operation = operation_info(call->exchange->request.operation);
	call->exchange->response = (struct aws_response){0};
	if (err.code != ERROR_NONE || check_gate(batch->aws, call->operation, &err) != 0 ||
	    aws_find_endpoint(batch->aws, call->operation->service, &call->endpoint, &err) != 0) {
		end_call(batch, call, &err);
		return;
	}
	write_body(call);
	aws_make_uuid(call->invocation);
}

static void admit_calls(struct batch *batch)
{
	for (size_t i = 0; i < CALLS; i++)
		while (batch->calls[i].exchange == NULL && batch->next < batch->count)
			admit_call(batch, &batch->calls[i]);
}

/* The wire headers of an attempt, without those of the signature. Returns how many. */
static size_t list_headers(const struct batch *batch, const struct call *call, struct buf *texts,
                           struct sign_header headers[HEADERS])
{
	const struct aws_service_info *service = operation_service(call->operation->service);
	size_t count = 0;

	buf_printf(texts, "attempt=%d; max=%d", call->retry.attempts + 1, batch->aws->budget.max_attempts);
	headers[count++] = (struct sign_header){"amz-sdk-invocation-id", call->invocation};
	headers[count++] = (struct sign_header){"amz-sdk-request", texts->bytes};
	if (call->body.length > 0)
		headers[count++] = (struct sign_header){"Content-Type", service->content_type};
	if (service->protocol == AWS_REST_JSON)
		headers[count++] = (struct sign_header){"Accept", "application/json"};
	return count;
}

static void send_signed(struct batch *batch, struct call *call, struct transport_request *request,
                        struct sign_header headers[HEADERS])
{
	const struct aws_service_info *service = operation_service(call->operation->service);
	struct sign_key key = aws_signing_key(batch->aws, call->endpoint, service->signing_name);
	char *path = strdup(request->url + strlen(call->endpoint->origin));
	char *query = path != NULL ? strchr(path, '?') : NULL;
	struct sign_request to_sign = {
	    .method = request->method,
	    .host = call->endpoint->host,
	    .path = path,
	    .headers = headers,
	    .header_count = request->header_count,
	    .body = request->body,
	    .length = request->length,
	};
	struct sign_texts texts;

	if (path == NULL)
		abort();
	if (query != NULL) {
		*query = '\0';
		to_sign.query = query + 1;
	}
	request->header_count += sign_headers(&to_sign, &key, headers + request->header_count, &texts);
	batch->aws->transport->start(batch->aws->transport, request, &call->result);
	free(path);
	buf_free(&texts.authorization);
}

static void count_attempt(struct aws *aws, const struct call *call)
{
	struct aws_tally_item *item = aws->tally != NULL ? &aws->tally->services[call->operation->service] : NULL;

	if (call->retry.attempts == 0) {
		aws->counts.calls++;
		aws->counts.mutations += call->operation->mutates;
		if (item != NULL)
			item->calls++;
	} else {
		aws->counts.retries++;
		if (item != NULL)
			item->retries++;
	}
}

static void start_attempt(struct batch *batch, struct call *call)
{
	const struct aws_service_info *service = operation_service(call->operation->service);
	const char *path = call->exchange->request.path;
	struct sign_header headers[HEADERS];
	struct buf url = {0}, attempt = {0}, target = {0};
	struct transport_request request = {
	    .method = call->operation->method,
	    .headers = headers,
	    .body = call->body.length > 0 ? call->body.bytes : NULL,
	    .length = call->body.length,
	    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
	    .timeout_ms = ATTEMPT_TIMEOUT_MS,
	    .fresh = !call->operation->resend,
	};

	buf_printf(&url, "%s%s%s", call->endpoint->origin, call->endpoint->base_path, path != NULL ? path : "/");
	request.url = url.bytes;
	request.header_count = list_headers(batch, call, &attempt, headers);
	if (service->protocol == AWS_JSON) {
		buf_printf(&target, "%s%s", service->version, call->operation->name);
		headers[request.header_count++] = (struct sign_header){"X-Amz-Target", target.bytes};
	}
	call->generation = batch->aws->generation;
	call->signing_offset = batch->aws->signing_offset;
	call->started_ms = batch->aws->transport->now_ms(batch->aws->transport);
	call->running = true;
	batch->running++;
	count_attempt(batch->aws, call);
	send_signed(batch, call, &request, headers);
	buf_free(&url);
	buf_free(&attempt);
	buf_free(&target);
}

/* End all calls that are not under way. */
static void halt_calls(struct batch *batch)
{
	for (size_t i = 0; i < CALLS; i++)
		if (batch->calls[i].exchange != NULL && !batch->calls[i].running)
			end_call(batch, &batch->calls[i], &batch->halt);
}

/*
 * Credentials are looked for with the same transport, so only while nothing is
 * under way. Returns whether calls may start.
 */
static bool have_credentials(struct batch *batch)
{
	struct error err;

	if (!aws_needs_credentials(batch->aws))
		return true;
	if (batch->running > 0)
		return false;
	if (aws_check_credentials(batch->aws, &err) == 0)
		return true;
	batch->halt = err;
	return false;
}

/* What changes something is in the audit log before it is sent. Returns whether it may be. */
static bool note_intent(struct batch *batch, struct call *call)
{
	struct audit *audit = batch->aws->audit;
	struct error err;

	if (audit == NULL || !call->operation->mutates || call->intent != 0)
		return true;
	if (audited_intend(audit, call->operation, &call->exchange->request, &call->intent, &err) == 0)
		return true;
	batch->halt = err;
	return false;
}

/* Start what is due and within its quota. Returns the milliseconds until something else may be. */
static int64_t start_calls(struct batch *batch)
{
	struct aws *aws = batch->aws;
	int64_t wait = LONGEST_WAIT_MS;

	for (size_t i = 0; i < CALLS; i++) {
		struct call *call = &batch->calls[i];
		int64_t now = aws->transport->now_ms(aws->transport);
		int64_t left = call->due_ms - now;

		if (call->exchange == NULL || call->running)
			continue;
		if (left <= 0 && !have_credentials(batch))
			break;
		if (left <= 0)
			left = bucket_take(&aws->buckets[call->operation->quota], now);
		if (left == 0 && !note_intent(batch, call))
			break;
		if (left == 0)
			start_attempt(batch, call);
		else if (left < wait)
			wait = left;
	}
	return wait;
}

/* The way there or back failed: what that means depends on whether the request may be sent twice. */
static enum fault_kind read_failure(const struct call *call, struct error *err)
{
	const struct aws_operation_info *operation = call->operation;
	const char *service = operation_service(operation->service)->name;
	const char *reason = call->result.reason;

	switch (call->result.failure) {
	case TRANSPORT_CONNECT:
		error_set(err, ERROR_UNREACHABLE, "%s %s: %s", service, operation->name, reason);
		err->retryable = true;
		return FAULT_TRANSIENT;
	case TRANSPORT_UNTRUSTED:
		error_set(err, ERROR_UNREACHABLE, "%s %s: %s", service, operation->name, reason);
		return FAULT_FINAL;
	case TRANSPORT_TOO_LARGE:
		error_set(err, ERROR_PROTOCOL, "%s %s: the answer is larger than %zu bytes", service, operation->name,
		          TRANSPORT_BODY_LIMIT);
		return FAULT_FINAL;
	default:
		error_set(err, call->result.failure == TRANSPORT_TIMEOUT ? ERROR_TIMEOUT : ERROR_UNREACHABLE,
		          "%s %s: %s%s", service, operation->name, reason,
		          operation->resend ? "" : " (it may have been carried out)");
		err->retryable = operation->resend;
		return call->result.failure == TRANSPORT_TIMEOUT ? FAULT_TIMEOUT : FAULT_TRANSIENT;
	}
}

/* What an attempt ended with. FAULT_FINAL and err->code ERROR_NONE: success. */
static enum fault_kind read_attempt(struct batch *batch, struct call *call, struct error *err)
{
	struct transport_result *result = &call->result;
	enum fault_kind kind;
	struct fault fault;

	if (result->failure == TRANSPORT_OK && result->status / 100 == 2) {
		if (answer_read(batch->arena, call->operation, result, &call->exchange->response, err) == 0)
			return FAULT_FINAL;
		kind = err->retryable ? FAULT_TRANSIENT : FAULT_FINAL;
	} else if (result->failure == TRANSPORT_OK) {
		answer_read_fault(batch->arena, call->operation, result, &fault);
		kind = fault_classify(&fault, call->operation, err);
	} else {
		kind = read_failure(call, err);
	}
	/* Once it reached the service, what may not be sent twice is not. */
	if (!call->operation->resend && result->failure != TRANSPORT_CONNECT &&
	    (kind == FAULT_TRANSIENT || kind == FAULT_TIMEOUT))
		kind = FAULT_FINAL;
	return kind;
}

static void note_answer(struct aws *aws, const struct call *call)
{
	const struct transport_result *result = &call->result;
	time_t date = answer_read_date(result);

	answer_read_request_id(result, aws->last_request_id, sizeof(aws->last_request_id));
	if (date != 0)
		aws->clock_offset = date - aws->transport->time(aws->transport);
	log_debug("%s attempt %d: %s %ld, %" PRId64 " ms, request id %s", call->operation->permission,
	          call->retry.attempts + 1, result->failure == TRANSPORT_OK ? "HTTP" : result->reason, result->status,
	          aws->transport->now_ms(aws->transport) - call->started_ms, aws->last_request_id);
}

static void finish_attempt(struct batch *batch, struct call *call)
{
	struct aws *aws = batch->aws;
	int64_t now = aws->transport->now_ms(aws->transport);
	struct bucket *bucket = &aws->buckets[call->operation->quota];
	struct error err = {0};
	struct retry_case failed = {.clock_offset = 0};
	int64_t delay;

	call->running = false;
	batch->running--;
	note_answer(aws, call);
	memcpy(call->request_id, aws->last_request_id, sizeof(call->request_id));
	failed.kind = read_attempt(batch, call, &err);
	if (err.code == ERROR_NONE) {
		if (aws->last_request_id[0] == '\0')
			memcpy(aws->last_request_id, call->exchange->response.request_id, sizeof(aws->last_request_id));
		bucket_note_success(bucket, now);
		retry_note_success(&aws->budget, &call->retry);
		end_call(batch, call, &err);
		return;
	}
	failed.clock_offset = aws->clock_offset - call->signing_offset;
	failed.random = aws->transport->random(aws->transport);
	delay = retry_decide(&aws->budget, &call->retry, &failed);
	if (failed.kind == FAULT_THROTTLE) {
		bucket_note_throttle(bucket, now);
		aws->counts.throttles++;
		if (aws->tally != NULL)
			aws->tally->services[call->operation->service].throttles++;
	}
	if (failed.kind == FAULT_CREDENTIALS)
		aws_drop_credentials(aws, call->generation);
	if (delay < 0 || batch->halt.code != ERROR_NONE) {
		end_call(batch, call, &err);
		return;
	}
	if (failed.kind == FAULT_CLOCK)
		aws->signing_offset = aws->clock_offset;
	transport_result_clear(&call->result);
	call->due_ms = now + delay;
}

static void await_one(struct batch *batch, int64_t wait)
{
	struct transport *transport = batch->aws->transport;
	const struct transport_result *done = transport->wait(transport, wait);

	for (size_t i = 0; i < CALLS && done != NULL; i++)
		if (&batch->calls[i].result == done && batch->calls[i].running) {
			finish_attempt(batch, &batch->calls[i]);
			return;
		}
}

static bool is_unfinished(const struct batch *batch)
{
	for (size_t i = 0; i < CALLS; i++)
		if (batch->calls[i].exchange != NULL)
			return true;
	return batch->next < batch->count;
}

size_t aws_batch(struct aws *aws, struct arena *arena, struct aws_exchange *exchanges, size_t count)
{
	struct batch batch = {.aws = aws, .arena = arena, .exchanges = exchanges, .count = count};

	for (;;) {
		int64_t wait;

		if (aws->stop != NULL && *aws->stop && batch.halt.code == ERROR_NONE)
			error_set(&batch.halt, ERROR_TIMEOUT, "stopped before it was done");
		admit_calls(&batch);
		if (batch.halt.code != ERROR_NONE)
			halt_calls(&batch);
		if (!is_unfinished(&batch))
			return batch.failed;
		wait = start_calls(&batch);
		/* What could not start leaves its place first; what is under way is always waited for. */
		if (batch.halt.code == ERROR_NONE || batch.running > 0)
			await_one(&batch, wait);
	}
}

int aws_call(struct aws *aws, struct arena *arena, const struct aws_request *request, struct aws_response *response,
             struct error *err)
{
	struct aws_exchange exchange = {.request = *request};

	if (aws_batch(aws, arena, &exchange, 1) != 0) {
		*err = exchange.error;
		return -1;
	}
	*response = exchange.response;
	return 0;
}
