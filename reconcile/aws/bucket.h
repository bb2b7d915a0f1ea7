/*
 * bucket.h - a token bucket that slows down when the service says so.
 *
 * It lets through `rate` requests a second. From the first throttling on, the
 * rate falls to 0.7 of what was really sent and then grows back along a cubic
 * curve, as in the SDKs' adaptive mode, but never above `rate`. The time is
 * the caller's, in milliseconds of a clock that never goes back.
 */
#ifndef TRUEUP_AWS_BUCKET_H
#define TRUEUP_AWS_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	double rate;  /* requests a second at most */
	double burst; /* tokens at most */
	double tokens;
	int64_t filled_ms;
	/* what was sent lately, measured over half seconds */
	double measured;
	double window_count;
	int64_t window_ms;
	/* after a throttling */
	bool slowed;
	double slow_rate;
	double last_max;
	int64_t throttled_ms;
};

void bucket_init(struct bucket *bucket, double rate, double burst, int64_t now_ms);

/* Take a token. Returns 0, or the milliseconds until it is worth asking again. */
int64_t bucket_take(struct bucket *bucket, int64_t now_ms);

/* Tell it how the service answered. */
void bucket_note_throttle(struct bucket *bucket, int64_t now_ms);
void bucket_note_success(struct bucket *bucket, int64_t now_ms);

#endif
