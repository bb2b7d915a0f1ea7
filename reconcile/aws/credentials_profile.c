/*
 * What profiles say: their own keys, a role with a source, a program to ask.
 */
#include "aws/answer.h"
#include "aws/credentials_sources.h"
#include "base/buf.h"
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS_ARGUMENTS 64
#define PROCESS_OUTPUT_LIMIT ((size_t)64 * 1024)
#define PROCESS_TIMEOUT_MS 60000
#define PROFILE_DEPTH 16

int credentials_from_keys(const struct search *search, enum config_section section, struct credentials *out,
                          struct error *err)
{
	const char *access_key = config_find(search->config, section, search->profile, "aws_access_key_id");
	const char *secret_key = config_find(search->config, section, search->profile, "aws_secret_access_key");

	if (access_key == NULL)
		return 0;
	if (secret_key == NULL)
		return error_set(err, ERROR_CREDENTIALS,
		                 "profile %s has aws_access_key_id, but no aws_secret_access_key", search->profile);
	credentials_set(out, access_key, secret_key,
	                config_find(search->config, section, search->profile, "aws_session_token"));
	snprintf(out->source, sizeof(out->source), "profile %.140s", search->profile);
	return 0;
}

/* The profiles on the way from the first to the one that has keys. */
struct path {
	const char *names[PROFILE_DEPTH];
	size_t count;
};

static const char *find_key(const struct search *search, const char *key)
{
	return config_find(search->config, CONFIG_PROFILE, search->profile, key);
}

static int find_named_source(const struct search *search, const char *source, struct credentials *out,
                             struct error *err)
{
	if (strcmp(source, "Environment") == 0) {
		if (credentials_from_environment(search, out, err) != 0)
			return -1;
	} else if (strcmp(source, "Ec2InstanceMetadata") == 0) {
		if (credentials_from_instance(search, out, err) != 0)
			return -1;
	} else if (strcmp(source, "EcsContainer") == 0) {
		if (credentials_from_container(search, out, err) != 0)
			return -1;
	} else {
		return error_set(
		    err, ERROR_CREDENTIALS,
		    "profile %s: credential_source %s is not Environment, Ec2InstanceMetadata or EcsContainer",
		    search->profile, source);
	}
	if (out->secret_key == NULL)
		return error_set(err, ERROR_CREDENTIALS, "profile %s: credential_source %s has no credentials",
		                 search->profile, source);
	return 0;
}

static int walk_role(const struct search *search, struct path *path, struct credentials *out, struct error *err);

static bool was_visited(const struct path *path, const char *name)
{
	for (size_t i = 0; i < path->count; i++)
		if (strcmp(path->names[i], name) == 0)
			return true;
	return false;
}

/* A source profile's credentials: its own keys, its own role, or else whatever it names. */
static int find_in_profile(const struct search *search, struct path *path, struct credentials *out, struct error *err)
{
	bool loops = was_visited(path, search->profile);
	bool has_keys = find_key(search, "aws_access_key_id") != NULL;

	if (!config_has(search->config, CONFIG_PROFILE, search->profile))
		return error_set(err, ERROR_CREDENTIALS, "there is no AWS profile %s", search->profile);
	/* A profile may be its own source for its own keys, but for nothing else. */
	if (loops && !(has_keys && strcmp(path->names[path->count - 1], search->profile) == 0))
		return error_set(err, ERROR_CREDENTIALS, "the source_profile of %s leads back to itself",
		                 search->profile);
	if (has_keys && (loops || find_key(search, "role_arn") == NULL))
		return credentials_from_keys(search, CONFIG_PROFILE, out, err);
	if (walk_role(search, path, out, err) != 0)
		return -1;
	if (out->secret_key == NULL && credentials_from_web_identity(search, out, err) != 0)
		return -1;
	if (out->secret_key == NULL && credentials_from_sso(search, out, err) != 0)
		return -1;
	if (out->secret_key == NULL && credentials_from_process(search, out, err) != 0)
		return -1;
	if (out->secret_key == NULL)
		return error_set(err, ERROR_CREDENTIALS, "profile %s has no credentials", search->profile);
	return 0;
}

static int find_base(const struct search *search, struct path *path, struct credentials *base, struct error *err)
{
	const char *source_profile = find_key(search, "source_profile");
	const char *source = find_key(search, "credential_source");
	struct search other = *search;

	if ((source_profile == NULL) == (source == NULL))
		return error_set(err, ERROR_CREDENTIALS,
		                 "profile %s: role_arn needs source_profile or credential_source, and not both",
		                 search->profile);
	if (source != NULL)
		return find_named_source(search, source, base, err);
	if (path->count == PROFILE_DEPTH)
		return error_set(err, ERROR_CREDENTIALS, "profile %s: too many profiles one behind the other",
		                 search->profile);
	path->names[path->count++] = search->profile;
	other.profile = source_profile;
	return find_in_profile(&other, path, base, err);
}

