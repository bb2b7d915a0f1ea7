/*
 * doctor.h - whether a deployment can be worked on from here: credentials,
 * account, clock, permissions, database, TLS, files; each found fine, or with
 * what to do. And whether somebody may create bots, with the reason.
 *
 * It reads only: its clients and sessions are reading ones.
 */
#ifndef TRUEUP_DOCTOR_DOCTOR_H
#define TRUEUP_DOCTOR_DOCTOR_H

#include "base/arena.h"
#include "base/record.h"
#include "spec/desired.h"

#include <stdbool.h>
#include <stddef.h>

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_UNCHECKED, /* it could not be told, and the text says why: no problem in itself */
	DOCTOR_PROBLEM,
};

/* One thing that was looked at. */
struct doctor_check {
	const char *name; /* "credentials", "permissions to plan", … */
	enum doctor_state state;
	const char *text; /* what was found */
	const char *todo; /* what to do; NULL: nothing, or the text says it */
};

/* One user who answers to the question. */
struct doctor_user {
	const char *username;
	const char *email;  /* NULL: has none */
	const char *status; /* Cognito's word: CONFIRMED, EXTERNAL_PROVIDER, … */
	bool enabled;
	const char **groups;
	size_t group_count;
	bool may;           /* create bots */
	const char *reason; /* why, or why not */
	const char *todo;   /* NULL: nothing */
};

struct doctor_findings {
	const char *account; /* of the credentials; NULL: not known */
	const char *region;  /* NULL: not known */
	struct doctor_check *checks;
	size_t check_count;
	const char *asked; /* question.user */
	struct doctor_user *users;
	size_t user_count;
};

/* `struct doctor_check` and `struct doctor_user` as JSON. */
extern const struct record doctor_check_record;
extern const struct record doctor_user_record;

struct doctor_question {
	const char *user;   /* an e-mail address or user name to ask about; NULL: look at everything else */
	const char *commit; /* that the spec is checked out from; NULL: none is known */
	double quota_share; /* of AWS's request quotas; 0: one half */
	const volatile bool *stop;
};

/* Look at one deployment. Never fails: what is wrong is in the findings. Everything is in the arena. */
void doctor_examine(struct arena *arena, const struct desired *desired, const struct doctor_question *question,
                    struct doctor_findings *findings);

/* No problem was found, and whoever was asked about may create bots. */
bool doctor_is_fine(const struct doctor_findings *findings);

#endif
