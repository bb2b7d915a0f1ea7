/*
 * clock.h - time: the wall clock, deadlines, RFC 3339, durations.
 */
#ifndef TRUEUP_BASE_CLOCK_H
#define TRUEUP_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_RFC3339_SIZE 32

/* Milliseconds of a clock that never goes back: for waits, deadlines and durations. */
int64_t clock_monotonic_ms(void);

/* "2026-11-22T09:00:00Z" into out. */
void clock_format_rfc3339(time_t when, char out[CLOCK_RFC3339_SIZE]);

/* RFC 3339 (any offset, fractions dropped) to *out. Returns 0, or -1 if text is not of that form. */
int clock_parse_rfc3339(const char *text, time_t *out);

/* "90s", "15m", "2h", "1h30m", "0" to seconds in *out. Returns 0, or -1 if text is not a duration. */
int clock_parse_duration(const char *text, int64_t *out);

/* Seconds as people write them: "45s", "3m 20s", "2h 5m". */
void clock_format_duration(int64_t seconds, char *out, size_t size);

/* Sleep, shorter if `*stop` (may be NULL) turns true. */
void clock_sleep_ms(int64_t milliseconds, const volatile bool *stop);

#endif
