/* sts.h - who we are. */
#ifndef TRUEUP_AWS_STS_H
#define TRUEUP_AWS_STS_H

#include "aws/client.h"

struct sts_identity {
	const char *account; /* twelve digits */
	const char *arn;
};

/* Needs no permission. Results in the arena. */
int sts_get_caller_identity(struct aws *aws, struct arena *arena, struct sts_identity *identity, struct error *err);

#endif
