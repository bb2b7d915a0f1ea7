/*
 * metrics.h - what the agent knows, for Prometheus (text format 0.0.4).
 *
 * Gauges are read from the state; counters and the histogram are kept here,
 * from the agent's start. Names follow Prometheus's conventions: base units,
 * _total, _seconds, _timestamp_seconds, _info. Labels are deployments, kinds
 * and a few words, so that their number is bounded by the specs.
 */
#ifndef TRUEUP_AGENT_DAEMON_METRICS_H
#define TRUEUP_AGENT_DAEMON_METRICS_H

#include "base/buf.h"
#include "daemon/notify.h"
#include "daemon/state.h"

#include <time.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics;

/* Counts from now on what becomes of the state's runs. The state outlives it. */
struct metrics *metrics_new(struct state *state);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* `notify` may be NULL. */
void metrics_print(const struct metrics *metrics, const struct notify *notify, time_t now, struct buf *out);

#endif
