/*
 * retry.h - when to ask again: the AWS SDKs' standard retry mode.
 *
 * Up to max_attempts, after a random part of 1, 2, 4 … 20 seconds, as long as
 * the client's retry budget lasts: 500, of which a retry takes 5, one after a
 * timeout 10, and a success gives back what its last retry took.
 *
 * One thing differs. A call that is throttled goes on for twice as many
 * attempts: the bucket has slowed down for it by then, and in a run over
 * thousands of users being late is better than being left out.
 *
 * Pure: the caller brings the random number and sleeps.
 */
#ifndef TRUEUP_AWS_RETRY_H
#define TRUEUP_AWS_RETRY_H

#include "aws/fault.h"

#include <stdbool.h>
#include <stdint.h>

#define RETRY_BUDGET 500
#define RETRY_ATTEMPTS 3

/* Of a client. */
struct retry_budget {
	int left;
	int max_attempts;
};

/* Of one call; starts as zeroes. */
struct retry {
	int attempts;      /* made so far */
	int taken;         /* from the budget by the last retry */
	bool redated;      /* tried again because of the clock */
	bool reauthorized; /* tried again with new credentials */
};

/* What is known of the attempt that just failed. */
struct retry_case {
	enum fault_kind kind;
	int64_t clock_offset; /* AWS's time less ours, in seconds */
	double random;        /* 0 <= x < 1 */
};

/* max_attempts 0: the default. */
void retry_init(struct retry_budget *budget, int max_attempts);

/* Milliseconds to wait before the next attempt, or -1: give up. Counts the attempt. */
int64_t retry_decide(struct retry_budget *budget, struct retry *retry, const struct retry_case *failed);

/* The call succeeded. */
void retry_note_success(struct retry_budget *budget, const struct retry *retry);

#endif
