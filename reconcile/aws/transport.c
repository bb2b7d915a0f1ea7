/*
 * libcurl's multi interface behind the table of transport.h.
 *
 * Handles are kept and used again; connections live in the multi handle's
 * cache. Where a kept connection turns out to be closed by the other side
 * before a byte of the answer came, libcurl itself sends once more on a new
 * one; requests that must not be sent twice ask for a new one from the start.
 */
#include "aws/transport.h"
#include "base/clock.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TRANSPORT_HANDLES 32
#define WAIT_SLICE_MS 1000

/* A request under way, with the curl handle that serves it. */
struct slot {
	CURL *easy;
	bool busy;
	struct curl_slist *headers;
	struct transport_result *result;
	char reason[CURL_ERROR_SIZE];
};

struct curl_transport {
	struct transport transport; /* first: the table is the object */
	CURLM *multi;
	char *ca_bundle;
	struct slot slots[TRANSPORT_HANDLES];
};

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
	struct transport_result *result = data;

	/* An interim answer (100 Continue), or a proxy's to CONNECT, is followed by the real one. */
	if (size * count > 5 && strncmp(bytes, "HTTP/", 5) == 0)
		buf_clear(&result->head);
	buf_append(&result->head, bytes, size * count);
	return result->head.overflow ? 0 : size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct transport_result *result = data;

	buf_append(&result->body, bytes, size * count);
	return result->body.overflow ? 0 : size * count;
}

static struct curl_slist *make_headers(const struct transport_request *request)
{
	/* An Expect header costs a round trip, and a type is not curl's to guess. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	struct buf line = {0};

	for (size_t i = 0; i < request->header_count && list != NULL; i++) {
		buf_clear(&line);
		buf_printf(&line, "%s: %s", request->headers[i].name, request->headers[i].value);
		list = curl_slist_append(list, line.bytes);
	}
	buf_free(&line);
	if (list == NULL)
		abort();
	return list;
}

/* Headers carry session tokens. */
static void wipe_headers(struct curl_slist *list)
{
	for (struct curl_slist *item = list; item != NULL; item = item->next)
		explicit_bzero(item->data, strlen(item->data));
	curl_slist_free_all(list);
}

static void set_request(CURL *easy, const struct transport_request *request)
{
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	if (request->body != NULL || strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
	if (request->direct)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static void set_defaults(struct slot *slot, const char *ca_bundle)
{
	CURL *easy = slot->easy;

	curl_easy_reset(easy); /* options only: connections stay */
	slot->reason[0] = '\0';
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "trueup/" TRUEUP_VERSION);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->reason);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	if (ca_bundle != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca_bundle);
}

static struct slot *find_free_slot(struct curl_transport *curl)
{
	for (size_t i = 0; i < TRANSPORT_HANDLES; i++)
		if (!curl->slots[i].busy)
			return &curl->slots[i];
	return NULL;
}

static void curl_start(struct transport *transport, const struct transport_request *request,
                       struct transport_result *result)
{
	struct curl_transport *curl = (struct curl_transport *)transport;
	struct slot *slot = find_free_slot(curl);

	result->head.limit = TRANSPORT_HEADERS_LIMIT;
	result->body.limit = TRANSPORT_BODY_LIMIT;
	if (slot == NULL)
		abort(); /* the client keeps fewer under way */
	if (slot->easy == NULL)
		slot->easy = curl_easy_init();
	if (slot->easy == NULL)
		abort();
	set_defaults(slot, curl->ca_bundle);
	set_request(slot->easy, request);
	slot->headers = make_headers(request);
	slot->result = result;
	slot->busy = true;
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
	curl_easy_setopt(slot->easy, CURLOPT_HEADERDATA, result);
	curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, result);
	if (curl_multi_add_handle(curl->multi, slot->easy) != CURLM_OK)
		abort();
}

/* Whether anything of the request can have reached the other side. */
static bool was_sent(CURL *easy)
{
	curl_off_t begun = 0;

	return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &begun) != CURLE_OK || begun > 0;
}

static enum transport_failure read_failure(CURLcode code, const struct slot *slot)
{
	switch (code) {
	case CURLE_OK:
		return TRANSPORT_OK;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return TRANSPORT_UNTRUSTED;
	case CURLE_WRITE_ERROR:
		return TRANSPORT_TOO_LARGE;
	case CURLE_OPERATION_TIMEDOUT:
		return was_sent(slot->easy) ? TRANSPORT_TIMEOUT : TRANSPORT_CONNECT;
	default:
		return was_sent(slot->easy) ? TRANSPORT_LOST : TRANSPORT_CONNECT;
	}
}

