#include "daemon/tasks.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "daemon/job.h"
#include "daemon/marker.h"
#include "daemon/memory.h"
#include "daemon/schedule.h"
#include "daemon/state_judge.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define DISTRUSTED_AT_ONCE 8 /* in one turn of the loop: what is said of each is synced to the disk */

struct task {
	struct tasks *tasks;
	char *name, *spec;
	char *sha256; /* of its spec */
	char *commit; /* that its spec is of; NULL: not known */
	time_t due;   /* 0: while it runs */
	time_t started_at;
	enum schedule_after after; /* what it was planned behind, if its schedule says when it is due */
	const char *trigger;       /* of the run that is due, and behind it of the one that runs */
	const char *again;         /* it was asked for while it ran; NULL: it was not */
	struct job *job;
	const struct source_revision *held; /* while it runs */
	struct source *source;
	bool seen;       /* by tasks_take(), of now */
	bool distrusted; /* which is still to be told */
	bool gone;
};

struct tasks {
	struct tasks_options options;
	const struct agent_config *config;
	struct task **items;
	size_t count, capacity, running;
	int clock;        /* timerfd */
	time_t looked_at; /* the last time by the wall clock, which may go back */
	struct event *timer;
	bool stopping;
	char *distrust; /* why none may run; or NULL */
	struct event *telling;
};

