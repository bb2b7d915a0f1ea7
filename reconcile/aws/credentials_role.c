/*
 * Roles: AssumeRole with keys that we have, AssumeRoleWithWebIdentity with a
 * token from a file. These two calls come before there is a client to make them.
 */
#include "aws/answer.h"
#include "aws/credentials_sources.h"
#include "aws/endpoint.h"
#include "aws/form.h"
#include "aws/retry.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STS_TIMEOUT_MS 10000
#define HEADERS (1 + SIGN_HEADERS) /* of a request at most */
#define TOKEN_FILE_LIMIT ((size_t)64 * 1024)

/* What each attempt is made from. */
struct sts_call {
	struct transport *transport;
	const struct aws_operation_info *operation;
	struct endpoint endpoint;
	const struct credentials *base; /* NULL: not signed */
	struct buf form;
	int64_t clock_offset;
};

/* Sign with the base credentials and send; the first header is there already. */
static void send_signed(const struct sts_call *call, struct transport_request *request,
                        struct sign_header headers[HEADERS], struct transport_result *result)
{
	struct sign_request to_sign = {
	    .method = request->method,
	    .host = call->endpoint.host,
	    .path = request->url + strlen(call->endpoint.origin),
	    .headers = headers,
	    .header_count = request->header_count,
	    .body = request->body,
	    .length = request->length,
	};
	struct sign_key key = {
	    .access_key = call->base->access_key,
	    .secret_key = call->base->secret_key,
	    .token = call->base->token,
	    .region = call->endpoint.region,
	    .service = operation_service(AWS_STS)->signing_name,
	    .when = call->transport->time(call->transport) + call->clock_offset,
	};
	struct sign_texts texts;

	request->header_count += sign_headers(&to_sign, &key, headers + request->header_count, &texts);
	transport_fetch(call->transport, request, result);
	buf_free(&texts.authorization);
}

static void send_attempt(const struct sts_call *call, struct transport_result *result)
{
	struct sign_header headers[HEADERS] = {{"Content-Type", operation_service(AWS_STS)->content_type}};
	struct transport_request request = {
	    .method = "POST",
	    .headers = headers,
	    .header_count = 1,
	    .body = buf_text(&call->form),
	    .length = call->form.length,
	    .connect_timeout_ms = STS_TIMEOUT_MS,
	    .timeout_ms = STS_TIMEOUT_MS,
	};
	struct buf url = {0};

	buf_printf(&url, "%s%s/", call->endpoint.origin, call->endpoint.base_path);
	request.url = url.bytes;
	if (call->base != NULL)
		send_signed(call, &request, headers, result);
	else
		transport_fetch(call->transport, &request, result);
	buf_free(&url);
}

/* What an attempt that failed means. */
static enum fault_kind read_failure(struct search *scratch, const struct sts_call *call,
                                    const struct transport_result *result, struct error *err)
{
	struct fault fault;

	if (result->failure != TRANSPORT_OK) {
		error_set(err, ERROR_UNREACHABLE, "STS %s: %s", call->operation->name, result->reason);
		err->retryable = result->failure != TRANSPORT_UNTRUSTED;
		return err->retryable ? FAULT_TRANSIENT : FAULT_FINAL;
	}
	answer_read_fault(scratch->arena, call->operation, result, &fault);
	return fault_classify(&fault, call->operation, err);
}

/* Send until there is an answer or no sense in going on. */
static int send_call(struct search *scratch, struct sts_call *call, struct transport_result *result, struct error *err)
{
	struct retry_budget budget;
	struct retry retry = {0};

	retry_init(&budget, 0);
	for (;;) {
		struct retry_case failed;
		time_t date;
		int64_t delay;

		send_attempt(call, result);
		if (result->failure == TRANSPORT_OK && result->status == 200)
			return 0;
		date = answer_read_date(result);
		failed.kind = read_failure(scratch, call, result, err);
		failed.clock_offset = date != 0 ? date - call->transport->time(call->transport) : 0;
		failed.random = call->transport->random(call->transport);
		delay = retry_decide(&budget, &retry, &failed);
		/* Old credentials will not get younger here. */
		if (delay < 0 || failed.kind == FAULT_CREDENTIALS)
			return -1;
		if (failed.kind == FAULT_CLOCK)
			call->clock_offset = failed.clock_offset;
		transport_result_clear(result);
		call->transport->wait(call->transport, delay);
	}
}