static struct transport_result *finish(struct curl_transport *curl, CURLMsg *message)
{
	struct transport_result *result;
	struct slot *slot = NULL;
	CURLcode code = message->data.result;

	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
	result = slot->result;
	result->failure = read_failure(code, slot);
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &result->status);
	if (code != CURLE_OK)
		snprintf(result->reason, sizeof(result->reason), "%s",
		         slot->reason[0] != '\0' ? slot->reason : curl_easy_strerror(code));
	curl_multi_remove_handle(curl->multi, slot->easy);
	wipe_headers(slot->headers);
	slot->headers = NULL;
	slot->result = NULL;
	slot->busy = false;
	return result;
}

static bool is_idle(const struct curl_transport *curl)
{
	for (size_t i = 0; i < TRANSPORT_HANDLES; i++)
		if (curl->slots[i].busy)
			return false;
	return true;
}

static struct transport_result *curl_wait(struct transport *transport, int64_t timeout_ms)
{
	struct curl_transport *curl = (struct curl_transport *)transport;
	int64_t until = clock_monotonic_ms() + timeout_ms;

	if (is_idle(curl)) {
		clock_sleep_ms(timeout_ms, NULL);
		return NULL;
	}
	for (;;) {
		int running, queued;
		int64_t left = until - clock_monotonic_ms();
		CURLMsg *message;

		curl_multi_perform(curl->multi, &running);
		while ((message = curl_multi_info_read(curl->multi, &queued)) != NULL)
			if (message->msg == CURLMSG_DONE)
				return finish(curl, message);
		if (left <= 0)
			return NULL;
		curl_multi_poll(curl->multi, NULL, 0, left < WAIT_SLICE_MS ? (int)left : WAIT_SLICE_MS, NULL);
	}
}

static int64_t curl_now_ms(struct transport *transport)
{
	(void)transport;
	return clock_monotonic_ms();
}

static time_t curl_time(struct transport *transport)
{
	(void)transport;
	return time(NULL);
}

static double curl_random(struct transport *transport)
{
	uint32_t bits;

	(void)transport;
	if (RAND_bytes((unsigned char *)&bits, sizeof(bits)) != 1)
		abort();
	return (double)bits / 4294967296.0;
}

static void curl_free_transport(struct transport *transport)
{
	struct curl_transport *curl = (struct curl_transport *)transport;

	for (size_t i = 0; i < TRANSPORT_HANDLES; i++) {
		struct slot *slot = &curl->slots[i];

		if (slot->busy)
			curl_multi_remove_handle(curl->multi, slot->easy);
		wipe_headers(slot->headers);
		if (slot->easy != NULL)
			curl_easy_cleanup(slot->easy);
	}
	curl_multi_cleanup(curl->multi);
	free(curl->ca_bundle);
	free(curl);
}

int transport_new(const char *ca_bundle, struct transport **transport, struct error *err)
{
	struct curl_transport *curl = calloc(1, sizeof(*curl));

	if (curl == NULL)
		abort();
	curl->multi = curl_multi_init();
	if (curl->multi == NULL) {
		free(curl);
		return error_set(err, ERROR_SYSTEM, "cannot set up the HTTP library");
	}
	curl->ca_bundle = ca_bundle != NULL ? strdup(ca_bundle) : NULL;
	curl->transport = (struct transport){
	    .start = curl_start,
	    .wait = curl_wait,
	    .now_ms = curl_now_ms,
	    .time = curl_time,
	    .random = curl_random,
	    .free = curl_free_transport,
	};
	*transport = &curl->transport;
	return 0;
}

void transport_free(struct transport *transport)
{
	if (transport != NULL)
		transport->free(transport);
}

void transport_fetch(struct transport *transport, const struct transport_request *request,
                     struct transport_result *result)
{
	transport->start(transport, request, result);
	while (transport->wait(transport, request->timeout_ms + WAIT_SLICE_MS) != result)
		continue;
}

void transport_result_clear(struct transport_result *result)
{
	buf_free(&result->head);
	buf_free(&result->body);
	*result = (struct transport_result){0};
}

void transport_find_header(const struct transport_result *result, const char *name, char *out, size_t size)
{
	const char *line = buf_text(&result->head);
	size_t length = strlen(name);

	out[0] = '\0';
	for (; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = line + length + 1;
		size_t used;

		if (strncasecmp(line, name, length) != 0 || line[length] != ':')
			continue;
		value += strspn(value, " \t");
		used = strcspn(value, "\r\n");
		snprintf(out, size, "%.*s", (int)used, value);
		return;
	}
}
