#include "base/log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Set once at start, before any thread; only read afterwards. */
static enum log_level log_threshold = LOG_WARN;
static enum log_format log_shape = LOG_TEXT;

static const char *const log_names[] = {"error", "warn", "info", "debug"};

void log_configure(enum log_level level, enum log_format format)
{
	log_threshold = level;
	log_shape = format;
}

bool log_enabled(enum log_level level)
{
	return level <= log_threshold;
}

static void log_write(enum log_level level, const char *format, va_list args)
{
	char message[2048], stamp[32];
	struct tm utc;
	time_t now = time(NULL);

	if (!log_enabled(level))
		return;
	vsnprintf(message, sizeof(message), format, args);
	gmtime_r(&now, &utc);
	if (log_shape == LOG_TEXT) {
		strftime(stamp, sizeof(stamp), "%H:%M:%S", &utc);
		fprintf(stderr, "%s %-5s %s\n", stamp, log_names[level], message);
		return;
	}
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_t *line = json_pack("{s:s, s:s, s:s+}", "time", stamp, "level", log_names[level], "message", message, "");
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;

	fprintf(stderr, "%s\n", text != NULL ? text : "{\"level\":\"error\",\"message\":\"a log line was not UTF-8\"}");
	free(text);
	json_decref(line);
}

#define LOG_AT(level)                                                                                                  \
	do {                                                                                                           \
		va_list args;                                                                                          \
		va_start(args, format);                                                                                \
		log_write((level), format, args);                                                                      \
		va_end(args);                                                                                          \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_AT(LOG_ERROR);
}

void log_warn(const char *format, ...)
{
	LOG_AT(LOG_WARN);
}

void log_info(const char *format, ...)
{
	LOG_AT(LOG_INFO);
}

void log_debug(const char *format, ...)
{
	LOG_AT(LOG_DEBUG);
}
