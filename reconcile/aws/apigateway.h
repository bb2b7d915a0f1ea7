/*
 * apigateway.h - usage plans of published APIs, and their keys.
 *
 * The values of keys are never asked for. Results live in the arena. A plan or
 * key that is not there is ERROR_NOT_FOUND. Ids are percent-encoded here.
 */
#ifndef TRUEUP_AWS_APIGATEWAY_H
#define TRUEUP_AWS_APIGATEWAY_H

#include "aws/client.h"

struct apigateway_plan {
	const char *id;
	const char *name;
	const char *rate;     /* requests a second, as a number in text; NULL: no throttle */
	int64_t burst;        /* requests at once; 0: no throttle */
	int64_t quota;        /* requests in a period; 0: no quota */
	int64_t quota_offset; /* of those, taken from the first period */
	const char *period;   /* DAY, WEEK, MONTH; NULL: no quota */
};

struct apigateway_key {
	const char *id;
	const char *name;
};

struct apigateway_keys {
	struct apigateway_key *items;
	size_t count;
};

int apigateway_get_usage_plan(struct aws *aws, struct arena *arena, const char *id, struct apigateway_plan *plan,
                              struct error *err);

/* All keys of a plan. */
int apigateway_list_plan_keys(struct aws *aws, struct arena *arena, const char *plan, struct apigateway_keys *keys,
                              struct error *err);

/* A key that is not there is deleted. */
int apigateway_delete_key(struct aws *aws, struct arena *arena, const char *id, struct error *err);

#endif
