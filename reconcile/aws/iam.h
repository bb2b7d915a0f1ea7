/*
 * iam.h - what a principal may do, as IAM's simulator says.
 *
 * It knows the policies of users and roles, their boundaries and the
 * organisation's; it knows neither session policies nor most conditions.
 */
#ifndef TRUEUP_AWS_IAM_H
#define TRUEUP_AWS_IAM_H

#include "aws/client.h"

enum iam_decision {
	IAM_ALLOWED,
	IAM_IMPLICIT_DENY, /* nothing allows it */
	IAM_EXPLICIT_DENY, /* something forbids it */
};

/* Actions on one resource, and what came of them. */
struct iam_question {
	const char *resource;        /* ARN; "*": any */
	const char **actions;        /* "rds:DescribeDBClusters" */
	enum iam_decision *decision; /* out: one for each action; room for them is the caller's */
	size_t count;
	const char *tag_key; /* that the resource is taken to carry; NULL: none */
	const char *tag_value;
};

/*
 * Ask about a user or role, by ARN: not a session of one, whose ARN
 * iam_find_principal() maps. ERROR_NOT_FOUND: no such user or role;
 * ERROR_DENIED: asking takes a permission of its own.
 */
int iam_simulate(struct aws *aws, struct arena *arena, const char *principal, const struct iam_question *question,
                 struct error *err);

/*
 * The user or role that a caller's ARN (sts.h) stands for, in *principal. A
 * session does not name its role's path: `hint` (may be NULL) is the ARN of a
 * role that it may be of, else IAM is asked if the role is not at the root.
 * ERROR_INVALID: the account's root, or a federated user: nothing to ask about.
 */
int iam_find_principal(struct aws *aws, struct arena *arena, const char *caller, const char *hint,
                       const char **principal, struct error *err);

#endif
