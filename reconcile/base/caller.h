/*
 * caller.h - who runs this program, and on which machine.
 */
#ifndef TRUEUP_BASE_CALLER_H
#define TRUEUP_BASE_CALLER_H

#define CALLER_NAME_SIZE 256

/* "" where it is not known: a user id without a name, say in a container. */
struct caller {
	char user[CALLER_NAME_SIZE];
	char host[CALLER_NAME_SIZE];
};

void caller_find(struct caller *caller);

#endif
