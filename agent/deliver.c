#include "deliver.h"
#include "aws/client.h"
#include "base/file.h"
#include "base/process.h"
#include "base/secret.h"
#include "daemon/config.h"
#include "daemon/delivery.h"
#include "output.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX ((size_t)1024 * 1024)
#define SECRET_MAX ((size_t)8 * 1024)
#define HEADERS_MOST 8
#define CONNECT_MS 10000
#define ATTEMPT_MS 30000
#define PIECE_LEAST 8    /* of a URL, that may be a secret */
#define EXCERPT_MOST 200 /* bytes of an answer that are repeated */

bool deliver_is_asked(int argc, char *const *argv)
{
	return argc == 2 && strcmp(argv[1], DELIVERY_WORD) == 0;
}

/* --- the answer --- */

static int64_t read_number(const char *text)
{
	const unsigned long most = 4UL * 1024 * 1024 * 1024, number = strtoul(text, NULL, 10);

	return (int64_t)(number < most ? number : most);
}

/* Seconds, or a date; 0: it does not say. */
static int64_t read_wait_ms(const struct transport_result *result, time_t now)
{
	char text[64], left[16];
	int64_t until = 0;

	transport_find_header(result, "Retry-After", text, sizeof(text));
	if (text[0] >= '0' && text[0] <= '9')
		until = (int64_t)now + read_number(text);
	else if (text[0] != '\0')
		until = (int64_t)curl_getdate(text, NULL);
	transport_find_header(result, "X-RateLimit-Remaining", left, sizeof(left));
	if (until <= 0 && strcmp(left, "0") == 0) {
		transport_find_header(result, "X-RateLimit-Reset", text, sizeof(text));
		until = read_number(text);
	}
	if (until <= (int64_t)now)
		return 0;
	until -= (int64_t)now;
	return until * 1000 < OUTBOX_WAIT_MOST_MS ? until * 1000 : OUTBOX_WAIT_MOST_MS;
}

/* A forge answers 404 as well where the token may not see the repository: then no other commit fares better. */
static enum outbox_outcome judge_status(const struct transport_result *result, const char *absent, int64_t wait_ms)
{
	long status = result->status;

	if (status >= 200 && status < 300)
		return OUTBOX_DELIVERED;
	if (status == 408 || status == 425 || status == 429 || status >= 500 || (status == 403 && wait_ms > 0))
		return OUTBOX_RETRY;
	if (status == 404 && absent != NULL)
		return strcasestr(buf_text(&result->body), absent) != NULL ? OUTBOX_REFUSED : OUTBOX_DENIED;
	return status == 401 || status == 403 ? OUTBOX_DENIED : OUTBOX_REFUSED;
}

static void describe(const struct transport_result *result, char *out, size_t size)
{
	char excerpt[EXCERPT_MOST + 1];

	snprintf(excerpt, sizeof(excerpt), "%s", buf_text(&result->body));
	process_clean_line(excerpt);
	if (result->status >= 300 && result->status < 400)
		snprintf(out, size, "answered HTTP %ld: redirects are not followed", result->status);
	else
		snprintf(out, size, "answered HTTP %ld%s%s", result->status, excerpt[0] != '\0' ? ": " : "", excerpt);
}

struct deliver_verdict deliver_judge(const struct transport_result *result, const struct deliver_words *words,
                                     time_t now)
{
	struct deliver_verdict verdict = {.outcome = OUTBOX_RETRY};

	if (result->failure != TRANSPORT_OK) {
		snprintf(verdict.problem, sizeof(verdict.problem), "%s", result->reason);
		return verdict;
	}
	verdict.wait_ms = read_wait_ms(result, now);
	verdict.outcome = judge_status(result, words->absent, verdict.wait_ms);
	if (result->status == 400 && words->done != NULL && strstr(buf_text(&result->body), words->done) != NULL)
		verdict.outcome = OUTBOX_DELIVERED;
	if (verdict.outcome != OUTBOX_DELIVERED)
		describe(result, verdict.problem, sizeof(verdict.problem));
	return verdict;
}

/* --- the request --- */

struct request {
	const char *url, *url_file, *path;
	struct deliver_words words;
	const char *token_file, *token_header, *token_prefix;
	json_t *headers, *body;
};

static int read_request(struct arena *arena, json_t **document, struct request *request, struct error *err)
{
	size_t length;
	char *text;

	*request = (struct request){.path = ""};
	if (file_read(arena, "-", REQUEST_MAX, &text, &length, err) != 0)
		return -1;
	*document = json_loadb(text, length, 0, NULL);
	if (json_unpack(*document, "{s?s, s?s, s?s, s?s, s?s, s:o, s:o, s?{s:s, s:s, s:s}}", "url", &request->url,
	                "urlFile", &request->url_file, "path", &request->path, "done", &request->words.done, "absent",
	                &request->words.absent, "body", &request->body, "headers", &request->headers, "token", "file",
	                &request->token_file, "header", &request->token_header, "prefix",
	                &request->token_prefix) != 0 ||
	    (request->url == NULL && request->url_file == NULL) || !json_is_object(request->body) ||
	    !json_is_object(request->headers))
		return error_set(err, ERROR_INVALID, "the request is none");
	return 0;
}

