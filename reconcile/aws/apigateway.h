/*
 * apigateway.h - usage plans of published APIs, and the keys that belong to them.
 *
 * Keys are known by id and name. Their values are never asked for; where API
 * Gateway tells them unasked they are wiped with the answer. Results live in
 * the arena. A plan that is not there is ERROR_NOT_FOUND.
 */
#ifndef TRUEUP_AWS_APIGATEWAY_H
#define TRUEUP_AWS_APIGATEWAY_H

#include "aws/client.h"

struct apigateway_stage {
	const char *api; /* id */
	const char *name;
};

struct apigateway_plan {
	const char *id;
	const char *name;
	const char *rate;     /* requests a second, which need not be whole, in digits; NULL: no throttle */
	int64_t burst;        /* requests at once */
	int64_t quota;        /* requests a period; 0: no quota */
	int64_t quota_offset; /* of these, not granted in the first period */
	const char *period;   /* DAY, WEEK or MONTH; NULL: no quota */
	struct apigateway_stage *stages;
	size_t stage_count;
};

struct apigateway_key {
	const char *id;
	const char *name; /* NULL: it has none */
};

struct apigateway_keys {
	struct apigateway_key *items;
	size_t count;
};

int apigateway_get_usage_plan(struct aws *aws, struct arena *arena, const char *id, struct apigateway_plan *plan,
                              struct error *err);

/* All keys of a usage plan. */
int apigateway_list_plan_keys(struct aws *aws, struct arena *arena, const char *plan, struct apigateway_keys *keys,
                              struct error *err);

/* Done with a key that is not there. */
int apigateway_delete_key(struct aws *aws, struct arena *arena, const char *id, struct error *err);

#endif
