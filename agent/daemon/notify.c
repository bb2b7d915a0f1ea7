#include "daemon/notify.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/commit_status.h"
#include "daemon/delivery.h"
#include "daemon/message.h"
#include "daemon/outbox.h"
#include "daemon/state_judge.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define FOLDER "told"
#define FILE_MOST ((size_t)16 * 1024 * 1024)
#define LABEL_SIZE 64
#define ASSUMED state_words[STATE_IN_SYNC]
#define REPAIRED "/repaired" /* behind a deployment's name: what was last repaired, and is not told yet */
#define SPECS ""             /* the name under which an outbox has the specs themselves: no deployment's */

/* GitHub lets its users make 80 things a minute and 500 an hour; whoever has the token makes some of them himself. */
#define STATUS_BURST 20
#define STATUS_REFILL_MS 10000

enum kind { KIND_TARGET, KIND_GITHUB, KIND_GITLAB };

/* One that is told: a target, or a forge. */
struct receiver {
	struct notify *notify;
	enum kind kind;
	const struct agent_notify *target; /* of a KIND_TARGET */
	char label[LABEL_SIZE];            /* "notify.team", "status.github": in logs, and the name of its file */
	struct outbox *outbox;
	struct delivery *delivery; /* on its way */
	struct event *timer;
	struct notify_tally tally;
	bool kept; /* by the configuration that is being taken */
};

struct notify {
	struct notify_options options;
	const struct agent_config *config;
	struct receiver **receivers;
	size_t count;
};

static const char *name_of(const struct receiver *receiver)
{
	return strchr(receiver->label, '.') + 1;
}

/* --- what is kept --- */

static const char *path_of(struct arena *arena, const struct receiver *receiver)
{
	return arena_printf(arena, "%s/" FOLDER "/%s.json", receiver->notify->options.directory, receiver->label);
}

static void load(struct receiver *receiver)
{
	struct arena *arena = arena_new();
	json_t *told = NULL;
	struct error err;
	size_t length;
	char *text;

	if (file_read(arena, path_of(arena, receiver), FILE_MOST, &text, &length, &err) == 0)
		told = json_loadb(text, length, 0, NULL);
	else if (err.code != ERROR_NOT_FOUND)
		log_warn("%s: what was told is not known, and told again: %s", receiver->label, err.message);
	outbox_load(receiver->outbox, told);
	json_decref(told);
	arena_free(arena);
}

static void save(const struct receiver *receiver)
{
	struct arena *arena = arena_new();
	json_t *told = outbox_save(receiver->outbox);
	char *text = json_dumps(told, JSON_COMPACT | JSON_SORT_KEYS);
	struct error err;

	if (text == NULL)
		abort();
	if (file_make_directories(arena_printf(arena, "%s/" FOLDER, receiver->notify->options.directory), &err) != 0 ||
	    file_replace_private(path_of(arena, receiver), text, strlen(text), &err) != 0)
		log_warn("%s: what was told cannot be kept, and is told again after a restart: %s", receiver->label,
		         err.message);
	free(text);
	json_decref(told);
	arena_free(arena);
}

static void forget_file(const struct receiver *receiver)
{
	struct arena *arena = arena_new();

	(void)unlink(path_of(arena, receiver));
	arena_free(arena);
}

/* --- what is to be known --- */

/* Of a commit that is in force, by git; else a forge is told nothing. */
static bool has_commit(const struct notify *notify, const struct state_deployment *deployment)
{
	const struct state_source *source = state_source(notify->options.state);

	return source->kind == STATE_SOURCE_GIT && source->revision != NULL && deployment->revision != NULL &&
	       strcmp(source->revision, deployment->revision) == 0;
}

static void set_timer(struct receiver *receiver);

static void update(struct receiver *receiver, const struct state_deployment *deployment)
{
	const char *word = state_words[deployment->word];
	char text[128];

	/* To be paused is no alarm: it is told only to those who were told of trouble before. */
	if (deployment->word == STATE_PAUSED && receiver->kind == KIND_TARGET)
		word = ASSUMED;
	if (deployment->word == STATE_NEVER)
		return;
	if (receiver->kind != KIND_TARGET) {
		snprintf(text, sizeof(text), "%s %s", deployment->revision != NULL ? deployment->revision : "", word);
		word = has_commit(receiver->notify, deployment) ? text : NULL;
	}
	outbox_set(receiver->outbox, deployment->name, word, clock_monotonic_ms());
	set_timer(receiver);
}

/*
 * "refused REVISION": the newest specs may not come into force. A look that only failed to reach a repository is none
 * of it: networks come and go, and metrics tell of it.
 */
