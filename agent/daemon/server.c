#include "daemon/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/routes.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SWEEP_S 1
#define VANISHED_AFTER_S 60 /* that what was sent is not acknowledged */
/* Bytes that wait to be taken for a request: more than any body. */
#define INPUT_MAX ((size_t)SERVER_BODY_MAX + 4 * (size_t)SERVER_HEADERS_MAX)
#define PEER_SIZE 8 /* the bytes of an address that tell one peer from another */

/* Of a socket's end. */
union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/*
 * evhttp tells nobody when it lets a connection go. So each holds a second
 * reference to its bufferevent: one whose callbacks are gone was let go.
 */
struct connection {
	struct bufferevent *bufferevent;
	int64_t since_ms; /* its patience runs from here; INT64_MAX: it has no end */
	bool is_new;      /* evhttp has only just got it: it has no socket yet, nor callbacks */
	bool ended;       /* it was told to, and is gone a turn of the loop later */
	unsigned char peer[PEER_SIZE];
};

struct server {
	struct daemon *daemon;
	struct evhttp *http;
	struct evhttp_bound_socket *listener;
	char *address; /* as configured */
	SSL_CTX *tls;  /* NULL: none */
	struct routes *routes;
	struct connection *connections; /* all there are: as many as come in one turn of the loop */
	size_t connection_count, connection_capacity;
	struct event *arrivals; /* active once some are new */
	struct event *sweep;    /* pending while there are connections */
};

static void schedule_sweep(struct server *server)
{
	const struct timeval soon = {.tv_sec = SWEEP_S};

	if (server->connection_count > 0 && !evtimer_pending(server->sweep, NULL))
		evtimer_add(server->sweep, &soon);
}

static bool was_let_go(const struct connection *connection)
{
	bufferevent_data_cb reads, writes;
	bufferevent_event_cb happens;
	void *context;

	bufferevent_getcb(connection->bufferevent, &reads, &writes, &happens, &context);
	return reads == NULL && writes == NULL && happens == NULL;
}

static void end_connection(struct connection *connection)
{
	connection->ended = true;
	/* evhttp's own way with what takes too long; later, since we may be within evhttp. */
	bufferevent_trigger_event(connection->bufferevent, BEV_EVENT_READING | BEV_EVENT_TIMEOUT,
	                          BEV_TRIG_DEFER_CALLBACKS);
}

static void forget_those_let_go(struct server *server)
{
	size_t i = 0;

	while (i < server->connection_count) {
		struct connection *connection = &server->connections[i];

		if (connection->is_new || !was_let_go(connection)) {
			i++;
			continue;
		}
		bufferevent_decref(connection->bufferevent);
		*connection = server->connections[--server->connection_count];
	}
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	struct server *server = context;
	int64_t now = clock_monotonic_ms();
	size_t i;

	(void)fd, (void)what;
	forget_those_let_go(server);
	for (i = 0; i < server->connection_count; i++) {
		struct connection *connection = &server->connections[i];

		if (!connection->ended && connection->since_ms != INT64_MAX &&
		    now - connection->since_ms > (int64_t)SERVER_PATIENCE_S * 1000)
			end_connection(connection);
	}
	schedule_sweep(server);
}

/* Of IPv4 the address, of IPv6 its network, which is what a site or a household has. */
static void read_peer(struct connection *connection)
{
	union address name;
	socklen_t size = sizeof(name);

	memset(&name, 0, sizeof(name));
	if (getpeername(bufferevent_getfd(connection->bufferevent), &name.any, &size) != 0)
		return;
	if (name.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&name.six.sin6_addr))
		memcpy(connection->peer, &name.six.sin6_addr, PEER_SIZE);
	else if (name.any.sa_family == AF_INET6)
		memcpy(connection->peer, name.six.sin6_addr.s6_addr + 12, 4);
	else
		memcpy(connection->peer, &name.four.sin_addr, 4);
}

/* The one that has been waiting longest makes room, where there are more than `most`; of a peer, or NULL: of all. */
static void make_room(struct server *server, const unsigned char *peer, size_t most)
{
	struct connection *oldest = NULL;
	size_t i, count = 0;

	for (i = 0; i < server->connection_count; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->ended || connection->is_new ||
		    (peer != NULL && memcmp(connection->peer, peer, PEER_SIZE) != 0))
			continue;
		count++;
		if (oldest == NULL || connection->since_ms < oldest->since_ms)
			oldest = connection;
	}
	if (count > most && oldest->since_ms != INT64_MAX)
		end_connection(oldest);
}

