#include "doctor/doctor.h"
#include "doctor/doctor_private.h"
#include "run/observe.h"
#include "run/run.h"

#include <string.h>

static const char *const state_words[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_UNCHECKED] = "unchecked", [DOCTOR_PROBLEM] = "problem", NULL};

static const struct record_field check_fields[] = {
    RECORD_STRING(struct doctor_check, name, "name"),
    RECORD_WORD(struct doctor_check, state, "state", state_words),
    RECORD_STRING(struct doctor_check, text, "text"),
    RECORD_STRING(struct doctor_check, todo, "todo"),
    RECORD_END,
};
const struct record doctor_check_record = {sizeof(struct doctor_check), check_fields};

static const struct record_field user_fields[] = {
    RECORD_STRING(struct doctor_user, username, "username"),
    RECORD_STRING(struct doctor_user, email, "email"),
    RECORD_STRING(struct doctor_user, status, "status"),
    RECORD_BOOL(struct doctor_user, enabled, "enabled"),
    RECORD_STRINGS(struct doctor_user, groups, group_count, "groups"),
    RECORD_BOOL(struct doctor_user, may, "mayCreateBots"),
    RECORD_STRING(struct doctor_user, reason, "reason"),
    RECORD_STRING(struct doctor_user, todo, "todo"),
    RECORD_END,
};
const struct record doctor_user_record = {sizeof(struct doctor_user), user_fields};

void doctor_add(struct doctor *doctor, const char *name, enum doctor_state state, const char *text, const char *todo)
{
	struct doctor_findings *findings = doctor->findings;

	*ARENA_PUSH(doctor->arena, findings->checks, findings->check_count) =
	    (struct doctor_check){name, state, text, todo};
}

struct kind_context doctor_context(const struct doctor *doctor, const struct desired *desired,
                                   const struct observed_stack *stack)
{
	return (struct kind_context){
	    .arena = doctor->arena,
	    .desired = desired,
	    .stack = stack,
	    .aws = doctor->aws,
	    .stop = doctor->question->stop,
	};
}

/* What a run sees, whose arenas live until run_free(). */
static void examine_world(struct doctor *doctor, const struct run_options *options)
{
	struct desired seen_as = *doctor->desired;
	struct observed observed;
	struct run *run;
	struct error err;

	/* Nothing is compared here: digests of every row are not needed. */
	seen_as.vectors.match = DESIRED_MATCH_AT_LEAST;
	run = run_new(&seen_as, options);
	if (run_observe(run, &observed, &err) == 0)
		doctor->observed = &observed;
	else
		doctor_add(doctor, "observing", DOCTOR_PROBLEM, arena_strdup(doctor->arena, err.message), NULL);
	if (doctor->observed != NULL) {
		doctor_check_permissions(doctor);
		doctor_check_database(doctor);
	}
	doctor->observed = NULL;
	run_free(run);
}

static void open_client(struct doctor *doctor, const struct run_options *options)
{
	struct error err;

	if (observe_open_client(doctor->desired, options, false, &doctor->aws, &err) != 0) {
		doctor_add(doctor, "credentials", DOCTOR_PROBLEM, arena_strdup(doctor->arena, err.message), NULL);
		return;
	}
	doctor->findings->region = arena_strdup(doctor->arena, aws_region(doctor->aws));
}

void doctor_examine(struct arena *arena, const struct desired *desired, const struct doctor_question *question,
                    struct doctor_findings *findings)
{
	struct doctor doctor = {.arena = arena, .desired = desired, .question = question, .findings = findings};
	struct run_options options = {.quota_share = question->quota_share, .stop = question->stop};

	*findings = (struct doctor_findings){.asked = question->user};
	if (desired->mode == DESIRED_MODE_PAUSED)
		doctor_add(&doctor, "mode", DOCTOR_UNCHECKED,
		           "spec.mode is paused: neither AWS nor the database was asked", NULL);
	else
		open_client(&doctor, &options);
	if (doctor.aws != NULL && doctor_check_access(&doctor)) {
		if (question->user != NULL)
			doctor_find_user(&doctor);
		else
			examine_world(&doctor, &options);
	}
	if (question->user == NULL)
		doctor_check_files(&doctor);
	aws_free(doctor.aws);
}

bool doctor_is_fine(const struct doctor_findings *findings)
{
	size_t i;

	for (i = 0; i < findings->check_count; i++)
		if (findings->checks[i].state == DOCTOR_PROBLEM)
			return false;
	for (i = 0; i < findings->user_count; i++)
		if (!findings->users[i].may)
			return false;
	return findings->asked == NULL || findings->user_count > 0;
}
