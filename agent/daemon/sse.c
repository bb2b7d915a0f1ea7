#include "daemon/sse.h"

#include "daemon/api.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#define KEEP_ALIVE_S 20 /* so that neither side takes the other for gone */
#define FAREWELL_S 5    /* what is sent already may still go out so long, as long as somebody reads it */

struct client {
	struct sse *sse;
	struct evhttp_request *request; /* NULL: free */
};

struct sse {
	struct state *state;
	struct client clients[SSE_CLIENTS];
	size_t count;
	struct event *keep_alive; /* pending while there are clients */
	unsigned long long id;
};

static void drop(struct client *client)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(client->request);
	const struct timeval soon = {.tv_sec = FAREWELL_S};

	if (connection != NULL) {
		evhttp_connection_set_closecb(connection, NULL, NULL);
		/* Who reads nothing would otherwise keep the connection, and what is in it, for ever. */
		bufferevent_set_timeouts(evhttp_connection_get_bufferevent(connection), &soon, &soon);
	}
	evhttp_send_reply_end(client->request);
	client->request = NULL;
	client->sse->count--;
}

static size_t backlog(const struct client *client)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(client->request);
	struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(connection);

	return evbuffer_get_length(bufferevent_get_output(bufferevent));
}

static void send_text(struct client *client, const char *text)
{
	struct evbuffer *buffer;

	if (backlog(client) > SSE_BACKLOG) {
		drop(client);
		return;
	}
	buffer = evbuffer_new();
	if (buffer == NULL || evbuffer_add_printf(buffer, "%s", text) < 0)
		abort();
	evhttp_send_reply_chunk(client->request, buffer);
	evbuffer_free(buffer);
}

static void send_all(struct sse *sse, const char *text)
{
	size_t i;

	for (i = 0; i < SSE_CLIENTS; i++)
		if (sse->clients[i].request != NULL)
			send_text(&sse->clients[i], text);
}

static void tell(struct sse *sse, const char *event, json_t *data)
{
	struct evbuffer *buffer;
	char *text;

	if (sse->count > 0) {
		text = json_dumps(data, API_FORMAT);
		buffer = evbuffer_new();
		if (text == NULL || buffer == NULL)
			abort();
		evbuffer_add_printf(buffer, "id: %llu\nevent: %s\ndata: %s\n\n", ++sse->id, event, text);
		evbuffer_add(buffer, "", 1);
		send_all(sse, (const char *)evbuffer_pullup(buffer, -1));
		evbuffer_free(buffer);
		free(text);
	}
	json_decref(data);
}

static void on_state(void *context, const struct state_event *event)
{
	struct sse *sse = context;

	if (sse->count == 0)
		return;
	switch (event->change) {
	case STATE_CHANGED_DEPLOYMENT:
		tell(sse, "deployment", api_deployment(event->deployment));
		break;
	case STATE_CHANGED_GONE:
		tell(sse, "gone", json_pack("{s:s}", "name", event->deployment->name));
		break;
	case STATE_CHANGED_PROGRESS:
		tell(sse, "progress",
		     json_pack("{s:s, s:o}", "name", event->deployment->name, "progress",
		               api_progress(event->progress)));
		break;
	case STATE_CHANGED_ENDED:
		tell(sse, "run", json_pack("{s:s, s:o}", "name", event->deployment->name, "run", api_run(event->run)));
		break;
	case STATE_CHANGED_SOURCE:
		tell(sse, "source", api_source(state_source(sse->state)));
		break;
	case STATE_CHANGED_AGENT:
		break;
	}
}

static void on_close(struct evhttp_connection *connection, void *context)
{
	struct client *client = context;

	(void)connection;
	/* Where the peer went away amid the answer, evhttp has left the request to us; else it goes with its
	 * connection. */
	if (evhttp_request_get_connection(client->request) == NULL)
		evhttp_request_free(client->request);
	client->request = NULL;
	client->sse->count--;
}

static void on_keep_alive(evutil_socket_t fd, short what, void *context)
{
	struct sse *sse = context;
	const struct timeval later = {.tv_sec = KEEP_ALIVE_S};

	(void)fd, (void)what;
	send_all(sse, ": still here\n\n");
	if (sse->count > 0)
		evtimer_add(sse->keep_alive, &later);
}

struct sse *sse_new(struct event_base *base, struct state *state)
{
	struct sse *sse = calloc(1, sizeof(*sse));
	size_t i;

	if (sse == NULL)
		abort();
	sse->state = state;
	for (i = 0; i < SSE_CLIENTS; i++)
		sse->clients[i].sse = sse;
	sse->keep_alive = evtimer_new(base, on_keep_alive, sse);
	if (sse->keep_alive == NULL)
		abort();
	state_observe(state, (struct state_observer){on_state, sse});
	return sse;
}

void sse_free(struct sse *sse)
{
	size_t i;

	if (sse == NULL)
		return;
	state_unobserve(sse->state, sse);
	for (i = 0; i < SSE_CLIENTS; i++)
		if (sse->clients[i].request != NULL)
			drop(&sse->clients[i]);
	event_free(sse->keep_alive);
	free(sse);
}

bool sse_add(struct sse *sse, struct evhttp_request *request)
{
	const struct timeval later = {.tv_sec = KEEP_ALIVE_S};
	struct client *client = sse->clients;

	while (client < sse->clients + SSE_CLIENTS && client->request != NULL)
		client++;
	if (client == sse->clients + SSE_CLIENTS)
		return false;
	client->request = request;
	if (sse->count++ == 0)
		evtimer_add(sse->keep_alive, &later);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/event-stream");
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, client);
	/* That nothing comes from it is as it should be. */
	bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)), NULL, NULL);
	evhttp_send_reply_start(request, HTTP_OK, "OK");
	send_text(client, "retry: 3000\n\n");
	return true;
}