/* Each newcomer has its socket by now. */
static void on_arrivals(evutil_socket_t fd, short what, void *context)
{
	struct server *server = context;
	size_t i;

	(void)fd, (void)what;
	forget_those_let_go(server);
	for (i = 0; i < server->connection_count; i++) {
		struct connection *connection = &server->connections[i];

		if (!connection->is_new)
			continue;
		connection->is_new = false;
		read_peer(connection);
		make_room(server, connection->peer, SERVER_CONNECTIONS_PEER);
		make_room(server, NULL, SERVER_CONNECTIONS);
	}
}

static void add_connection(struct server *server, struct bufferevent *bufferevent)
{
	if (server->connection_count == server->connection_capacity) {
		server->connection_capacity = server->connection_capacity * 2 + 16;
		server->connections =
		    reallocarray(server->connections, server->connection_capacity, sizeof(*server->connections));
		if (server->connections == NULL)
			abort();
	}
	bufferevent_incref(bufferevent);
	server->connections[server->connection_count++] =
	    (struct connection){.bufferevent = bufferevent, .since_ms = clock_monotonic_ms(), .is_new = true};
	event_active(server->arrivals, EV_TIMEOUT, 0);
	schedule_sweep(server);
}

/* A bufferevent for a connection that was just accepted. */
static struct bufferevent *on_accept(struct event_base *base, void *context)
{
	struct server *server = context;
	struct bufferevent *bufferevent;
	SSL *ssl;

	if (server->tls == NULL) {
		bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	} else {
		ssl = SSL_new(server->tls);
		bufferevent = ssl == NULL ? NULL
		                          : bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
		                                                           BEV_OPT_CLOSE_ON_FREE);
		if (bufferevent != NULL)
			bufferevent_openssl_set_allow_dirty_shutdown(bufferevent, 1);
	}
	if (bufferevent == NULL)
		abort();
	/* evhttp reads on while it answers, without a bound of its own. */
	bufferevent_setwatermark(bufferevent, EV_READ, 0, INPUT_MAX);
	add_connection(server, bufferevent);
	return bufferevent;
}

void server_touch(struct server *server, const struct bufferevent *bufferevent, bool keep)
{
	size_t i;

	for (i = 0; i < server->connection_count; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->bufferevent != bufferevent)
			continue;
		connection->since_ms = keep ? INT64_MAX : clock_monotonic_ms();
		connection->ended = false; /* it was answered all the same */
	}
}

static void on_request(struct evhttp_request *request, void *context)
{
	struct server *server = context;
	struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));

	server_touch(server, bufferevent, routes_answer(server->routes, request));
}

static int complain_of_tls(const char *file, struct error *err)
{
	char reason[256];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	ERR_clear_error();
	return error_set(err, ERROR_INVALID, "%s: %s", file, reason);
}

/* *tls is NULL where the configuration has none. */
static int load_tls(const struct agent_tls *files, SSL_CTX **tls, struct error *err)
{
	SSL_CTX *context;
	int rc = 0;

	*tls = NULL;
	if (!files->present)
		return 0;
	context = SSL_CTX_new(TLS_server_method());
	if (context == NULL)
		abort();
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
		rc = complain_of_tls(files->certificate, err);
	else if (SSL_CTX_use_PrivateKey_file(context, files->key, SSL_FILETYPE_PEM) != 1)
		rc = complain_of_tls(files->key, err);
	else if (SSL_CTX_check_private_key(context) != 1)
		rc = error_set(err, ERROR_INVALID, "%s: this key is not of the certificate in %s", files->key,
		               files->certificate);
	if (rc == 0)
		*tls = context;
	else
		SSL_CTX_free(context);
	return rc;
}

/* "127.0.0.1" and 9464 of "127.0.0.1:9464"; "::1" of "[::1]:9464". */
static void split_address(const char *address, char host[80], int *port)
{
	const char *colon = strrchr(address, ':');
	size_t length = (size_t)(colon - address), skip = *address == '[';

	length -= 2 * skip;
	memcpy(host, address + skip, length);
	host[length] = '\0';
	*port = (int)strtol(colon + 1, NULL, 10);
}

