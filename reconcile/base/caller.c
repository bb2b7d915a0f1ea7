#include "base/caller.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

void caller_find(struct caller *caller)
{
	struct passwd entry, *user = NULL;
	char buffer[4096];

	*caller = (struct caller){0};
	(void)gethostname(caller->host, sizeof(caller->host) - 1);
	if (getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &user) == 0 && user != NULL)
		snprintf(caller->user, sizeof(caller->user), "%s", user->pw_name);
}
