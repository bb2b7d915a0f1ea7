#include "terminal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MOST 10000
#define TICK_MS 200

bool terminal_is_interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	char *end;
	long width;

	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns == NULL)
		return WIDTH_DEFAULT;
	width = strtol(columns, &end, 10);
	return *end == '\0' && width > 0 && width <= WIDTH_MOST ? (int)width : WIDTH_DEFAULT;
}

bool terminal_has_color(enum option_color color, int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if (no_color != NULL && *no_color != '\0')
		return false;
	return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

/* A signal may come just before a read() would wait: so nothing waits for long without a look at `stop`. */
static bool wait_for_input(const volatile bool *stop)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	while (!*stop)
		if (poll(&input, 1, TICK_MS) > 0)
			return true;
	return false;
}

bool terminal_confirm(const char *question, const volatile bool *stop)
{
	char answer[16];

	fprintf(stderr, "%s ", question);
	fflush(stderr);
	if (!wait_for_input(stop) || fgets(answer, sizeof(answer), stdin) == NULL) {
		fputc('\n', stderr);
		return false;
	}
	return strcmp(answer, "yes\n") == 0;
}
