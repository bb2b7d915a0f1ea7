#include "daemon/routes.h"

#include "base/log.h"
#include "daemon/api.h"
#include "daemon/auth.h"
#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/metrics.h"
#include "daemon/page.h"
#include "daemon/server.h"
#include "daemon/sse.h"
#include "daemon/webhook.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PATH_MAX_BYTES 512
#define NAME_MAX_BYTES 64
#define API "/api/v1/"
#define JSON_TYPE "application/json; charset=utf-8"
#define TEXT_TYPE "text/plain; charset=utf-8"
#define RECONCILE_HEADER "X-Trueup-Request" /* a form of another site cannot send it */
#define HISTORY_DEFAULT 50
#define HISTORY_MOST 500

struct routes {
	struct daemon *daemon;
	struct auth *auth;
	struct secret *webhook; /* NULL: none is configured */
	struct metrics *metrics;
	struct sse *sse;
	int64_t history_pause;
};

/* One request on its way through. */
struct exchange {
	struct routes *routes;
	struct evhttp_request *request;
	enum evhttp_cmd_type method;
	char path[PATH_MAX_BYTES]; /* decoded, without the query */
	const char *query;         /* "" if none */
	char name[NAME_MAX_BYTES]; /* of the deployment that the path names */
	bool stays;                /* out: open, for events */
};

static const char *header(const struct exchange *exchange, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(exchange->request), name);
}

static void set_header(const struct exchange *exchange, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(exchange->request), name, value);
}

static void reply(struct exchange *exchange, int status, const char *type, const void *bytes, size_t length)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL || evbuffer_add(body, bytes, length) != 0)
		abort();
	set_header(exchange, "Content-Type", type);
	evhttp_send_reply(exchange->request, status, NULL, body);
	evbuffer_free(body);
}

/* For people and scripts alike: one line that says what to do. */
static void reply_problem(struct exchange *exchange, int status, const char *text)
{
	json_t *object = json_pack("{s:s}", "error", text);
	char *dump = json_dumps(object, API_FORMAT);

	reply(exchange, status, JSON_TYPE, dump, strlen(dump));
	free(dump);
	json_decref(object);
}

/* Takes the reference. */
static void reply_json(struct exchange *exchange, int status, json_t *value)
{
	char *text = json_dumps(value, API_FORMAT);

	if (text == NULL)
		abort();
	reply(exchange, status, JSON_TYPE, text, strlen(text));
	free(text);
	json_decref(value);
}

static const struct state *state_of(const struct exchange *exchange)
{
	return daemon_state(exchange->routes->daemon);
}

static void answer_health(struct exchange *exchange)
{
	reply(exchange, HTTP_OK, TEXT_TYPE, "ok\n", 3);
}

static void answer_ready(struct exchange *exchange)
{
	const struct state_agent *agent = state_agent(state_of(exchange));
	static const char yes[] = "ready\n", no[] = "not ready\n";

	if (agent->ready && !agent->stopping)
		reply(exchange, HTTP_OK, TEXT_TYPE, yes, sizeof(yes) - 1);
	else
		reply(exchange, HTTP_SERVUNAVAIL, TEXT_TYPE, no, sizeof(no) - 1);
}

static void answer_metrics(struct exchange *exchange)
{
	struct buf text = {0};

	metrics_print(exchange->routes->metrics, daemon_notify(exchange->routes->daemon), time(NULL), &text);
	reply(exchange, HTTP_OK, METRICS_TYPE, text.bytes, text.length);
	buf_free(&text);
}

static void answer_deployments(struct exchange *exchange)
{
	reply_json(exchange, HTTP_OK, api_deployments(state_of(exchange), time(NULL)));
}

/* NULL once it was answered that there is no such deployment. */
static const struct state_deployment *find(struct exchange *exchange)
{
	const struct state_deployment *deployment = state_find(state_of(exchange), exchange->name);

	if (deployment == NULL)
		reply_problem(exchange, HTTP_NOTFOUND, "no spec in force has a deployment of this name");
	return deployment;
}

static void answer_deployment(struct exchange *exchange)
{
	const struct state_deployment *deployment = find(exchange);

	if (deployment != NULL)
		reply_json(exchange, HTTP_OK, api_deployment(deployment));
}

static void answer_report(struct exchange *exchange)
{
	const struct state_deployment *deployment = find(exchange);

	if (deployment == NULL)
		return;
	if (deployment->report == NULL)
		evhttp_send_reply(exchange->request, HTTP_NOCONTENT, NULL,
		                  NULL); /* none yet, or the last run came to none */
	else
		reply(exchange, HTTP_OK, JSON_TYPE, deployment->report, strlen(deployment->report));
}

/* ?limit=N */
static size_t read_limit(const struct exchange *exchange)
{
	struct evkeyvalq query;
	const char *text;
	long limit = HISTORY_DEFAULT;

	if (evhttp_parse_query_str(exchange->query, &query) != 0)
		return HISTORY_DEFAULT;
	text = evhttp_find_header(&query, "limit");
	if (text != NULL)
		limit = strtol(text, NULL, 10);
	evhttp_clear_headers(&query);
	return limit < 1 ? 1 : limit > HISTORY_MOST ? HISTORY_MOST : (size_t)limit;
}

