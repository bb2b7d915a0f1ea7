#include "run/lock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct lock {
	int fd;
};

const char *lock_find_directory(struct arena *arena, const char *given)
{
	const char *state = getenv("TRUEUP_STATE"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (given != NULL)
		return given;
	if (state != NULL && state[0] != '\0')
		return state;
	if (geteuid() == 0)
		return "/var/lib/trueup";
	if (xdg != NULL && xdg[0] == '/')
		return arena_printf(arena, "%s/trueup", xdg);
	return arena_printf(arena, "%s/.local/state/trueup", home != NULL ? home : "");
}

static int refuse(int fd, const char *name, struct error *err)
{
	char holder[32] = "";
	ssize_t got = pread(fd, holder, sizeof(holder) - 1, 0);

	holder[got > 0 ? strcspn(holder, "\n") : 0] = '\0';
	return error_set(err, ERROR_BUSY, "another run holds the deployment %s%s%s", name,
	                 holder[0] != '\0' ? ": process " : "", holder);
}

int lock_take(const char *directory, const char *name, struct lock **lock, struct error *err)
{
	char *path = NULL, holder[32];
	int fd, length, rc = 0;

	*lock = NULL;
	if (file_make_directories(directory, err) != 0)
		return error_context(err, "the state directory (set TRUEUP_STATE to use another)");
	if (asprintf(&path, "%s/%s.lock", directory, name) < 0)
		abort();
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		rc = error_errno(err, "cannot open the lock %s (set TRUEUP_STATE to use another directory)", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		rc = errno == EWOULDBLOCK ? refuse(fd, name, err) : error_errno(err, "cannot lock %s", path);
	free(path);
	if (rc != 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	/* The holder's id is only for the other's message: it does not matter if it cannot be written. */
	length = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)length, 0) < 0)
		errno = 0;
	*lock = malloc(sizeof(**lock));
	if (*lock == NULL)
		abort();
	(*lock)->fd = fd;
	return 0;
}

void lock_release(struct lock *lock)
{
	if (lock == NULL)
		return;
	close(lock->fd);
	free(lock);
}