static const char *describe_source(const struct state_source *source, char text[128])
{
	bool refused = source->refused_revision != NULL || (source->kind == STATE_SOURCE_PATH && !source->ok);

	if (!refused)
		return source->ok ? MESSAGE_IN_FORCE : NULL;
	snprintf(text, 128, MESSAGE_REFUSED " %s", source->refused_revision != NULL ? source->refused_revision : "");
	return text;
}

static void update_source(struct receiver *receiver)
{
	const struct state_source *source = state_source(receiver->notify->options.state);
	char text[128];
	const char *now = describe_source(source, text);

	/* NULL: not known, and nothing was found wrong with what was there before. */
	if (source->checked_at != 0 && now != NULL)
		outbox_set(receiver->outbox, SPECS, strcmp(now, MESSAGE_IN_FORCE) == 0 ? ASSUMED : now,
		           clock_monotonic_ms());
	set_timer(receiver);
}

static void update_all(struct receiver *receiver)
{
	const struct state *state = receiver->notify->options.state;
	size_t i;

	for (i = 0; i < state_count(state); i++)
		update(receiver, state_at(state, i));
}

static const char *name_repaired(struct arena *arena, const char *deployment)
{
	return arena_printf(arena, "%s" REPAIRED, deployment);
}

/* The deployment that is meant by that name of an outbox: no deployment's own name has a slash. */
static const struct state_deployment *find_deployment(const struct state *state, const char *name)
{
	struct arena *arena = arena_new();
	char *bare = arena_strdup(arena, name);
	const struct state_deployment *found;

	bare[strcspn(bare, "/")] = '\0';
	found = state_find(state, bare);
	arena_free(arena);
	return found;
}

static bool is_known(void *context, const char *name)
{
	return strcmp(name, SPECS) == 0 || find_deployment(context, name) != NULL;
}

/* "1767225600 repaired 1 drifted, 1 action done: …": that a run put right what nobody was told to be wrong. */
static void take_repair(struct receiver *receiver, const struct state_deployment *deployment,
                        const struct state_run *run)
{
	bool applied = strcmp(run->trigger, "source") == 0 || strcmp(run->trigger, "webhook") == 0;
	struct arena *arena = arena_new();
	const char *work = state_judge_work(arena, run->report);

	if (run->before == STATE_IN_SYNC && run->after == STATE_IN_SYNC && *work != '\0')
		outbox_add(receiver->outbox, name_repaired(arena, deployment->name),
		           arena_printf(arena, "%" PRId64 " %s %s", (int64_t)run->finished_at,
		                        applied ? MESSAGE_APPLIED : MESSAGE_REPAIRED, work),
		           clock_monotonic_ms());
	arena_free(arena);
	set_timer(receiver);
}

static void forget(const struct receiver *receiver, const char *deployment)
{
	struct arena *arena = arena_new();

	outbox_forget(receiver->outbox, deployment);
	outbox_forget(receiver->outbox, name_repaired(arena, deployment));
	arena_free(arena);
}

static void on_state(void *context, const struct state_event *event)
{
	const struct notify *notify = context;
	size_t i;

	for (i = 0; i < notify->count; i++) {
		struct receiver *receiver = notify->receivers[i];

		if (event->change == STATE_CHANGED_DEPLOYMENT)
			update(receiver, event->deployment);
		else if (event->change == STATE_CHANGED_GONE)
			forget(receiver, event->deployment->name);
		else if (event->change == STATE_CHANGED_ENDED && receiver->kind == KIND_TARGET)
			take_repair(receiver, event->deployment, event->run);
		else if (event->change == STATE_CHANGED_SOURCE && receiver->kind == KIND_TARGET)
			update_source(receiver);
		else if (event->change == STATE_CHANGED_SOURCE)
			update_all(receiver);
		else if (event->change == STATE_CHANGED_AGENT && state_agent(notify->options.state)->ready)
			outbox_prune(receiver->outbox, is_known, notify->options.state);
	}
}

/* --- sending --- */

static void take_end(void *context, const struct delivery_result *result)
{
	struct receiver *receiver = context;
	enum outbox_next next;
	int64_t due;
	uint32_t random = 0;

	receiver->delivery = NULL;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	next = outbox_end(receiver->outbox, result->outcome, result->wait_ms, random, clock_monotonic_ms());
	due = outbox_due(receiver->outbox, clock_monotonic_ms());
	if (result->outcome == OUTBOX_DELIVERED || result->outcome == OUTBOX_REFUSED)
		save(receiver);
	if (next == OUTBOX_GOES_ON) {
		receiver->tally.delivered++;
		log_info("%s: told", receiver->label);
	} else if (next == OUTBOX_AGAIN) {
		receiver->tally.retried++;
		log_warn("%s: %s; again in %" PRId64 " s", receiver->label, result->problem, (due + 999) / 1000);
	} else {
		receiver->tally.failed++;
		log_error("%s: given up: %s", receiver->label, result->problem);
	}
	set_timer(receiver);
}

