#include "run/observe.h"
#include "base/clock.h"
#include "kinds/kind.h"
#include "kinds/stack.h"
#include "run/lock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* One thread's work. It writes only its kind's part of observed, and shares nothing else that changes. */
struct observer {
	const struct kind *kind;
	struct kind_context context;
	struct observed *observed;
	pthread_t thread;
	bool started;
};

bool observe_is_selected(const struct run_options *options, const char *kind, const char *name)
{
	size_t i;

	if (options->only_count == 0 || strcmp(kind, "account") == 0)
		return true;
	for (i = 0; i < options->only_count; i++) {
		const struct run_only *only = &options->only[i];

		if (strcmp(only->kind, kind) == 0 &&
		    (only->name == NULL || name == NULL || strcmp(only->name, name) == 0))
			return true;
	}
	return false;
}

int observe_open_client(const struct desired *desired, const struct run_options *options, bool writes, struct aws **aws,
                        struct error *err)
{
	struct aws_settings settings = {
	    .region = desired->aws.region,
	    .assume_role_arn = desired->aws.assume_role.arn,
	    .external_id = desired->aws.assume_role.external_id,
	    .writes = writes,
	    .quota_share = options->quota_share,
	    .stop = options->stop,
	    .tally = options->tally,
	};

	return aws_new(&settings, aws, err);
}

static struct kind_context new_context(struct observe *observe, const struct observed_stack *stack, struct aws *aws)
{
	struct arena *arena = observe->arenas[observe->arena_count++] = arena_new();

	return (struct kind_context){
	    .arena = arena,
	    .state_directory = lock_find_directory(arena, observe->options->state_directory),
	    .desired = observe->desired,
	    .stack = stack,
	    .aws = aws,
	    .digests = observe->options->digests,
	    .stop = observe->options->stop,
	};
}

void observe_skip(const struct desired *desired, struct observed *observed, const char *reason)
{
	size_t i;

	for (i = 0; kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, "account") != 0 && kinds[i]->is_wanted(desired))
			*kind_head(kinds[i], observed) = (struct observed_head){OBSERVED_SKIPPED, reason, NULL};
}

static void *observe_kind(void *argument)
{
	struct observer *observer = argument;

	observer->kind->observe(&observer->context, observer->observed);
	return NULL;
}

/* Opens a client for the kind and starts its thread; without a thread, it is observed here. */
static int start_observer(struct observe *observe, struct observer *observer, const struct kind *kind,
                          struct observed *observed, struct error *err)
{
	struct aws *aws;

	if (observe_open_client(observe->desired, observe->options, false, &aws, err) != 0)
		return -1;
	observer->kind = kind;
	observer->observed = observed;
	observer->context = new_context(observe, &observed->stack, aws);
	observer->started = pthread_create(&observer->thread, NULL, observe_kind, observer) == 0;
	if (!observer->started)
		observe_kind(observer);
	return 0;
}

/* Selected itself, or needed by a kind that is. */
static bool is_looked_at(const struct observe *observe, const struct kind *kind)
{
	const char *const *served;

	if (!kind->is_wanted(observe->desired))
		return false;
	for (served = kind->serves; served != NULL && *served != NULL; served++)
		if (observe_is_selected(observe->options, *served, NULL))
			return true;
	return observe_is_selected(observe->options, kind->name, NULL);
}

static int observe_kinds(struct observe *observe, struct observed *observed, struct error *err)
{
	struct observer observers[KINDS_MAX] = {0};
	size_t i, count = 0;
	int rc = 0;

	for (i = 0; rc == 0 && kinds[i] != NULL; i++) {
		const struct kind *kind = kinds[i];

		if (strcmp(kind->name, "account") == 0 || !is_looked_at(observe, kind))
			continue;
		rc = start_observer(observe, &observers[count], kind, observed, err);
		count += rc == 0;
	}
	for (i = 0; i < count; i++) {
		if (observers[i].started)
			pthread_join(observers[i].thread, NULL);
		aws_free(observers[i].context.aws);
	}
	return rc;
}

/* Under another account nothing else is looked at, and without an account nobody knows whose things these are. */
static bool account_stops(const struct observe *observe, const struct observed *observed, const char **reason)
{
	const char *wanted = observe->desired->aws.account;

	if (observed->account.head.status != OBSERVED_SEEN) {
		*reason = "not looked at: the account could not be seen";
		return true;
	}
	*reason = "not looked at: the credentials are of another account";
	return wanted != NULL && strcmp(wanted, observed->account.account) != 0;
}

int observe_world(struct observe *observe, struct observed *observed, struct error *err)
{
	struct kind_context context;
	const char *reason;
	struct aws *aws;
	int rc = 0;

	if (observe_open_client(observe->desired, observe->options, false, &aws, err) != 0)
		return -1;
	snprintf(observe->region, sizeof(observe->region), "%s", aws_region(aws));
	context = new_context(observe, &observed->stack, aws);
	kind_find("account")->observe(&context, observed);
	if (account_stops(observe, observed, &reason)) {
		observe_skip(observe->desired, observed, reason);
	} else {
		stack_observe(&context, &observed->stack);
		rc = observe_kinds(observe, observed, err);
	}
	aws_free(aws);
	return rc;
}
