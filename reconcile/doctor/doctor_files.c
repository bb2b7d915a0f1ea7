/* What a run needs of this machine: a place for its locks, and the files that the spec names. */
#include "base/clock.h"
#include "doctor/doctor_private.h"
#include "kinds/cluster_deploy.h"
#include "run/lock.h"
#include "spec/load.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory itself, or the nearest one above it that is there: what is missing is made by the first run. */
static const char *find_existing(struct arena *arena, const char *directory)
{
	const char *path = directory, *slash;

	while (access(path, F_OK) != 0) {
		slash = strrchr(path, '/');
		if (slash == NULL)
			return ".";
		if (slash == path)
			return "/";
		path = arena_strndup(arena, path, (size_t)(slash - path));
	}
	return path;
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void check_state(struct doctor *doctor)
{
	const char *directory = lock_find_directory(doctor->arena, NULL);
	const char *existing = find_existing(doctor->arena, directory);

	if (!is_directory(existing) || access(existing, W_OK | X_OK) != 0)
		doctor_add(doctor, "state", DOCTOR_PROBLEM,
		           arena_printf(doctor->arena, "%s is no directory that could be written to", existing),
		           "give it to whoever runs trueup, or set TRUEUP_STATE to another directory");
	else
		doctor_add(doctor, "state", DOCTOR_OK,
		           arena_printf(doctor->arena, "%s%s", directory,
		                        strcmp(existing, directory) == 0 ? "" : ", which the first apply makes"),
		           NULL);
}

static void check_baseline(struct doctor *doctor)
{
	const struct desired_counts *counts = &doctor->desired->vectors.counts;
	struct desired_baseline baseline;
	char when[CLOCK_RFC3339_SIZE];
	struct error err;

	if (!doctor->desired->vectors.present || !counts->present || counts->from != DESIRED_COUNTS_BASELINE)
		return;
	if (spec_load_baseline(doctor->arena, doctor->desired, &baseline, &err) != 0) {
		doctor_add(doctor, "baseline", DOCTOR_PROBLEM, arena_strdup(doctor->arena, err.message),
		           err.code == ERROR_NOT_FOUND ? NULL : "take the last good one from git, or capture it anew");
		return;
	}
	clock_format_rfc3339(baseline.captured_at, when);
	doctor_add(doctor, "baseline", DOCTOR_OK,
	           arena_printf(doctor->arena, "%s: %zu bots, captured %s", counts->file, baseline.bot_count, when),
	           NULL);
}

/* The command that replaces the cluster, and whose credentials it will have. */
static void check_deploy(struct doctor *doctor)
{
	const struct desired *desired = doctor->desired;
	const struct desired_deploy *deploy = &desired->cluster.deploy;
	const struct kind_context context = doctor_context(doctor, desired, NULL);
	const char *text;

	if (!desired->cluster.present || desired->cluster.replace != DESIRED_REPLACE_DEPLOY)
		return;
	text = cluster_find_deploy_problem(&context);
	if (text != NULL) {
		doctor_add(doctor, "deploy", DOCTOR_PROBLEM, text,
		           "install it here, correct the spec, or run trueup where the application is deployed from");
		return;
	}
	text = arena_printf(doctor->arena, "%s is there to be run in %s", deploy->command.items[0],
	                    deploy->directory != NULL ? deploy->directory : "the spec's directory");
	if (desired->aws.assume_role.present)
		text = arena_printf(doctor->arena,
		                    "%s, with the credentials of trueup's environment, not those of the role %s", text,
		                    desired->aws.assume_role.arn);
	doctor_add(doctor, "deploy", DOCTOR_OK, text, NULL);
}

static void check_revision(struct doctor *doctor)
{
	const char *commit = doctor->question->commit;

	doctor_add(doctor, "revision", DOCTOR_OK,
	           commit != NULL ? arena_printf(doctor->arena, "%s is of commit %.12s", doctor->desired->file, commit)
	                          : arena_printf(doctor->arena, "%s is not in git, and reports name no commit",
	                                         doctor->desired->file),
	           NULL);
}

void doctor_check_files(struct doctor *doctor)
{
	check_state(doctor);
	check_baseline(doctor);
	check_deploy(doctor);
	check_revision(doctor);
}