/* Where it goes: the URL, without a slash at its end if a path follows. NULL, with err. */
static struct secret *find_url(const struct request *request, struct error *err)
{
	struct secret *base =
	    request->url != NULL ? secret_new(request->url, strlen(request->url)) : secret_load(request->url_file, err);
	struct secret *url = NULL;
	struct buf text = {0};
	const char *given;

	if (base == NULL)
		return NULL;
	given = secret_reveal(base);
	if (agent_config_keeps_secret(given)) {
		buf_puts(&text, given);
		while (*request->path != '\0' && text.bytes[text.length - 1] == '/')
			text.bytes[--text.length] = '\0';
		buf_puts(&text, request->path);
		url = secret_new(buf_text(&text), text.length);
	} else {
		error_set(err, ERROR_INVALID,
		          "%s holds no URL that begins with https://, or http:// and a loopback address",
		          request->url_file != NULL ? request->url_file : "url");
	}
	buf_free(&text);
	secret_free(base);
	return url;
}

/* Whether the text has any piece of the URL behind its host that is long enough to be a secret. */
static bool repeats_url(const char *text, const char *url)
{
	const char *scheme = strstr(url, "://");
	size_t at = scheme != NULL ? (size_t)(scheme - url) + strlen("://") : 0;

	for (at += strcspn(url + at, "/?"); url[at] != '\0';) {
		size_t length;

		at += strspn(url + at, "/?=&");
		length = strcspn(url + at, "/?=&");
		if (length >= PIECE_LEAST && memmem(text, strlen(text), url + at, length) != NULL)
			return true;
		at += length;
	}
	return false;
}

void deliver_redact(struct deliver_verdict *verdict, const struct transport_result *result, const char *token,
                    const char *url)
{
	const char *text = buf_text(&result->body);

	if (verdict->outcome == OUTBOX_DELIVERED || result->failure != TRANSPORT_OK)
		return;
	if ((token != NULL && strstr(text, token) != NULL) || repeats_url(text, url))
		snprintf(verdict->problem, sizeof(verdict->problem), "answered HTTP %ld: its words repeat a secret",
		         result->status);
}

static void post(const struct request *request, const char *url, const char *token, struct deliver_verdict *verdict,
                 struct transport *transport)
{
	char *body = json_dumps(request->body, JSON_COMPACT);
	struct sign_header headers[HEADERS_MOST] = {{"Content-Type", "application/json"}};
	struct transport_request http = {.method = "POST",
	                                 .url = url,
	                                 .headers = headers,
	                                 .header_count = 1,
	                                 .body = body,
	                                 .length = strlen(body),
	                                 .connect_timeout_ms = CONNECT_MS,
	                                 .timeout_ms = ATTEMPT_MS,
	                                 .fresh = true};
	struct transport_result result = {0};
	struct buf value = {0};
	const char *name;
	json_t *text;

	json_object_foreach(request->headers, name, text)
	{
		if (http.header_count < HEADERS_MOST - 1 && json_is_string(text))
			headers[http.header_count++] = (struct sign_header){name, json_string_value(text)};
	}
	if (token != NULL) {
		buf_printf(&value, "%s%s", request->token_prefix, token);
		headers[http.header_count++] = (struct sign_header){request->token_header, buf_text(&value)};
	}
	transport_fetch(transport, &http, &result);
	*verdict = deliver_judge(&result, &request->words, time(NULL));
	deliver_redact(verdict, &result, token, url);
	transport_result_clear(&result);
	buf_free(&value);
	free(body);
}

/* Everything up to the answer. -1: it came to none. */
static int attempt(const struct request *request, struct deliver_verdict *verdict, struct error *err)
{
	struct secret *url = find_url(request, err), *token = NULL;
	struct transport *transport = NULL;
	int rc = -1;

	if (url == NULL)
		goto out;
	if (request->token_file != NULL) {
		token = secret_load(request->token_file, err);
		if (token == NULL)
			goto out;
	}
	if (aws_global_init(err) != 0 || transport_new(getenv("SSL_CERT_FILE"), &transport, err) != 0)
		goto out;
	post(request, secret_reveal(url), token != NULL ? secret_reveal(token) : NULL, verdict, transport);
	rc = 0;
out:
	transport_free(transport);
	secret_free(token);
	secret_free(url);
	return rc;
}

static void print(const struct deliver_verdict *verdict)
{
	json_t *answer = json_pack("{s:s, s:I, s:s}", "outcome", delivery_outcomes[verdict->outcome], "waitMs",
	                           verdict->wait_ms, "problem", verdict->problem);

	output_json(answer, false);
	json_decref(answer);
}

enum report_exit deliver_once(void)
{
	struct deliver_verdict verdict = {.outcome = OUTBOX_RETRY};
	struct arena *arena = arena_new();
	json_t *document = NULL;
	struct request request;
	struct error err;

	(void)signal(SIGTERM, SIG_DFL); /* there is nothing to end in order, and the agent may be gone */
	if (read_request(arena, &document, &request, &err) != 0 || attempt(&request, &verdict, &err) != 0)
		snprintf(verdict.problem, sizeof(verdict.problem), "%.500s", err.message);
	process_clean_line(verdict.problem); /* it may have been cut within a character */
	print(&verdict);
	json_decref(document);
	arena_free(arena);
	return REPORT_EXIT_FINE;
}