static int read_credentials(struct search *scratch, const struct sts_call *call, struct transport_result *result,
                            struct credentials *out, struct error *err)
{
	struct aws_response response = {0};
	const struct xml_node *found;
	const char *access_key, *secret_key, *expiration;
	int rc = 0;

	if (answer_read(scratch->arena, call->operation, result, &response, err) != 0)
		return -1;
	found = xml_child(response.xml, "Credentials");
	access_key = xml_text(found, "AccessKeyId");
	secret_key = xml_text(found, "SecretAccessKey");
	expiration = xml_text(found, "Expiration");
	if (access_key == NULL || secret_key == NULL) {
		rc = error_set(err, ERROR_PROTOCOL, "STS %s: the answer has no credentials", call->operation->name);
	} else {
		credentials_set(out, access_key, secret_key, xml_text(found, "SessionToken"));
		if (expiration != NULL && clock_parse_rfc3339(expiration, &out->expires) != 0)
			rc = error_set(err, ERROR_PROTOCOL, "STS %s: Expiration is not a time", call->operation->name);
	}
	/* The tree's text is our own, and it is secret. */
	for (const struct xml_node *node = found != NULL ? found->first : NULL; node != NULL; node = node->next)
		explicit_bzero((char *)node->text, strlen(node->text));
	aws_response_free(&response);
	return rc;
}

static int write_form(struct search *scratch, const struct role *role, struct buf *form, struct error *err)
{
	const struct aws_service_info *service = operation_service(AWS_STS);
	char *token;
	size_t length;

	form_add(form, "Action", role->token_file != NULL ? "AssumeRoleWithWebIdentity" : "AssumeRole");
	form_add(form, "Version", service->version);
	form_add(form, "RoleArn", role->arn);
	form_add(form, "RoleSessionName", role->session_name);
	form_add(form, "ExternalId", role->external_id);
	if (role->duration > 0)
		form_add_int(form, "DurationSeconds", role->duration);
	if (role->token_file == NULL)
		return 0;
	if (file_read(scratch->arena, role->token_file, TOKEN_FILE_LIMIT, &token, &length, err) != 0)
		return error_context(err, "web identity token");
	token[strcspn(token, " \t\r\n")] = '\0';
	form_add(form, "WebIdentityToken", token);
	explicit_bzero(token, length);
	return 0;
}

int credentials_assume_role(const struct search *search, const struct role *role, const struct credentials *base,
                            struct credentials *out, struct error *err)
{
	struct endpoint_settings endpoints = {
	    .config = search->config, .profile = search->profile, .region = search->settings->region};
	struct search scratch = *search;
	struct sts_call call = {
	    .transport = search->settings->transport,
	    .operation =
	        operation_info(role->token_file != NULL ? AWS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY : AWS_STS_ASSUME_ROLE),
	    .base = base,
	};
	struct transport_result result = {0};
	int rc;

	endpoint_load_settings(&endpoints);
	if (endpoint_resolve(&endpoints, operation_service(AWS_STS), &call.endpoint, err) != 0)
		return -1;
	scratch.arena = arena_new();
	rc = write_form(&scratch, role, &call.form, err);
	if (rc == 0)
		rc = send_call(&scratch, &call, &result, err);
	if (rc == 0)
		rc = read_credentials(&scratch, &call, &result, out, err);
	transport_result_clear(&result);
	buf_free(&call.form);
	arena_free(scratch.arena);
	return rc == 0 ? 0 : error_context(err, "cannot assume role %s", role->arn);
}

int credentials_from_web_identity(const struct search *search, struct credentials *out, struct error *err)
{
	const char *profile = search->profile;
	const char *session_name = config_environment("AWS_ROLE_SESSION_NAME");
	struct role role = {
	    .token_file = config_environment("AWS_WEB_IDENTITY_TOKEN_FILE"),
	    .arn = config_environment("AWS_ROLE_ARN"),
	};

	if (role.token_file == NULL) {
		role.token_file = config_find(search->config, CONFIG_PROFILE, profile, "web_identity_token_file");
		role.arn = config_find(search->config, CONFIG_PROFILE, profile, "role_arn");
		session_name = config_find(search->config, CONFIG_PROFILE, profile, "role_session_name");
	}
	if (role.token_file == NULL)
		return 0;
	if (role.arn == NULL)
		return error_set(err, ERROR_CREDENTIALS, "a web identity token file is named, but no role");
	role.session_name = session_name != NULL ? session_name : "trueup";
	if (credentials_assume_role(search, &role, NULL, out, err) != 0)
		return -1;
	snprintf(out->source, sizeof(out->source), "web identity, role %.120s", role.arn);
	return 0;
}