static void answer_history(struct exchange *exchange)
{
	if (find(exchange) == NULL)
		return;
	reply_json(exchange, HTTP_OK,
	           json_pack("{s:o}", "runs",
	                     history_list(daemon_directory(exchange->routes->daemon), exchange->name,
	                                  read_limit(exchange), &exchange->routes->history_pause)));
}

static void answer_events(struct exchange *exchange)
{
	if (exchange->method == EVHTTP_REQ_HEAD) { /* its answer ends here: nothing is to be kept open for it */
		reply(exchange, HTTP_OK, "text/event-stream", "", 0);
		return;
	}
	exchange->stays = sse_add(exchange->routes->sse, exchange->request);
	if (!exchange->stays)
		reply_problem(exchange, HTTP_SERVUNAVAIL, "too many listen to events already: try again later");
}

/*
 * A browser that is logged in elsewhere sends requests for others' pages, too:
 * the header takes a script, and a script of another site is told apart by the
 * browser itself.
 */
static bool is_of_this_site(const struct exchange *exchange)
{
	const char *type = header(exchange, "Content-Type"), *site = header(exchange, "Sec-Fetch-Site");
	const char *origin = header(exchange, "Origin"), *host = header(exchange, "Host");
	const char *authority = origin != NULL ? strstr(origin, "://") : NULL;

	if (header(exchange, RECONCILE_HEADER) == NULL || type == NULL ||
	    strncasecmp(type, "application/json", strlen("application/json")) != 0)
		return false;
	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	return origin == NULL || (authority != NULL && host != NULL && strcasecmp(authority + 3, host) == 0);
}

static void answer_reconcile(struct exchange *exchange)
{
	struct routes *routes = exchange->routes;
	struct error err;

	if (!auth_is_needed(routes->auth))
		reply_problem(exchange, 403,
		              "to reconcile by the API takes listen.token or listen.basic in the configuration");
	else if (!is_of_this_site(exchange))
		reply_problem(exchange, 403,
		              "it takes the header " RECONCILE_HEADER ": 1, Content-Type: application/json, "
		              "and to come from this site");
	else if (find(exchange) == NULL)
		return;
	else if (daemon_reconcile(routes->daemon, exchange->name, "person", &err) != 0)
		reply_problem(exchange, err.code == ERROR_NOT_FOUND ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, err.message);
	else
		reply_json(exchange, 202, json_pack("{s:s, s:b}", "name", exchange->name, "requested", 1));
}

static const char *webhook_header(const void *context, const char *name)
{
	return header(context, name);
}

static void answer_webhook(struct exchange *exchange)
{
	const struct routes *routes = exchange->routes;
	struct evbuffer *body = evhttp_request_get_input_buffer(exchange->request);
	struct webhook_request request = {
	    .header = webhook_header,
	    .context = exchange,
	    .body = evbuffer_pullup(body, -1),
	    .length = evbuffer_get_length(body),
	};
	struct webhook_answer answer;

	if (routes->webhook == NULL) {
		reply_problem(exchange, HTTP_NOTFOUND, "no webhook is configured");
		return;
	}
	answer = webhook_read(&request, routes->webhook, &daemon_config(routes->daemon)->specs.git);
	if (answer.fetch)
		daemon_fetch(routes->daemon);
	reply(exchange, answer.status, TEXT_TYPE, answer.text, strlen(answer.text));
}

static bool answer_page(struct exchange *exchange)
{
	const struct page_asset *asset;

	for (asset = page_assets; asset->path != NULL; asset++)
		if (strcmp(asset->path, exchange->path) == 0) {
			reply(exchange, HTTP_OK, asset->type, asset->bytes, asset->length);
			return true;
		}
	return false;
}

static const struct route {
	enum evhttp_cmd_type method; /* GET: HEAD, too */
	const char *path;            /* '*' stands for a deployment's name */
	bool open;                   /* to everybody who reaches the address */
	void (*answer)(struct exchange *exchange);
} table[] = {
    {EVHTTP_REQ_GET, "/healthz", true, answer_health},
    {EVHTTP_REQ_GET, "/readyz", true, answer_ready},
    {EVHTTP_REQ_GET, "/metrics", false, answer_metrics},
    {EVHTTP_REQ_GET, API "deployments", false, answer_deployments},
    {EVHTTP_REQ_GET, API "deployments/*", false, answer_deployment},
    {EVHTTP_REQ_GET, API "deployments/*/report", false, answer_report},
    {EVHTTP_REQ_GET, API "deployments/*/history", false, answer_history},
    {EVHTTP_REQ_GET, API "events", false, answer_events},
    {EVHTTP_REQ_POST, API "deployments/*/reconcile", false, answer_reconcile},
    {EVHTTP_REQ_POST, "/webhook", true, answer_webhook}, /* who may is told by its signature */
};