static char *copy_text(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

/* Sleeps until the wall clock is there, and wakes when somebody sets it. */
static void set_clock(const struct tasks *tasks, time_t due)
{
	const struct itimerspec at = {.it_value.tv_sec = due};

	(void)timerfd_settime(tasks->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

static const struct agent_deployment *find_config(const struct task *task)
{
	return agent_config_find(task->tasks->config, task->name);
}

static const struct agent_schedule *find_schedule(const struct task *task)
{
	const struct agent_deployment *own = find_config(task);

	return own != NULL && own->schedule.present ? &own->schedule : &task->tasks->config->schedule;
}

static enum agent_mode find_mode(const struct task *task)
{
	const struct agent_deployment *own = find_config(task);

	return own != NULL ? own->mode : task->tasks->config->mode;
}

static void set_due(struct task *task, time_t due, const char *trigger)
{
	task->due = due;
	task->trigger = trigger;
	state_plan_run(task->tasks->options.state, task->name, due);
}

static time_t read_clock(const struct tasks *tasks)
{
	return tasks->options.now != NULL ? tasks->options.now() : time(NULL);
}

/* By its schedule, and what was last. */
static time_t find_next(struct task *task)
{
	const struct state_deployment *seen = state_find(task->tasks->options.state, task->name);
	struct schedule_input input = {
	    .schedule = find_schedule(task),
	    .splay = task->tasks->config->splay,
	    .name = task->name,
	    .after = task->after,
	    .failures = seen != NULL ? seen->failures : 0,
	    .now = read_clock(task->tasks),
	};

	/* The clock was set back since. */
	if (task->started_at > input.now)
		task->started_at = input.now;
	input.started_at = task->started_at;
	(void)!getrandom(&input.random, sizeof(input.random), GRND_NONBLOCK);
	return schedule_next_run(&input);
}

static void plan_next(struct task *task, enum schedule_after after)
{
	task->after = after;
	set_due(task, find_next(task),
	        task->started_at == 0 && find_schedule(task)->cron == NULL ? "start" : "schedule");
}

/* Not because somebody asked for it. */
static bool is_planned(const struct task *task)
{
	return strcmp(task->trigger, "schedule") == 0 || strcmp(task->trigger, "start") == 0;
}

static void free_task(struct task *task)
{
	source_release(task->held);
	free(task->name);
	free(task->spec);
	free(task->sha256);
	free(task->commit);
	free(task);
}

static void remove_task(struct task *task)
{
	struct tasks *tasks = task->tasks;
	size_t i;

	for (i = 0; i < tasks->count && tasks->items[i] != task; i++)
		;
	tasks->items[i] = tasks->items[--tasks->count];
	state_remove(tasks->options.state, task->name);
	log_info("%s: its spec is gone, and it is left alone from now on", task->name);
	free_task(task);
}

static enum schedule_after judge_end(const struct state_run *run)
{
	if (run->exit == 75)
		return SCHEDULE_AFTER_BUSY;
	if (run->exit != 0 && run->exit != 2)
		return SCHEDULE_AFTER_FAILURE;
	return run->after == STATE_WAITING ? SCHEDULE_AFTER_WAITING : SCHEDULE_AFTER_RUN;
}

/* What was so before is said again only if it is an error: whoever reads the log is to see what is new. */
static void log_end(const struct task *task, const struct state_run *run, const char *reason_before)
{
	const struct state_deployment *seen = state_find(task->tasks->options.state, task->name);
	const char *reason = seen != NULL ? seen->reason : "", *work;
	struct arena *arena = arena_new();
	struct buf text = {0};

	work = state_judge_work(arena, run->report);
	buf_printf(&text, "%s: %s%s%s%s%s", task->name, state_words[run->after], *reason != '\0' ? ": " : "", reason,
	           *work != '\0' ? "; " : "", work);
	if (run->exit == 75)
		log_info("%s: another run holds it", task->name);
	else if (run->after == STATE_FAILED || run->after == STATE_UNKNOWN)
		log_error("%s", buf_text(&text));
	else if (run->after == STATE_DRIFTED && (run->after != run->before || strcmp(reason, reason_before) != 0))
		log_warn("%s", buf_text(&text));
	else if (run->after != run->before || *work != '\0')
		log_info("%s", buf_text(&text));
	else
		log_debug("%s", buf_text(&text));
	buf_free(&text);
	arena_free(arena);
}

/* The run's end is taken into the state, and said. */
static void end_run(const struct task *task, struct state_run *run)
{
	struct state *state = task->tasks->options.state;
	const struct state_deployment *seen = state_find(state, task->name);
	char *reason_before = copy_text(seen != NULL ? seen->reason : "");

	state_end_run(state, task->name, run);
	log_end(task, run, reason_before);
	free(reason_before);
}

static void tell_soon(const struct tasks *tasks)
{
	const struct timeval now = {0};

	evtimer_add(tasks->telling, &now);
}

/* Nothing is known of it any more, and it is due once there is a revision that may be used, if the same as before. */
static void distrust(struct task *task)
{
	free(task->commit);
	task->commit = NULL;
	task->again = NULL;
	set_due(task, 0, "source");
	task->distrusted = true;
	tell_soon(task->tasks);
}

static void tell_distrust(struct task *task)
{
	struct state_run run = {
	    .trigger = "source",
	    .started_at = read_clock(task->tasks),
	    .finished_at = read_clock(task->tasks),
	    .exit = 1,
	    .problem = task->tasks->distrust,
	};

	task->distrusted = false;
	end_run(task, &run);
}

/* There may be a thousand of them: a few, and then it is others' turn. */
static void on_telling(evutil_socket_t fd, short what, void *context)
{
	const struct tasks *tasks = context;
	size_t i, told = 0;

	(void)fd, (void)what;
	for (i = 0; i < tasks->count && told < DISTRUSTED_AT_ONCE; i++)
		if (tasks->items[i]->distrusted) {
			tell_distrust(tasks->items[i]);
			told++;
		}
	if (told == DISTRUSTED_AT_ONCE)
		tell_soon(tasks);
}

/* Behind a run, with or without a report. */
static void settle(struct task *task, struct state_run *run)
{
	struct tasks *tasks = task->tasks;

	task->job = NULL;
	marker_clear(tasks->options.directory, task->name);
	source_release(task->held);
	task->held = NULL;
	tasks->running--;
	end_run(task, run);
	if (run->exit != 75 && state_find(tasks->options.state, task->name) != NULL)
		memory_save(tasks->options.directory, state_find(tasks->options.state, task->name), run);
	if (tasks->distrust != NULL)
		distrust(task);
	else if (task->again != NULL)
		set_due(task, read_clock(tasks), task->again);
	else
		plan_next(task, judge_end(run));
}

static void dispatch(struct tasks *tasks);

static void take_progress(void *context, const struct state_progress *progress)
{
	const struct task *task = context;

	state_add_progress(task->tasks->options.state, task->name, progress);
}

static void take_end(void *context, struct state_run *run)
{
	struct task *task = context;
	struct tasks *tasks = task->tasks;

	settle(task, run);
	if (task->gone)
		remove_task(task);
	if (tasks->running == 0)
		tasks->options.idle(tasks->options.context);
	dispatch(tasks);
}

/* As a run that ended at once: the machine is short of something, and may not be in a minute. */
static void fail_start(struct task *task, const struct error *err)
{
	struct state_run run = {
	    .trigger = task->trigger,
	    .revision = task->commit,
	    .started_at = task->started_at,
	    .finished_at = task->started_at,
	    .exit = 1,
	    .problem = err->message,
	};

	settle(task, &run);
}

static void begin(struct task *task)
{
	struct tasks *tasks = task->tasks;
	const struct agent_deployment *own = find_config(task);
	const struct job_options options = {
	    .name = task->name,
	    .spec = task->spec,
	    .trigger = task->trigger,
	    .revision = task->commit,
	    .state = tasks->options.directory,
	    .program = tasks->options.program,
	    .mode = find_mode(task),
	    .timeout_s = own != NULL ? own->timeout : tasks->config->timeout,
	    .verbose = tasks->options.verbose,
	};
	const struct job_callbacks callbacks = {take_progress, take_end, task};
	struct error err;

	task->due = 0;
	task->again = NULL;
	task->started_at = read_clock(tasks);
	task->held = task->source != NULL ? source_hold(task->source) : NULL;
	tasks->running++;
	marker_set(tasks->options.directory, task->name);
	state_begin_run(tasks->options.state, task->name, task->trigger, task->started_at);
	log_debug("%s: a run begins (%s)", task->name, task->trigger);
	if (job_start(tasks->options.base, &options, &callbacks, &task->job, &err) != 0)
		fail_start(task, &err);
}

/* That is due longest, or will be first. NULL: nothing is to be run. */
static struct task *find_first(const struct tasks *tasks)
{
	struct task *first = NULL;
	size_t i;

	for (i = 0; i < tasks->count; i++)
		if (tasks->items[i]->due != 0 && (first == NULL || tasks->items[i]->due < first->due))
			first = tasks->items[i];
	return first;
}

/* What is due by a clock that was ahead would not be for as long as it was. Nothing gets later by it. */
static void heed_clock(struct tasks *tasks)
{
	time_t now = read_clock(tasks), due;
	size_t i;

	for (i = 0; now < tasks->looked_at && i < tasks->count; i++) {
		struct task *task = tasks->items[i];

		if (task->due <= now)
			continue;
		due = is_planned(task) ? find_next(task) : now;
		if (due < task->due)
			set_due(task, due, task->trigger);
	}
	tasks->looked_at = now;
}

/* Begin what is due and has room; sleep until the next. */
static void dispatch(struct tasks *tasks)
{
	struct task *first = NULL;
	bool began = false;

	heed_clock(tasks);
	while (!tasks->stopping && tasks->running < (size_t)tasks->config->concurrency) {
		first = find_first(tasks);
		if (first == NULL || first->due > read_clock(tasks))
			break;
		began = true;
		begin(first);
		first = NULL;
	}
	set_clock(tasks, first != NULL && !tasks->stopping ? first->due : 0);
	if (began && tasks->running > 0)
		tasks->options.started(tasks->options.context);
}

/* It is time, or the clock was set: then read() fails with ECANCELED, and what is due may be another. */
static void on_clock(evutil_socket_t fd, short what, void *context)
{
	uint64_t ignored;

	(void)what;
	(void)!read(fd, &ignored, sizeof(ignored));
	dispatch(context);
}

struct tasks *tasks_new(const struct tasks_options *options, const struct agent_config *config, struct error *err)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (tasks == NULL)
		abort();
	tasks->options = *options;
	tasks->config = config;
	tasks->clock = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	tasks->timer = event_new(options->base, tasks->clock, EV_READ | EV_PERSIST, on_clock, tasks);
	tasks->telling = evtimer_new(options->base, on_telling, tasks);
	if (tasks->clock < 0 || tasks->timer == NULL || tasks->telling == NULL || event_add(tasks->timer, NULL) != 0) {
		error_errno(err, "cannot make a timer");
		tasks_free(tasks);
		return NULL;
	}
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	size_t i;

	if (tasks == NULL)
		return;
	for (i = 0; i < tasks->count; i++)
		free_task(tasks->items[i]);
	free(tasks->items);
	free(tasks->distrust);
	if (tasks->timer != NULL)
		event_free(tasks->timer);
	if (tasks->telling != NULL)
		event_free(tasks->telling);
	if (tasks->clock >= 0)
		close(tasks->clock);
	free(tasks);
}

void tasks_reload(struct tasks *tasks, const struct agent_config *config)
{
	size_t i;

	tasks->config = config;
	for (i = 0; i < tasks->count; i++) {
		struct task *task = tasks->items[i];

		state_put(tasks->options.state, task->name, task->spec, find_mode(task));
		if (task->job == NULL && is_planned(task))
			plan_next(task, SCHEDULE_AFTER_RUN);
	}
	dispatch(tasks);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct task *find_task(const struct tasks *tasks, const char *name)
{
	size_t i;

	for (i = 0; i < tasks->count; i++)
		if (strcmp(tasks->items[i]->name, name) == 0)
			return tasks->items[i];
	return NULL;
}

static struct task *add_task(struct tasks *tasks, const char *name)
{
	struct task *task = calloc(1, sizeof(*task));

	if (tasks->count == tasks->capacity) {
		tasks->capacity = tasks->capacity * 2 + 16;
		tasks->items = reallocarray(tasks->items, tasks->capacity, sizeof(struct task *));
	}
	if (task == NULL || tasks->items == NULL)
		abort();
	tasks->items[tasks->count++] = task;
	task->tasks = tasks;
	task->name = copy_text(name);
	return task;
}

static void ask(struct task *task, const char *trigger)
{
	if (task->job != NULL)
		task->again = trigger;
	else
		set_due(task, read_clock(task->tasks), trigger);
}

static bool was_waiting(const struct task *task)
{
	const struct state_deployment *seen = state_find(task->tasks->options.state, task->name);

	return seen != NULL && seen->word == STATE_WAITING;
}

static void take_spec(struct tasks *tasks, struct source *source, const struct source_spec *spec, const char *trigger)
{
	const char *commit = source_current(source)->commit;
	struct task *task = find_task(tasks, spec->name);
	bool is_new = task == NULL, changed;

	if (is_new)
		task = add_task(tasks, spec->name);
	changed = !is_new && (!is_same(task->commit, commit) || !is_same(task->sha256, spec->sha256));
	free(task->spec);
	free(task->sha256);
	free(task->commit);
	task->spec = copy_text(spec->file);
	task->sha256 = copy_text(spec->sha256);
	task->commit = copy_text(commit);
	task->source = source;
	task->seen = true;
	task->gone = false;
	state_put(tasks->options.state, task->name, task->spec, find_mode(task));
	if (is_new)
		memory_load(tasks->options.directory, task->name, tasks->options.state);
	if (tasks->distrust != NULL && task->job != NULL)
		job_stop(task->job);
	else if (tasks->distrust != NULL)
		distrust(task);
	else if (changed || (is_new && trigger != NULL))
		ask(task, trigger != NULL ? trigger : "source");
	else if (is_new && marker_is_set(tasks->options.directory, task->name))
		ask(task, "start"); /* the agent was killed while it ran */
	else if (is_new)
		plan_next(task, was_waiting(task) ? SCHEDULE_AFTER_WAITING : SCHEDULE_AFTER_START);
}

void tasks_take(struct tasks *tasks, struct source *source, const char *trigger)
{
	const struct source_revision *revision = source_current(source);
	size_t i;

	free(tasks->distrust);
	tasks->distrust = revision != NULL ? copy_text(revision->distrust) : NULL;
	for (i = 0; i < tasks->count; i++)
		tasks->items[i]->seen = tasks->items[i]->distrusted = false;
	for (i = 0; revision != NULL && i < revision->spec_count; i++)
		take_spec(tasks, source, &revision->specs[i], trigger);
	for (i = tasks->count; i > 0; i--) {
		struct task *task = tasks->items[i - 1];

		if (task->seen)
			continue;
		task->gone = true;
		task->again = NULL;
		if (task->job == NULL)
			remove_task(task);
	}
	dispatch(tasks);
}

int tasks_request(struct tasks *tasks, const char *name, const char *trigger, struct error *err)
{
	size_t i;

	if (tasks->stopping)
		return error_set(err, ERROR_STATE, "the agent is stopping");
	if (tasks->distrust != NULL)
		return error_set(err, ERROR_STATE, "%s", tasks->distrust);
	if (name != NULL && find_task(tasks, name) == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no deployment %s", name);
	for (i = 0; i < tasks->count; i++)
		if (name == NULL || strcmp(tasks->items[i]->name, name) == 0)
			ask(tasks->items[i], trigger);
	dispatch(tasks);
	return 0;
}

static void each_job(const struct tasks *tasks, void (*work)(struct job *job))
{
	size_t i;

	for (i = 0; i < tasks->count; i++)
		if (tasks->items[i]->job != NULL)
			work(tasks->items[i]->job);
}

void tasks_stop(struct tasks *tasks)
{
	tasks->stopping = true;
	set_clock(tasks, 0);
	each_job(tasks, job_stop);
	if (tasks->running == 0)
		tasks->options.idle(tasks->options.context);
}

void tasks_kill(struct tasks *tasks)
{
	each_job(tasks, job_kill);
}

size_t tasks_running(const struct tasks *tasks)
{
	return tasks->running;
}
