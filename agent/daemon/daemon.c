#include "daemon/daemon.h"
#include "base/arena.h"
#include "base/log.h"
#include "daemon/notify.h"
#include "daemon/sd_notify.h"
#include "daemon/server.h"
#include "daemon/source.h"
#include "daemon/store.h"
#include "daemon/tasks.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNALS 4
#define LOOK_AGAIN_S 30 /* a directory is read again at a run, but not at each of a thousand */

struct daemon {
	struct daemon_options options;
	struct arena *arena; /* of config */
	const struct agent_config *config;
	struct event_base *base;
	struct state *state;
	struct tasks *tasks;
	struct source *source;
	struct store *store;
	struct notify *notify;
	struct server *server; /* NULL: the configuration has no listen */
	const char *trigger;   /* what the source was last asked to look for; NULL: nobody asked */
	struct event *signals[SIGNALS];
	struct event *watchdog;
	bool stopping;
};

struct event_base *daemon_base(struct daemon *daemon)
{
	return daemon->base;
}

struct state *daemon_state(struct daemon *daemon)
{
	return daemon->state;
}

const struct notify *daemon_notify(const struct daemon *daemon)
{
	return daemon->notify;
}

const struct agent_config *daemon_config(const struct daemon *daemon)
{
	return daemon->config;
}

const char *daemon_directory(const struct daemon *daemon)
{
	return daemon->options.directory;
}

static void set_agent(struct daemon *daemon)
{
	const struct source_revision *current = source_current(daemon->source);
	struct state_agent agent = *state_agent(daemon->state);

	if (agent.started_at == 0)
		agent.started_at = time(NULL);
	agent.mode = daemon->config->mode;
	agent.ready = current != NULL && current->distrust == NULL;
	agent.stopping = daemon->stopping;
	state_set_agent(daemon->state, &agent);
}

/* "3 of 1000 run; 990 in-sync, 10 drifted" */
static void tell_status(struct daemon *daemon)
{
	size_t counts[STATE_WORDS] = {0}, i, length = 0;
	char text[256] = "";

	for (i = 0; i < state_count(daemon->state); i++)
		counts[state_at(daemon->state, i)->word]++;
	for (i = 0; i < STATE_WORDS; i++)
		if (counts[i] > 0)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%zu %s",
			                           length > 0 ? ", " : "; ", counts[i], state_words[i]);
	sd_notify_say("STATUS=%zu of %zu run%s", tasks_running(daemon->tasks), state_count(daemon->state), text);
}

static void on_state(void *context, const struct state_event *event)
{
	if (event->change == STATE_CHANGED_ENDED || event->change == STATE_CHANGED_AGENT)
		tell_status(context);
}

static void on_in_force(void *context)
{
	struct daemon *daemon = context;
	const struct source_revision *revision = source_current(daemon->source);

	if (revision->distrust == NULL)
		log_info("%zu deployments of %s are in force", revision->spec_count, revision->directory);
	tasks_take(daemon->tasks, daemon->source, daemon->trigger);
	set_agent(daemon);
}

static void on_source(void *context)
{
	struct daemon *daemon = context;
	const struct source_status *status = source_status(daemon->source);
	const struct source_revision *current = source_current(daemon->source);
	const bool in_force = current != NULL && current->distrust == NULL;
	const struct state_source source = {
	    .kind = status->git ? STATE_SOURCE_GIT : STATE_SOURCE_PATH,
	    .where = status->location,
	    .directory = status->git ? daemon->config->specs.git.directory : NULL,
	    .revision = in_force ? current->commit : NULL,
	    .revision_at = in_force ? current->since : 0,
	    .checked_at = status->checked_at,
	    .ok = status->error == NULL,
	    .error = status->error != NULL ? status->error : "",
	    .note = status->note,
	    .errors = status->errors,
	    .error_count = status->error_count,
	    .refused_revision = status->refused_commit,
	    .refused_reason = status->refused_reason,
	};

	state_set_source(daemon->state, &source);
	if (!source_is_asked(daemon->source))
		daemon->trigger = NULL; /* whatever the look came to: what a later one finds has another reason */
}