/* Whether the path is the pattern's; then the name is in exchange. */
static bool matches(struct exchange *exchange, const char *pattern)
{
	const char *star = strchr(pattern, '*'), *path = exchange->path;
	size_t before, length;

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	before = (size_t)(star - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	length = strcspn(path + before, "/");
	if (length == 0 || length >= NAME_MAX_BYTES || strcmp(path + before + length, star + 1) != 0)
		return false;
	memcpy(exchange->name, path + before, length);
	exchange->name[length] = '\0';
	return true;
}

/* The headers of every answer: nothing is kept, framed, guessed, or loaded from elsewhere. */
static void set_headers(const struct exchange *exchange)
{
	set_header(exchange, "Content-Security-Policy",
	           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
	           "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	set_header(exchange, "X-Content-Type-Options", "nosniff");
	set_header(exchange, "Referrer-Policy", "no-referrer");
	set_header(exchange, "Cache-Control", "no-store");
	set_header(exchange, "Cross-Origin-Resource-Policy", "same-origin");
}

static bool is_admitted(struct exchange *exchange)
{
	const struct auth *auth = exchange->routes->auth;

	if (!auth_is_needed(auth) || auth_knows(auth, header(exchange, "Authorization")))
		return true;
	set_header(exchange, "WWW-Authenticate", auth_has_users(auth) ? "Basic realm=\"trueup\"" : "Bearer");
	reply_problem(exchange, 401, "it takes the token (Authorization: Bearer …), or a user");
	return false;
}

static const struct route *find_route(struct exchange *exchange, bool *known_path)
{
	enum evhttp_cmd_type method = exchange->method == EVHTTP_REQ_HEAD ? EVHTTP_REQ_GET : exchange->method;
	size_t i;

	*known_path = false;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (matches(exchange, table[i].path)) {
			*known_path = true;
			if (table[i].method == method)
				return &table[i];
		}
	return NULL;
}

static void dispatch(struct exchange *exchange)
{
	const char *address = daemon_config(exchange->routes->daemon)->listen.address;
	const struct route *route;
	bool known;

	if (!auth_is_own_host(address, header(exchange, "Host"))) {
		reply_problem(exchange, 421, "the request is for another host");
		return;
	}
	route = find_route(exchange, &known);
	if (route != NULL) {
		if (route->open || is_admitted(exchange))
			route->answer(exchange);
		return;
	}
	if (known) {
		reply_problem(exchange, HTTP_BADMETHOD, "this path takes another method");
		return;
	}
	/* The page itself tells nothing: it asks for the token, and for what there is to tell with it. */
	if (exchange->method != EVHTTP_REQ_POST && answer_page(exchange))
		return;
	if (is_admitted(exchange))
		reply_problem(exchange, HTTP_NOTFOUND, "there is nothing at this path");
}

/* The decoded path. False: it is none, or too long. */
static bool read_path(struct exchange *exchange)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->request);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	size_t length = 0;
	char *decoded;
	bool fits;

	if (path == NULL)
		return false;
	exchange->query = evhttp_uri_get_query(uri) != NULL ? evhttp_uri_get_query(uri) : "";
	decoded = evhttp_uridecode(path, 0, &length);
	fits = decoded != NULL && length < sizeof(exchange->path) && strlen(decoded) == length;
	if (fits)
		memcpy(exchange->path, decoded, length + 1);
	free(decoded);
	return fits;
}

bool routes_answer(struct routes *routes, struct evhttp_request *request)
{
	struct exchange exchange = {
	    .routes = routes, .request = request, .method = evhttp_request_get_command(request)};

	set_headers(&exchange);
	if (read_path(&exchange))
		dispatch(&exchange);
	else
		reply_problem(&exchange, HTTP_BADREQUEST, "the path is not valid, or too long");
	return exchange.stays;
}

struct routes *routes_new(struct daemon *daemon)
{
	struct routes *routes = calloc(1, sizeof(*routes));

	if (routes == NULL)
		abort();
	routes->daemon = daemon;
	routes->metrics = metrics_new(daemon_state(daemon));
	routes->sse = sse_new(daemon_base(daemon), daemon_state(daemon));
	return routes;
}

int routes_reload(struct routes *routes, const struct agent_config *config, struct error *err)
{
	struct secret *webhook = NULL;
	struct auth *auth;

	if (config->webhook.present) {
		webhook = secret_load(config->webhook.secret, err);
		if (webhook == NULL)
			return -1;
	}
	auth = auth_new(&config->listen, err);
	if (auth == NULL) {
		secret_free(webhook);
		return -1;
	}
	auth_free(routes->auth);
	secret_free(routes->webhook);
	routes->auth = auth;
	routes->webhook = webhook;
	return 0;
}

void routes_end(struct routes *routes)
{
	sse_free(routes->sse);
	routes->sse = NULL;
}

void routes_free(struct routes *routes)
{
	if (routes == NULL)
		return;
	sse_free(routes->sse);
	metrics_free(routes->metrics);
	auth_free(routes->auth);
	secret_free(routes->webhook);
	free(routes);
}
