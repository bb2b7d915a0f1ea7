#include "daemon/sd_notify.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 1024

static void send_message(const char *message, size_t length)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t path_length = path != NULL ? strlen(path) : 0;
	int fd;

	if (path_length < 2 || path_length >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, path_length);
	if (*path == '@')
		to.sun_path[0] = '\0'; /* the abstract namespace */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, message, length, MSG_NOSIGNAL, (struct sockaddr *)&to,
	              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length));
	close(fd);
}

void sd_notify_say(const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (length > 0)
		send_message(message, strlen(message));
}

void sd_notify_reloading(void)
{
	sd_notify_say("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_ms() * 1000);
}

int64_t sd_notify_watchdog_ms(void)
{
	const char *limit = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");

	if (limit == NULL || (whose != NULL && strtol(whose, NULL, 10) != (long)getpid()))
		return 0;
	return strtoll(limit, NULL, 10) / 2000;
}