/* A run begins. A repository has its own interval; a directory is looked at when there is a reason to. */
static void on_started(void *context)
{
	struct daemon *daemon = context;
	const struct source_status *status = source_status(daemon->source);

	if (!status->git && time(NULL) - status->checked_at >= LOOK_AGAIN_S)
		source_fetch(daemon->source);
}

static void on_idle(void *context)
{
	struct daemon *daemon = context;

	if (daemon->stopping)
		event_base_loopexit(daemon->base, NULL);
}

static void stop(struct daemon *daemon)
{
	if (daemon->stopping) {
		log_warn("stopping at once");
		tasks_kill(daemon->tasks);
		return;
	}
	daemon->stopping = true;
	sd_notify_say("STOPPING=1\nSTATUS=%zu runs are ending", tasks_running(daemon->tasks));
	log_info("stopping: %zu runs are asked to end; once more ends them at once", tasks_running(daemon->tasks));
	set_agent(daemon);
	tasks_stop(daemon->tasks);
}

/* The new configuration, or NULL if it is not to be used; what is wrong with it is logged. */
static const struct agent_config *read_config(const struct daemon *daemon, struct arena *arena)
{
	struct agent_config *config = arena_alloc(arena, sizeof(*config));
	struct spec_issues issues = {0};
	struct buf text = {0};
	char *line, *rest;

	if (agent_config_load(arena, daemon->options.config, config, &issues) == 0 &&
	    agent_config_check_files(arena, config, &issues) == 0)
		return config;
	spec_issues_print(&issues, &text);
	for (line = strtok_r(text.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		log_error("%s", line);
	buf_free(&text);
	log_error("the configuration is not valid, and the one in force stays so");
	return NULL;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* As the configuration says: listen, listen otherwise, or no longer. -1: all stays as it was. */
static int set_server(struct daemon *daemon, const struct agent_config *config, struct error *err)
{
	if (!config->listen.present) {
		server_free(daemon->server);
		daemon->server = NULL;
		return 0;
	}
	if (daemon->server != NULL)
		return server_reload(daemon->server, config, err);
	daemon->server = server_new(daemon, config, err);
	return daemon->server != NULL ? 0 : -1;
}

static void reload(struct daemon *daemon)
{
	struct arena *arena = arena_new(), *before = daemon->arena;
	const struct agent_config *config;
	struct error err;

	sd_notify_reloading();
	config = read_config(daemon, arena);
	if (config != NULL && set_server(daemon, config, &err) != 0) {
		log_error("%s: the configuration in force stays so", err.message);
		config = NULL;
	}
	if (config != NULL) {
		if (!is_same(config->state, daemon->config->state))
			log_warn("state: is another one once the agent is started anew");
		daemon->arena = arena;
		daemon->config = config;
		tasks_reload(daemon->tasks, config);
		source_reload(daemon->source, config);
		store_reload(daemon->store, &config->retention);
		notify_reload(daemon->notify, config);
		set_agent(daemon);
		log_info("%s is in force now", daemon->options.config);
		agent_config_warn(config);
		arena = before;
	}
	arena_free(arena); /* of the one that is no longer in force, or never was */
	sd_notify_say("READY=1");
}

static void run_all(struct daemon *daemon)
{
	struct error err;

	source_fetch(daemon->source);
	if (daemon_reconcile(daemon, NULL, "signal", &err) != 0)
		log_warn("%s", err.message);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;

	(void)what;
	if (number == SIGTERM || number == SIGINT)
		stop(daemon);
	else if (daemon->stopping)
		return;
	else if (number == SIGHUP)
		reload(daemon);
	else
		run_all(daemon);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	(void)fd, (void)what, (void)context;
	sd_notify_say("WATCHDOG=1");
}

static int catch_signals(struct daemon *daemon, struct error *err)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	const int64_t watchdog = sd_notify_watchdog_ms();
	const struct timeval each = {.tv_sec = watchdog / 1000, .tv_usec = watchdog % 1000 * 1000};
	size_t i;

	for (i = 0; i < SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
		if (daemon->signals[i] == NULL || evsignal_add(daemon->signals[i], NULL) != 0)
			return error_errno(err, "cannot catch signals");
	}
	if (watchdog == 0)
		return 0;
	daemon->watchdog = event_new(daemon->base, -1, EV_PERSIST, on_watchdog, daemon);
	if (daemon->watchdog == NULL || evtimer_add(daemon->watchdog, &each) != 0)
		return error_errno(err, "cannot make a timer");
	return 0;
}

static int set_up(struct daemon *daemon, struct error *err)
{
	const struct tasks_options tasks = {
	    .base = daemon->base,
	    .state = daemon->state,
	    .directory = daemon->options.directory,
	    .program = daemon->options.program,
	    .verbose = daemon->options.verbose,
	    .started = on_started,
	    .idle = on_idle,
	    .context = daemon,
	};
	const struct source_options source = {
	    .base = daemon->base,
	    .config = daemon->config,
	    .state = daemon->options.directory,
	    .observer = {on_in_force, on_source, daemon},
	    .program = daemon->options.program,
	};
	const struct notify_options notify = {
	    .base = daemon->base,
	    .state = daemon->state,
	    .directory = daemon->options.directory,
	    .program = daemon->options.program,
	};

	daemon->tasks = tasks_new(&tasks, daemon->config, err);
	if (daemon->tasks == NULL || catch_signals(daemon, err) != 0)
		return -1;
	state_observe(daemon->state, (struct state_observer){on_state, daemon});
	daemon->source = source_new(&source);
	daemon->store = store_new(daemon->state, daemon->options.directory, &daemon->config->retention);
	daemon->notify = notify_new(&notify, daemon->config);
	set_agent(daemon);
	return set_server(daemon, daemon->config, err);
}

struct daemon *daemon_new(const struct daemon_options *options, struct arena *arena, const struct agent_config *config,
                          struct error *err)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	if (daemon == NULL)
		abort();
	daemon->options = *options;
	daemon->arena = arena;
	daemon->config = config;
	daemon->state = state_new();
	daemon->base = event_base_new();
	if (daemon->base == NULL)
		error_errno(err, "cannot make an event loop");
	if (daemon->base != NULL && set_up(daemon, err) == 0)
		return daemon;
	daemon_free(daemon);
	return NULL;
}

void daemon_run(struct daemon *daemon)
{
	log_info("trueup agent " TRUEUP_VERSION " with %s", daemon->options.config);
	agent_config_warn(daemon->config);
	sd_notify_say("READY=1");
	event_base_dispatch(daemon->base);
	log_info("stopped");
}

void daemon_free(struct daemon *daemon)
{
	size_t i;

	if (daemon == NULL)
		return;
	if (daemon->state != NULL)
		state_unobserve(daemon->state, daemon);
	server_free(daemon->server);
	tasks_free(daemon->tasks);
	notify_free(daemon->notify);
	store_free(daemon->store);
	source_free(daemon->source);
	for (i = 0; i < SIGNALS; i++)
		if (daemon->signals[i] != NULL)
			event_free(daemon->signals[i]);
	if (daemon->watchdog != NULL)
		event_free(daemon->watchdog);
	state_free(daemon->state);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
	arena_free(daemon->arena);
	free(daemon);
}

int daemon_reconcile(struct daemon *daemon, const char *name, const char *trigger, struct error *err)
{
	return tasks_request(daemon->tasks, name, trigger, err);
}

void daemon_fetch(struct daemon *daemon)
{
	daemon->trigger = "webhook";
	source_fetch(daemon->source);
}