static int walk_role(const struct search *search, struct path *path, struct credentials *out, struct error *err)
{
	const char *session_name = find_key(search, "role_session_name");
	const char *duration = find_key(search, "duration_seconds");
	struct role role = {
	    .arn = find_key(search, "role_arn"),
	    .session_name = session_name != NULL ? session_name : "trueup",
	    .external_id = find_key(search, "external_id"),
	    .duration = duration != NULL ? strtol(duration, NULL, 10) : 0,
	};
	struct credentials base = {0};
	int rc;

	/* With a token file it is a web identity's role, which is another source. */
	if (role.arn == NULL || find_key(search, "web_identity_token_file") != NULL)
		return 0;
	if (find_key(search, "mfa_serial") != NULL)
		return error_set(err, ERROR_CREDENTIALS,
		                 "profile %s asks for a one-time password (mfa_serial): a program "
		                 "that runs by itself has none",
		                 search->profile);
	if (find_base(search, path, &base, err) != 0)
		return -1;
	rc = credentials_assume_role(search, &role, &base, out, err);
	if (rc == 0)
		snprintf(out->source, sizeof(out->source), "profile %.50s, role %.90s", search->profile, role.arn);
	credentials_clear(&base);
	return rc;
}

int credentials_from_profile_role(const struct search *search, struct credentials *out, struct error *err)
{
	struct path path = {.count = 0};

	return walk_role(search, &path, out, err);
}

/* Words as a shell would split them: quotes and backslashes, nothing else. No shell is asked. */
static size_t split_command(struct arena *arena, const char *command, char *words[PROCESS_ARGUMENTS])
{
	char *out = arena_alloc(arena, strlen(command) * 2 + 2);
	size_t count = 0;

	for (;;) {
		char quote = '\0';

		command += strspn(command, " \t");
		if (*command == '\0' || count == PROCESS_ARGUMENTS - 1)
			break;
		words[count++] = out;
		for (; *command != '\0' && (quote != '\0' || (*command != ' ' && *command != '\t')); command++) {
			if (quote == '\0' && (*command == '"' || *command == '\''))
				quote = *command;
			else if (quote != '\0' && *command == quote)
				quote = '\0';
			else if (*command == '\\' && quote != '\'' && command[1] != '\0')
				*out++ = *++command;
			else
				*out++ = *command;
		}
		*out++ = '\0';
	}
	words[count] = NULL;
	return count;
}

/* Its standard error goes nowhere, as programs print tokens there. */
static int run_process(char *const words[], struct buf *output, struct error *err)
{
	struct process_options options = {
	    .argv = (const char *const *)words, .timeout_ms = PROCESS_TIMEOUT_MS, .terminal = true};
	struct process_outcome outcome;
	struct process *process;
	char chunk[4096], how[128];
	ssize_t got;

	if (process_start(&options, &process, err) != 0) {
		err->code = ERROR_CREDENTIALS;
		return -1;
	}
	while (!output->overflow && (got = process_read(process, chunk, sizeof(chunk))) > 0)
		buf_append(output, chunk, (size_t)got);
	explicit_bzero(chunk, sizeof(chunk));
	outcome = process_finish(process);
	if (output->overflow || outcome.ending == PROCESS_TIMED_OUT)
		return error_set(err, ERROR_CREDENTIALS, "%s said too much, or took longer than %d s", words[0],
		                 PROCESS_TIMEOUT_MS / 1000);
	if (outcome.ending != PROCESS_EXITED || outcome.code != 0) {
		process_describe(&outcome, how, sizeof(how));
		return error_set(err, ERROR_CREDENTIALS, "%s %s", words[0], how);
	}
	return 0;
}

int credentials_from_process(const struct search *search, struct credentials *out, struct error *err)
{
	const char *command = find_key(search, "credential_process");
	struct buf output = {.limit = PROCESS_OUTPUT_LIMIT};
	char *words[PROCESS_ARGUMENTS];
	json_t *json;
	int rc;

	if (command == NULL)
		return 0;
	if (split_command(search->arena, command, words) == 0)
		return error_set(err, ERROR_CREDENTIALS, "profile %s: credential_process is empty", search->profile);
	rc = run_process(words, &output, err);
	if (rc == 0) {
		json = json_loadb(buf_text(&output), output.length, 0, NULL);
		if (json_integer_value(json_object_get(json, "Version")) == 1) {
			rc = credentials_read_json(json, "SessionToken", out, err);
		} else {
			rc = error_set(err, ERROR_CREDENTIALS, "%s did not answer with JSON of Version 1", words[0]);
			answer_wipe_json(json);
		}
	}
	buf_free(&output);
	if (rc != 0)
		return error_context(err, "profile %s: credential_process", search->profile);
	snprintf(out->source, sizeof(out->source), "profile %.60s, program %.60s", search->profile, words[0]);
	return 0;
}
