#include "aws/bucket.h"

#include <math.h>

/* CUBIC's constants, and the slowest rate, as in the SDKs' adaptive mode. */
#define CUBIC_BETA 0.7
#define CUBIC_C 0.4
#define SLOWEST 0.5
#define SMOOTHING 0.8
#define WINDOW_MS 500

void bucket_init(struct bucket *bucket, double rate, double burst, int64_t now_ms)
{
	*bucket = (struct bucket){
	    .rate = rate,
	    .burst = fmax(burst, 1),
	    .tokens = fmax(burst, 1),
	    .filled_ms = now_ms,
	    .window_ms = now_ms,
	};
}

static double current_rate(const struct bucket *bucket)
{
	return bucket->slowed ? bucket->slow_rate : bucket->rate;
}

static void refill(struct bucket *bucket, int64_t now_ms)
{
	double seconds = (double)(now_ms - bucket->filled_ms) / 1000;
	/* Once slowed, a burst would be throttled again. */
	double most = bucket->slowed ? fmax(bucket->slow_rate, 1) : bucket->burst;

	bucket->tokens = fmin(bucket->tokens + seconds * current_rate(bucket), most);
	bucket->filled_ms = now_ms;
}

static void measure(struct bucket *bucket, int64_t now_ms, double sent)
{
	int64_t elapsed = now_ms - bucket->window_ms;

	bucket->window_count += sent;
	if (elapsed < WINDOW_MS)
		return;
	bucket->measured =
	    bucket->window_count * 1000 / (double)elapsed * SMOOTHING + bucket->measured * (1 - SMOOTHING);
	bucket->window_count = 0;
	bucket->window_ms = now_ms;
}

int64_t bucket_take(struct bucket *bucket, int64_t now_ms)
{
	refill(bucket, now_ms);
	/* A hair below one: what the division of milliseconds loses must not cost another wait. */
	if (bucket->tokens < 1 - 1e-9)
		return (int64_t)ceil((1 - bucket->tokens) / current_rate(bucket) * 1000);
	bucket->tokens -= 1;
	measure(bucket, now_ms, 1);
	return 0;
}

void bucket_note_throttle(struct bucket *bucket, int64_t now_ms)
{
	double used;

	measure(bucket, now_ms, 0);
	/* Before the first window is over nothing was measured, and the limit itself is what was too fast. */
	used = bucket->measured > 0 ? fmin(bucket->measured, current_rate(bucket)) : current_rate(bucket);
	refill(bucket, now_ms);
	bucket->slowed = true;
	bucket->last_max = used;
	bucket->throttled_ms = now_ms;
	bucket->slow_rate = fmax(used * CUBIC_BETA, SLOWEST);
	bucket->tokens = fmin(bucket->tokens, 1);
}

void bucket_note_success(struct bucket *bucket, int64_t now_ms)
{
	double seconds, inflection, grown;

	if (!bucket->slowed)
		return;
	refill(bucket, now_ms);
	seconds = (double)(now_ms - bucket->throttled_ms) / 1000;
	inflection = cbrt(bucket->last_max * (1 - CUBIC_BETA) / CUBIC_C);
	grown = CUBIC_C * pow(seconds - inflection, 3) + bucket->last_max;
	bucket->slow_rate = fmin(fmax(grown, SLOWEST), bucket->rate);
	bucket->slowed = bucket->slow_rate < bucket->rate;
}
