/*
 * doctor_private.h - what the files of this folder share: one examination.
 */
#ifndef TRUEUP_DOCTOR_DOCTOR_PRIVATE_H
#define TRUEUP_DOCTOR_DOCTOR_PRIVATE_H

#include "aws/client.h"
#include "doctor/doctor.h"
#include "kinds/kind.h"
#include "plan/observed.h"

struct doctor {
	struct arena *arena;
	const struct desired *desired;
	const struct doctor_question *question;
	struct doctor_findings *findings;
	struct aws *aws;                 /* NULL: could not be opened */
	const char *caller;              /* ARN; NULL: not known */
	const struct observed *observed; /* what a run sees; NULL: it could not look */
};

/* todo may be NULL. The strings are to last as long as the arena. */
void doctor_add(struct doctor *doctor, const char *name, enum doctor_state state, const char *text, const char *todo);

/* As kinds work, reading, with the stack as it was seen. */
struct kind_context doctor_context(const struct doctor *doctor, const struct desired *desired,
                                   const struct observed_stack *stack);

/* Credentials, account and clock. False: AWS cannot be asked any further, or must not be. */
bool doctor_check_access(struct doctor *doctor);

/* Whether plan and apply may do what the spec needs, and what could not be seen for other reasons. */
void doctor_check_permissions(struct doctor *doctor);

/* The application's database, and TLS on the way to it. */
void doctor_check_database(struct doctor *doctor);

/* State directory, the spec's files, the revision. */
void doctor_check_files(struct doctor *doctor);

/* question.user: who that is, and whether they may create bots. */
void doctor_find_user(struct doctor *doctor);

#endif
