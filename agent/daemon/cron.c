#include "daemon/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo"
#define TEXT_MAX 256
#define HOUR ((time_t)3600)
#define QUARTER (HOUR / 4)
#define YEARS_AHEAD 40 /* 29 February on a given weekday comes at most 40 years later, over 2100 */

struct field {
	const char *name;
	int least, most;
	const char *const *names; /* of the values from `least_named`; NULL: it has none */
	int first_name;
};

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

enum { MINUTE, HOUR_OF_DAY, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
    [MINUTE] = {"minute", 0, 59, NULL, 0},
    [HOUR_OF_DAY] = {"hour", 0, 23, NULL, 0},
    [DAY] = {"day of month", 1, 31, NULL, 0},
    [MONTH] = {"month", 1, 12, month_names, 1},
    [WEEKDAY] = {"day of week", 0, 7, weekday_names, 0},
};

static const struct {
	const char *name, *text;
} nicknames[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

/* A number or a name of a field, and where it ends. */
static int read_value(const struct field *field, const char **text, int *value, struct error *err)
{
	size_t length = 0;
	int i;

	while (isalnum((unsigned char)(*text)[length]))
		length++;
	for (i = 0; field->names != NULL && field->names[i] != NULL; i++) {
		if (length == strlen(field->names[i]) && strncasecmp(*text, field->names[i], length) == 0) {
			*value = field->first_name + i;
			*text += length;
			return 0;
		}
	}
	if (length == 0 || length > 4 || strspn(*text, "0123456789") != length)
		return error_set(err, ERROR_INVALID, "%s: there should be a number%s at \"%.20s\"", field->name,
		                 field->names != NULL ? " or a name" : "", *text);
	*value = atoi(*text);
	*text += length;
	if (*value < field->least || *value > field->most)
		return error_set(err, ERROR_INVALID, "%s: %d is not in %d to %d", field->name, *value, field->least,
		                 field->most);
	return 0;
}

/* "/15" behind a range; 1 where there is none. */
static int read_step(const struct field *field, const char **text, int *step, struct error *err)
{
	size_t length;

	*step = 1;
	if (**text != '/')
		return 0;
	(*text)++;
	length = strspn(*text, "0123456789");
	if (length == 0 || length > 4 || (*step = atoi(*text)) == 0)
		return error_set(err, ERROR_INVALID, "%s: behind the slash there should be a number from 1 on",
		                 field->name);
	*text += length;
	return 0;
}

/* One item of a list: a star, a value or a range, with or without a step. */
static int read_item(const struct field *field, const char **text, uint64_t *bits, struct error *err)
{
	int first = field->least, last = field->most, step;
	bool single = false;

	if (**text == '*') {
		(*text)++;
	} else {
		if (read_value(field, text, &first, err) != 0)
			return -1;
		last = first;
		single = **text != '-';
		if (!single && ((*text)++, read_value(field, text, &last, err) != 0))
			return -1;
	}
	if (last < first)
		return error_set(err, ERROR_INVALID, "%s: the range from %d to %d is empty; write two, with a comma",
		                 field->name, first, last);
	if (single && **text == '/')
		last = field->most;
	if (read_step(field, text, &step, err) != 0)
		return -1;
	for (; first <= last; first += step)
		*bits |= UINT64_C(1) << first;
	return 0;
}

static int read_field(const struct field *field, const char *text, uint64_t *bits, struct error *err)
{
	*bits = 0;
	for (;;) {
		if (read_item(field, &text, bits, err) != 0)
			return -1;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return error_set(err, ERROR_INVALID, "%s: \"%.20s\" is not understood", field->name, text - 1);
	}
}

/* Some day of some month matches: 31 February never comes. */
static bool day_exists(const struct cron *cron)
{
	static const int lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int month;

	if (!cron->both_days)
		return true; /* a weekday comes in every month */
	for (month = 1; month <= 12; month++)
		if ((cron->months >> month & 1) != 0 && (cron->days & ((UINT64_C(1) << (lengths[month] + 1)) - 1)) != 0)
			return true;
	return false;
}

static const char *expand(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(nicknames) / sizeof(nicknames[0]); i++)
		if (strcasecmp(nicknames[i].name, text) == 0)
			return nicknames[i].text;
	return text;
}

static int split(const char *text, char *copy, const char *words[FIELDS], struct error *err)
{
	char *rest = NULL, *word;
	int count = 0;

	if (strlen(text) >= TEXT_MAX) {
		error_set(err, ERROR_INVALID, "it is longer than %d characters", TEXT_MAX - 1);
		return -1;
	}
	if (*text == '@') {
		error_set(
		    err, ERROR_INVALID,
		    "%s is not known; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually",
		    text);
		return -1;
	}
	strcpy(copy, text);
	for (word = strtok_r(copy, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest))
		if (count++ < FIELDS)
			words[count - 1] = word;
	if (count == FIELDS)
		return 0;
	error_set(err, ERROR_INVALID,
	          "it has %d field%s, and should have 5: minute, hour, day of month, month, day of week", count,
	          count == 1 ? "" : "s");
	return -1;
}

