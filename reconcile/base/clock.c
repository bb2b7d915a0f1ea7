#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_format_rfc3339(time_t when, char out[CLOCK_RFC3339_SIZE])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* The part behind the seconds: an optional fraction, then Z or +hh:mm. Seconds to subtract in *offset. */
static int parse_zone(const char *text, int *offset)
{
	int hours, minutes, used = 0;

	if (*text == '.') {
		text++;
		if (!isdigit((unsigned char)*text))
			return -1;
		while (isdigit((unsigned char)*text))
			text++;
	}
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		*offset = 0;
		return 0;
	}
	if (*text != '+' && *text != '-')
		return -1;
	if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || text[6] != '\0')
		return -1;
	*offset = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return hours > 23 || minutes > 59 ? -1 : 0;
}

int clock_parse_rfc3339(const char *text, time_t *out)
{
	struct tm utc = {0};
	int used = 0, offset;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
	           &utc.tm_min, &utc.tm_sec, &used) != 6 ||
	    used != 19)
		return -1;
	if (utc.tm_mon < 1 || utc.tm_mon > 12 || utc.tm_mday < 1 || utc.tm_mday > 31 || utc.tm_hour > 23 ||
	    utc.tm_min > 59 || utc.tm_sec > 60 || parse_zone(text + used, &offset) != 0)
		return -1;
	utc.tm_year -= 1900;
	utc.tm_mon -= 1;
	*out = timegm(&utc) - offset;
	return 0;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

int clock_parse_duration(const char *text, int64_t *out)
{
	int64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return 0;
	}
	if (*text == '\0')
		return -1;
	while (*text != '\0') {
		int64_t number = 0, unit;
		int digits = 0;

		for (; isdigit((unsigned char)*text) && digits < 9; text++, digits++)
			number = number * 10 + (*text - '0');
		unit = digits > 0 ? unit_seconds(*text) : 0;
		if (unit == 0)
			return -1;
		total += number * unit;
		text++;
	}
	*out = total;
	return 0;
}

void clock_format_duration(int64_t seconds, char *out, size_t size)
{
	if (seconds < 60)
		snprintf(out, size, "%" PRId64 "s", seconds);
	else if (seconds < 3600 && seconds % 60 == 0)
		snprintf(out, size, "%" PRId64 "m", seconds / 60);
	else if (seconds < 3600)
		snprintf(out, size, "%" PRId64 "m %" PRId64 "s", seconds / 60, seconds % 60);
	else if (seconds % 3600 < 60)
		snprintf(out, size, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(out, size, "%" PRId64 "h %" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
}

void clock_sleep_ms(int64_t milliseconds, const volatile bool *stop)
{
	int64_t until = clock_monotonic_ms() + milliseconds;

	while (stop == NULL || !*stop) {
		int64_t left = until - clock_monotonic_ms();
		struct timespec nap = {.tv_nsec = 50000000};

		if (left <= 0)
			return;
		if (left < 50)
			nap.tv_nsec = left * 1000000;
		nanosleep(&nap, NULL);
	}
}