static const char *find_before(const struct outbox_item *item, const struct state_deployment *deployment)
{
	if (item->before != NULL)
		return item->before;
	return state_words[deployment->last_success_at != 0 ? STATE_IN_SYNC : STATE_NEVER];
}

static struct message_specs make_specs(const struct state_source *source, const struct outbox_item *item)
{
	const char *reason = source->refused_reason != NULL ? source->refused_reason : source->error;

	if (source->error_count > 0)
		reason = source->errors[0];
	return (struct message_specs){
	    .before = item->before != NULL ? MESSAGE_REFUSED : MESSAGE_IN_FORCE,
	    .now = strcmp(item->now, ASSUMED) == 0 ? MESSAGE_IN_FORCE : MESSAGE_REFUSED,
	    .revision = source->refused_revision != NULL ? source->refused_revision : source->revision,
	    .reason = strcmp(item->now, ASSUMED) == 0 ? "" : reason,
	};
}

static struct message_repair make_repair(struct arena *arena, const struct state_deployment *at,
                                         const struct outbox_item *item)
{
	char *kind, *what;
	time_t when = (time_t)strtoll(arena_strdup(arena, item->now), &kind, 10);

	what = strchr(++kind, ' ');
	*what++ = '\0';
	return (struct message_repair){.deployment = at->name, .kind = kind, .what = what, .at = when};
}

/* A new reference. */
static json_t *make_message(const struct receiver *receiver, const struct outbox_item *items, size_t count)
{
	const struct state *state = receiver->notify->options.state;
	struct arena *arena = arena_new();
	struct message_repair *repairs = arena_array(arena, count, sizeof(*repairs));
	struct message_news news = {.changes = arena_array(arena, count, sizeof(*news.changes)), .repairs = repairs};
	struct message_specs specs;
	json_t *message;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct state_deployment *at = find_deployment(state, items[i].name);

		if (at != NULL && strchr(items[i].name, '/') != NULL) {
			repairs[news.repair_count++] = make_repair(arena, at, &items[i]);
		} else if (at != NULL) {
			news.changes[news.count++] = (struct message_change){find_before(&items[i], at), at};
		} else if (strcmp(items[i].name, SPECS) == 0) {
			specs = make_specs(state_source(state), &items[i]);
			news.specs = &specs;
		}
	}
	message = message_make(name_of(receiver), &news, time(NULL));
	arena_free(arena);
	return message;
}

static int tell_target(struct receiver *receiver, const struct delivery_options *options,
                       const struct outbox_item *items, size_t count, struct error *err)
{
	const struct agent_notify *target = receiver->target;
	const struct agent_target *to = target->slack.present ? &target->slack : &target->webhook;
	json_t *message = make_message(receiver, items, count), *request;
	char *text;
	int rc;

	if (target->command.count > 0) {
		text = json_dumps(message, JSON_INDENT(2));
		rc =
		    delivery_run(options, target->command.items, target->command.count, text, &receiver->delivery, err);
		free(text);
	} else {
		request = json_pack("{s:s*, s:s*, s:{s:O}, s:o}", "url", to->url, "urlFile", to->url_file, "headers",
		                    "Idempotency-Key", json_object_get(message, "id"), "body",
		                    target->slack.present ? message_make_slack(message) : json_incref(message));
		rc = delivery_post(options, request, &receiver->delivery, err);
		json_decref(request);
	}
	json_decref(message);
	return rc;
}

static int tell_forge(struct receiver *receiver, const struct delivery_options *options, const struct outbox_item *item,
                      struct error *err)
{
	const struct agent_status *status = &receiver->notify->config->status;
	const struct state_deployment *at = state_find(receiver->notify->options.state, item->name);
	json_t *request = receiver->kind == KIND_GITHUB ? commit_status_github(&status->github, at)
	                                                : commit_status_gitlab(&status->gitlab, at);
	int rc = delivery_post(options, request, &receiver->delivery, err);

	json_decref(request);
	return rc;
}

static void tell(struct receiver *receiver)
{
	const struct delivery_options options = {
	    .base = receiver->notify->options.base,
	    .label = receiver->label,
	    .program = receiver->notify->options.program,
	    .ended = take_end,
	    .context = receiver,
	};
	struct error err;
	size_t count;
	const struct outbox_item *items = outbox_take(receiver->outbox, clock_monotonic_ms(), &count);
	int rc = receiver->kind == KIND_TARGET ? tell_target(receiver, &options, items, count, &err)
	                                       : tell_forge(receiver, &options, items, &err);

	if (rc != 0)
		take_end(receiver, &(struct delivery_result){.outcome = OUTBOX_RETRY, .problem = err.message});
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct receiver *receiver = context;

	(void)fd, (void)what;
	if (state_agent(receiver->notify->options.state)->stopping)
		return; /* runs that are cut short now are no news: the next start tells what is left */
	if (outbox_due(receiver->outbox, clock_monotonic_ms()) == 0)
		tell(receiver);
	else
		set_timer(receiver);
}

