#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void error_fill(struct error *err, enum error_code code, const char *format, va_list args)
{
	memset(err, 0, sizeof(*err));
	err->code = code;
	vsnprintf(err->message, sizeof(err->message), format, args);
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_fill(err, code, format, args);
	va_end(args);
	return -1;
}

int error_context(struct error *err, const char *format, ...)
{
	char context[512];
	char joined[sizeof(err->message) + sizeof(context) + 2];
	va_list args;

	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	snprintf(joined, sizeof(joined), "%s: %s", context, err->message);
	joined[sizeof(err->message) - 1] = '\0';
	memcpy(err->message, joined, sizeof(err->message));
	return -1;
}

int error_errno(struct error *err, const char *format, ...)
{
	int saved = errno;
	va_list args;
	size_t used;

	va_start(args, format);
	error_fill(err, saved == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved));
	return -1;
}

const char *error_code_name(enum error_code code)
{
	static const char *const names[] = {
	    [ERROR_NONE] = "none",       [ERROR_INVALID] = "invalid",     [ERROR_NOT_FOUND] = "not-found",
	    [ERROR_EXISTS] = "exists",   [ERROR_DENIED] = "denied",       [ERROR_CREDENTIALS] = "credentials",
	    [ERROR_STATE] = "state",     [ERROR_THROTTLED] = "throttled", [ERROR_UNREACHABLE] = "unreachable",
	    [ERROR_TIMEOUT] = "timeout", [ERROR_PROTOCOL] = "protocol",   [ERROR_REFUSED] = "refused",
	    [ERROR_BUSY] = "busy",       [ERROR_SYSTEM] = "system",       [ERROR_SERVICE] = "service",
	};

	return names[code];
}
