/*
 * cron.h - cron expressions, as people know them from Vixie's cron.
 *
 * Five fields: minute, hour, day of month, month, day of week; each a list of
 * numbers, ranges (1-5), steps (a star or a range, a slash and a number; from
 * a number alone to the end of its field) and, in the last two, names (JAN,
 * mon). 7 is Sunday as 0 is. Or a nickname: @hourly, @daily, @midnight,
 * @weekly, @monthly, @yearly, @annually.
 *
 * A day matches both of its fields if one of them begins with a star, and any
 * of them otherwise. Over daylight-saving changes Debian's cron is followed: an
 * expression whose minute and hour are both fixed fires once for each time that
 * it names; what falls into an hour that is left out fires right behind it, and
 * in an hour that comes twice the first one counts. Other expressions follow
 * the clock on the wall.
 */
#ifndef TRUEUP_AGENT_DAEMON_CRON_H
#define TRUEUP_AGENT_DAEMON_CRON_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A bit for each value that matches. */
struct cron {
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;    /* from bit 1 */
	uint16_t months;  /* from bit 1 */
	uint8_t weekdays; /* Sunday is bit 0 */
	bool both_days;   /* a day must match `days` and `weekdays`, not just one of them */
	bool fixed;       /* minute and hour are fixed: see above */
};

/* ERROR_INVALID with the field that is wrong, and what it could be. What no day ever matches is refused. */
int cron_parse(const char *text, struct cron *cron, struct error *err);

/* ERROR_INVALID if there is no such time zone on this machine. UTC needs no files. */
int cron_check_zone(const char *zone, struct error *err);

/*
 * The next time after `after` that matches, on the clock of a time zone (a name
 * such as Europe/Paris, which cron_check_zone() has accepted; NULL: the
 * machine's own). Sets TZ for as long as it runs, so it is for a program with
 * one thread. Never fails: what cron_parse() accepts matches within 40 years.
 */
time_t cron_next(const struct cron *cron, const char *zone, time_t after);

#endif
