/*
 * observe.h - all kinds at once, a thread each.
 */
#ifndef TRUEUP_RUN_OBSERVE_H
#define TRUEUP_RUN_OBSERVE_H

#include "aws/client.h"
#include "kinds/kind.h"
#include "run/run.h"

/* Whether --only lets the kind's resource through; name NULL: any of the kind. The account always is. */
bool observe_is_selected(const struct run_options *options, const char *kind, const char *name);

/* A client for the deployment; one that may write is for run_apply() only. */
int observe_open_client(const struct desired *desired, const struct run_options *options, bool writes, struct aws **aws,
                        struct error *err);

#define OBSERVE_ARENAS (KINDS_MAX + 1) /* a kind each, and the first phase */

struct observe {
	const struct desired *desired;
	const struct run_options *options;
	struct arena **arenas; /* room for OBSERVE_ARENAS; one a kind, so that no two threads share one */
	size_t arena_count;
	char region[64]; /* out: that was used; "" before it is known */
};

/* run_observe() of run.h, but for the run's own book-keeping. */
int observe_world(struct observe *observe, struct observed *observed, struct error *err);

/* Every part of observed that the spec names: OBSERVED_SKIPPED, with this reason. */
void observe_skip(const struct desired *desired, struct observed *observed, const char *reason);

#endif