/* With port 0 the system chose one. */
static int read_port(struct evhttp_bound_socket *listener)
{
	union address name;
	socklen_t size = sizeof(name);

	memset(&name, 0, sizeof(name));
	if (getsockname(evhttp_bound_socket_get_fd(listener), &name.any, &size) != 0)
		return 0;
	return ntohs(name.any.sa_family == AF_INET6 ? name.six.sin6_port : name.four.sin_port);
}

/* A peer that vanished is noticed, and makes room; connections have it from the socket that they came to. */
static void set_patience(evutil_socket_t listener)
{
	const unsigned most_ms = VANISHED_AFTER_S * 1000;

	if (setsockopt(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof(most_ms)) != 0)
		log_warn("viewers that vanish are noticed late: TCP_USER_TIMEOUT: %m");
}

/* Binds. The limits hold for every connection. */
static int listen_at(struct server *server, const char *address, struct evhttp **http,
                     struct evhttp_bound_socket **listener, struct error *err)
{
	char host[80] = "";
	int port;

	*http = evhttp_new(daemon_base(server->daemon));
	if (*http == NULL)
		abort();
	split_address(address, host, &port);
	evhttp_set_max_headers_size(*http, SERVER_HEADERS_MAX);
	evhttp_set_max_body_size(*http, SERVER_BODY_MAX);
	evhttp_set_timeout(*http, SERVER_PATIENCE_S);
	evhttp_set_allowed_methods(*http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	evhttp_set_bevcb(*http, on_accept, server);
	evhttp_set_gencb(*http, on_request, server);
	*listener = evhttp_bind_socket_with_handle(*http, host, (ev_uint16_t)port);
	if (*listener == NULL) {
		error_errno(err, "cannot listen at %s", address);
		evhttp_free(*http);
		*http = NULL;
		return -1;
	}
	set_patience(evhttp_bound_socket_get_fd(*listener));
	return 0;
}

static void tell_address(const struct server *server)
{
	char host[80] = "";
	int port;

	split_address(server->address, host, &port);
	log_info("listening at %s://%s%s%s:%d", server->tls != NULL ? "https" : "http",
	         strchr(host, ':') != NULL ? "[" : "", host, strchr(host, ':') != NULL ? "]" : "",
	         read_port(server->listener));
}

int server_reload(struct server *server, const struct agent_config *config, struct error *err)
{
	bool moves = server->address == NULL || strcmp(server->address, config->listen.address) != 0;
	struct evhttp_bound_socket *listener = NULL;
	struct evhttp *http = NULL;
	SSL_CTX *tls;

	if (load_tls(&config->listen.tls, &tls, err) != 0)
		return -1;
	if ((moves && listen_at(server, config->listen.address, &http, &listener, err) != 0) ||
	    routes_reload(server->routes, config, err) != 0) {
		if (http != NULL)
			evhttp_free(http);
		SSL_CTX_free(tls);
		return -1;
	}
	SSL_CTX_free(server->tls);
	server->tls = tls;
	if (!moves)
		return 0;
	if (server->http != NULL)
		evhttp_free(server->http);
	server->http = http;
	server->listener = listener;
	free(server->address);
	server->address = strdup(config->listen.address);
	tell_address(server);
	return 0;
}

struct server *server_new(struct daemon *daemon, const struct agent_config *config, struct error *err)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		abort();
	server->daemon = daemon;
	server->routes = routes_new(daemon);
	server->arrivals = evtimer_new(daemon_base(daemon), on_arrivals, server);
	server->sweep = evtimer_new(daemon_base(daemon), on_sweep, server);
	if (server->arrivals == NULL || server->sweep == NULL)
		abort();
	if (server_reload(server, config, err) == 0)
		return server;
	server_free(server);
	return NULL;
}

void server_free(struct server *server)
{
	size_t i;

	if (server == NULL)
		return;
	routes_end(server->routes);
	if (server->http != NULL)
		evhttp_free(server->http);
	for (i = 0; i < server->connection_count; i++)
		bufferevent_decref(server->connections[i].bufferevent);
	free(server->connections);
	event_free(server->arrivals);
	event_free(server->sweep);
	routes_free(server->routes);
	SSL_CTX_free(server->tls);
	free(server->address);
	free(server);
}
