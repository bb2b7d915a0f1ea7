#include "daemon/marker.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False if the path is too long to be one. */
static bool find_path(char path[PATH_MAX], const char *directory, const char *name)
{
	int length = snprintf(path, PATH_MAX, "%s/running%s%s", directory, *name != '\0' ? "/" : "", name);

	return length > 0 && length < PATH_MAX;
}

void marker_set(const char *directory, const char *name)
{
	char path[PATH_MAX];
	int fd = -1;

	if (find_path(path, directory, "") && (mkdir(path, 0700) == 0 || errno == EEXIST) &&
	    find_path(path, directory, name))
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		log_warn("%s: cannot note that it runs: %s", name, strerror(errno));
	else
		close(fd);
}

void marker_clear(const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (find_path(path, directory, name))
		(void)unlink(path);
}

bool marker_is_set(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return find_path(path, directory, name) && access(path, F_OK) == 0;
}