int cron_parse(const char *text, struct cron *cron, struct error *err)
{
	const char *words[FIELDS] = {NULL};
	char copy[TEXT_MAX];
	uint64_t bits[FIELDS];
	int i;

	if (split(expand(text), copy, words, err) != 0)
		return -1;
	for (i = 0; i < FIELDS; i++)
		if (read_field(&fields[i], words[i], &bits[i], err) != 0)
			return -1;
	*cron = (struct cron){
	    .minutes = bits[MINUTE],
	    .hours = (uint32_t)bits[HOUR_OF_DAY],
	    .days = (uint32_t)bits[DAY],
	    .months = (uint16_t)bits[MONTH],
	    .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
	    .both_days = *words[DAY] == '*' || *words[WEEKDAY] == '*',
	    .fixed = *words[MINUTE] != '*' && *words[HOUR_OF_DAY] != '*',
	};
	if (!day_exists(cron))
		return error_set(err, ERROR_INVALID, "no such day ever comes: see day of month and month");
	return 0;
}

int cron_check_zone(const char *zone, struct error *err)
{
	char path[TEXT_MAX];

	if (strcmp(zone, "UTC") == 0)
		return 0;
	if (strlen(zone) > 64 ||
	    strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") != strlen(zone) ||
	    *zone == '/' || *zone == '\0')
		return error_set(err, ERROR_INVALID, "%.64s is no name of a time zone, such as Europe/Paris", zone);
	snprintf(path, sizeof(path), "%s/%s", ZONES, zone);
	if (access(path, R_OK) != 0)
		return error_set(err, ERROR_INVALID, "there is no time zone %s on this machine (see " ZONES ")", zone);
	return 0;
}

static bool matches_day(const struct cron *cron, const struct tm *tm)
{
	bool day = (cron->days >> tm->tm_mday & 1) != 0, weekday = (cron->weekdays >> tm->tm_wday & 1) != 0;

	if ((cron->months >> (tm->tm_mon + 1) & 1) == 0)
		return false;
	return cron->both_days ? day && weekday : day || weekday;
}

static bool matches_hour(const struct cron *cron, const struct tm *tm)
{
	return (cron->hours >> tm->tm_hour & 1) != 0;
}

static bool matches_minute(const struct cron *cron, const struct tm *tm)
{
	return (cron->minutes >> tm->tm_min & 1) != 0;
}

/*
 * How many seconds can be skipped before anything may match. Never over a
 * change of the clock, which comes between full hours and moves it by a few
 * hours at most: near midnight, hour by hour.
 */
static time_t skip(const struct cron *cron, const struct tm *tm)
{
	time_t rest_of_hour = HOUR - (time_t)60 * tm->tm_min;

	if (!matches_day(cron, tm))
		return (tm->tm_hour < 20 ? 19 - tm->tm_hour : 0) * HOUR + rest_of_hour;
	if (!matches_hour(cron, tm))
		return rest_of_hour;
	return matches_minute(cron, tm) ? 0 : 60;
}

/* The clock on the wall, through whatever changes it makes. */
static time_t next_on_the_wall(const struct cron *cron, time_t after)
{
	time_t when = after - after % 60 + 60, end = after + (time_t)YEARS_AHEAD * 366 * 24 * HOUR, step;
	struct tm tm;

	while (localtime_r(&when, &tm) != NULL && (step = skip(cron, &tm)) > 0 && when < end)
		when += step;
	return when;
}

/* What the clock shows, as a number that can be compared. */
static time_t shown_at(time_t when)
{
	struct tm tm;

	return localtime_r(&when, &tm) != NULL ? timegm(&tm) : when;
}

/*
 * The first moment at which the clock shows this (a number as of shown_at()), or,
 * if it never does, the first behind the gap. mktime() lands within hours of it.
 */
static time_t first_moment(time_t shown)
{
	struct tm tm;
	time_t when, end;

	if (gmtime_r(&shown, &tm) == NULL)
		return shown;
	tm.tm_isdst = -1;
	end = mktime(&tm);
	for (when = end - 3 * HOUR; when < end; when += QUARTER)
		if (shown_at(when) == shown)
			return when;
	if (shown_at(end) == shown)
		return end;
	for (when = end - 3 * HOUR; shown_at(when) < shown; when += 60)
		;
	return when;
}

/* Each time that it names, once: counted on a calendar without changes, which is what timegm() and gmtime_r() have. */
static time_t next_fixed(const struct cron *cron, time_t after)
{
	time_t named, end = after + (time_t)YEARS_AHEAD * 366 * 24 * HOUR, step, when;
	struct tm tm;

	if (localtime_r(&after, &tm) == NULL)
		return end;
	tm.tm_sec = 0;
	for (named = timegm(&tm) + 60; named < end + HOUR; named += step) {
		if (gmtime_r(&named, &tm) == NULL)
			break;
		step = skip(cron, &tm);
		if (step > 0)
			continue;
		when = first_moment(named);
		if (when > after)
			return when;
		step = 60;
	}
	return end;
}

time_t cron_next(const struct cron *cron, const char *zone, time_t after)
{
	const char *present = getenv("TZ");
	char *kept = present != NULL ? strdup(present) : NULL;
	time_t when;

	if (zone != NULL)
		setenv("TZ", zone, 1);
	tzset();
	when = cron->fixed ? next_fixed(cron, after) : next_on_the_wall(cron, after);
	if (zone != NULL && kept != NULL)
		setenv("TZ", kept, 1);
	else if (zone != NULL)
		unsetenv("TZ");
	tzset();
	free(kept);
	return when;
}