/* Never at once: whoever changes the state is not to wait for a fork. */
static void set_timer(struct receiver *receiver)
{
	int64_t due = outbox_due(receiver->outbox, clock_monotonic_ms());
	const struct timeval after = {.tv_sec = due / 1000, .tv_usec = due % 1000 * 1000};

	if (due < 0)
		evtimer_del(receiver->timer);
	else
		evtimer_add(receiver->timer, &after);
}

/* --- who is told --- */

static void add_receiver(struct notify *notify, enum kind kind, const char *label, const struct outbox_options *options)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	notify->receivers = reallocarray(notify->receivers, notify->count + 1, sizeof(struct receiver *));
	if (receiver == NULL || notify->receivers == NULL)
		abort();
	receiver->notify = notify;
	receiver->kind = kind;
	snprintf(receiver->label, sizeof(receiver->label), "%s", label);
	receiver->outbox = outbox_new(options);
	receiver->timer = evtimer_new(notify->options.base, on_timer, receiver);
	if (receiver->timer == NULL)
		abort();
	receiver->tally = (struct notify_tally){.name = name_of(receiver), .forge = kind != KIND_TARGET};
	load(receiver);
	notify->receivers[notify->count++] = receiver;
}

static void free_receiver(struct receiver *receiver)
{
	delivery_abandon(receiver->delivery);
	event_free(receiver->timer);
	outbox_free(receiver->outbox);
	free(receiver);
}

/* The one of this label, made if there is none. */
static struct receiver *keep(struct notify *notify, enum kind kind, const char *label,
                             const struct outbox_options *options)
{
	size_t i;

	for (i = 0; i < notify->count; i++)
		if (strcmp(notify->receivers[i]->label, label) == 0)
			break;
	if (i == notify->count)
		add_receiver(notify, kind, label, options);
	notify->receivers[i]->kept = true;
	outbox_reload(notify->receivers[i]->outbox, options->window_ms);
	return notify->receivers[i];
}

static void keep_all(struct notify *notify)
{
	static const struct outbox_options status = {
	    .single = true, .burst = STATUS_BURST, .refill_ms = STATUS_REFILL_MS};
	const struct agent_config *config = notify->config;
	char label[LABEL_SIZE];
	size_t i;

	for (i = 0; i < config->notify_count; i++) {
		const struct agent_notify *target = &config->notify[i];
		const struct outbox_options options = {.assumed = ASSUMED, .window_ms = target->digest * 1000};

		snprintf(label, sizeof(label), "notify.%s", target->name);
		keep(notify, KIND_TARGET, label, &options)->target = target;
	}
	if (config->status.github.present)
		keep(notify, KIND_GITHUB, "status.github", &status);
	if (config->status.gitlab.present)
		keep(notify, KIND_GITLAB, "status.gitlab", &status);
}

static void take_config(struct notify *notify, const struct agent_config *config)
{
	size_t i, kept = 0;

	notify->config = config;
	for (i = 0; i < notify->count; i++)
		notify->receivers[i]->kept = false;
	keep_all(notify);
	for (i = 0; i < notify->count; i++) {
		struct receiver *receiver = notify->receivers[i];

		if (receiver->kept) {
			notify->receivers[kept++] = receiver;
			update_all(receiver);
		} else {
			forget_file(receiver);
			free_receiver(receiver);
		}
	}
	notify->count = kept;
}

struct notify *notify_new(const struct notify_options *options, const struct agent_config *config)
{
	struct notify *notify = calloc(1, sizeof(*notify));

	if (notify == NULL)
		abort();
	notify->options = *options;
	take_config(notify, config);
	state_observe(options->state, (struct state_observer){on_state, notify});
	return notify;
}

void notify_reload(struct notify *notify, const struct agent_config *config)
{
	take_config(notify, config);
}

void notify_free(struct notify *notify)
{
	size_t i;

	if (notify == NULL)
		return;
	state_unobserve(notify->options.state, notify);
	for (i = 0; i < notify->count; i++)
		free_receiver(notify->receivers[i]);
	free(notify->receivers);
	free(notify);
}

size_t notify_count(const struct notify *notify)
{
	return notify != NULL ? notify->count : 0;
}

struct notify_tally notify_tally_at(const struct notify *notify, size_t index)
{
	return notify->receivers[index]->tally;
}
