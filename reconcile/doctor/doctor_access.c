/* Who we are, whether that is whom the spec means, and whether AWS believes our signatures. */
#include "aws/sts.h"
#include "base/clock.h"
#include "doctor/doctor_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* AWS refuses signatures that are 5 minutes off; the client corrects itself from 4 on. */
#define CLOCK_SECONDS 240

static const char *describe_credentials(const struct doctor *doctor, const char *arn)
{
	const char *source = aws_credentials_source(doctor->aws);
	time_t expiry = aws_credentials_expiry(doctor->aws);
	char until[CLOCK_RFC3339_SIZE];

	source = source != NULL ? source : "somewhere";
	if (!aws_credentials_are_temporary(doctor->aws))
		return arena_printf(doctor->arena, "from %s, as %s, long-term", source, arn);
	if (expiry == 0)
		return arena_printf(doctor->arena, "from %s, as %s, for a time that they do not say", source, arn);
	clock_format_rfc3339(expiry, until);
	return arena_printf(doctor->arena, "from %s, as %s, until %s", source, arn, until);
}

static bool check_account(struct doctor *doctor, const char *account)
{
	const char *wanted = doctor->desired->aws.account;

	if (wanted == NULL) {
		doctor_add(
		    doctor, "account", DOCTOR_OK,
		    arena_printf(doctor->arena, "%s, whichever it is: spec.aws.account guards against others", account),
		    NULL);
		return true;
	}
	if (strcmp(wanted, account) == 0) {
		doctor_add(doctor, "account", DOCTOR_OK,
		           arena_printf(doctor->arena, "%s, as the spec wants it", account), NULL);
		return true;
	}
	doctor_add(
	    doctor, "account", DOCTOR_PROBLEM,
	    arena_printf(doctor->arena, "%s, and the spec is for %s: nothing else was looked at", account, wanted),
	    arena_printf(doctor->arena, "use credentials of account %s, or correct spec.aws.account", wanted));
	return false;
}

static void check_clock(struct doctor *doctor)
{
	int64_t offset = aws_clock_offset(doctor->aws), distance = offset < 0 ? -offset : offset;
	const char *side = offset < 0 ? "ahead of" : "behind";
	char words[32];

	clock_format_duration(distance, words, sizeof(words));
	if (distance <= 1)
		doctor_add(doctor, "clock", DOCTOR_OK, "as AWS's", NULL);
	else if (distance <= CLOCK_SECONDS)
		doctor_add(doctor, "clock", DOCTOR_OK, arena_printf(doctor->arena, "%s %s AWS's", words, side), NULL);
	else
		doctor_add(doctor, "clock", DOCTOR_PROBLEM, arena_printf(doctor->arena, "%s %s AWS's", words, side),
		           "set this machine's clock, and keep it right (NTP): AWS refuses signatures that are more "
		           "than 5 minutes off");
}

bool doctor_check_access(struct doctor *doctor)
{
	struct sts_identity identity;
	struct error err;
	bool right;

	if (aws_check_credentials(doctor->aws, &err) != 0 ||
	    sts_get_caller_identity(doctor->aws, doctor->arena, &identity, &err) != 0) {
		doctor_add(doctor, "credentials", DOCTOR_PROBLEM, arena_strdup(doctor->arena, err.message),
		           err.code == ERROR_CREDENTIALS
		               ? "have them where the AWS CLI finds them (AWS_PROFILE, aws configure, aws sso login, a "
		                 "role of this machine) until aws sts get-caller-identity answers"
		               : NULL);
		return false;
	}
	doctor->caller = identity.arn;
	doctor->findings->account = identity.account;
	doctor_add(doctor, "credentials", DOCTOR_OK, describe_credentials(doctor, identity.arn), NULL);
	right = check_account(doctor, identity.account);
	check_clock(doctor);
	return right;
}
