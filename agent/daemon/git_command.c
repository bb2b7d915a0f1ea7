#include "daemon/git_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void git_command_add(struct arena *arena, struct git_command *command, const char *word)
{
	const char **place = ARENA_PUSH(arena, command->words, command->count);

	*place = word;
	(void)ARENA_PUSH(arena, command->words, command->count); /* the NULL behind it */
	command->count--;
}

static void add_setting(struct arena *arena, struct git_command *command, const char *setting)
{
	git_command_add(arena, command, "-c");
	git_command_add(arena, command, setting);
}

const char *git_command_protocol(const char *url)
{
	static const char *const schemes[] = {"https", "http", "ssh", "file"};
	const char *end = strstr(url, "://"), *colon = strchr(url, ':'), *slash = strchr(url, '/');
	size_t i;

	for (i = 0; end != NULL && i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strlen(schemes[i]) == (size_t)(end - url) && strncmp(url, schemes[i], (size_t)(end - url)) == 0)
			return schemes[i];
	if (end != NULL || strstr(url, "::") != NULL)
		return "none"; /* "ext::", and whatever else runs programs */
	return colon != NULL && (slash == NULL || colon < slash) ? "ssh" : "file";
}

struct git_command git_command_new(struct arena *arena, const struct agent_git *git, const char *repository)
{
	static const char *const settings[] = {
	    "core.hooksPath=/dev/null",      "core.fsmonitor=false",    "core.symlinks=false",
	    "core.attributesFile=/dev/null", "fetch.fsckObjects=true",  "transfer.fsckObjects=true",
	    "fetch.recurseSubmodules=false", "submodule.recurse=false", "gc.auto=0",
	    "fetch.unpackLimit=1",           "maintenance.auto=false",  "http.lowSpeedLimit=1000",
	    "http.lowSpeedTime=30",          "protocol.allow=never",    "core.fsync=all",
	    "core.bigFileThreshold=8m",
	};
	struct git_command command = {0};
	size_t i;

	git_command_add(arena, &command, "git");
	git_command_add(arena, &command, arena_printf(arena, "--git-dir=%s", repository));
	git_command_add(arena, &command, "--literal-pathspecs");
	git_command_add(arena, &command, "--no-replace-objects");
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		add_setting(arena, &command, settings[i]);
	add_setting(arena, &command, arena_printf(arena, "protocol.%s.allow=always", git_command_protocol(git->url)));
	/* A token is for the host that was named, and for none that this one names. */
	add_setting(arena, &command,
	            git->token != NULL ? "http.followRedirects=false" : "http.followRedirects=initial");
	return command;
}

/*
 * A signature says itself of which kind it is: the kinds that were not asked for have a program that accepts none,
 * and an SSH key that nobody lists is "good" without being trusted.
 */
void git_command_add_verify(struct arena *arena, struct git_command *command, const struct agent_verify *verify)
{
	add_setting(arena, command, "gpg.x509.program=false");
	if (verify->allowed_signers != NULL) {
		add_setting(arena, command, "gpg.format=ssh");
		add_setting(arena, command, "gpg.program=false");
		add_setting(arena, command, "gpg.openpgp.program=false");
		add_setting(arena, command, "gpg.ssh.program=ssh-keygen");
		add_setting(arena, command, "gpg.minTrustLevel=fully");
		add_setting(arena, command,
		            arena_printf(arena, "gpg.ssh.allowedSignersFile=%s", verify->allowed_signers));
	} else {
		add_setting(arena, command, "gpg.format=openpgp");
		add_setting(arena, command, "gpg.ssh.program=false");
		add_setting(arena, command, "gpg.program=gpg");
		add_setting(arena, command, "gpg.openpgp.program=gpg");
		add_setting(arena, command, "gpg.minTrustLevel=marginal");
	}
}

/* git hands the command to a shell, so that the file's name may hold nothing that a shell acts on. */
static const char *format_ssh(struct arena *arena, const struct agent_git *git, struct error *err)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";

	if (git->ssh_key == NULL)
		return "GIT_SSH_COMMAND=ssh -o BatchMode=yes";
	if (git->ssh_key[strspn(git->ssh_key, plain)] == '\0')
		return arena_printf(arena, "GIT_SSH_COMMAND=ssh -i %s -o BatchMode=yes -o IdentitiesOnly=yes",
		                    git->ssh_key);
	error_set(err, ERROR_INVALID,
	          "specs.git.sshKey: only letters, digits and _ . / - may be in the name of the file");
	return NULL;
}

/* This program's file: git runs it by its name, in a process of which /proc/self is another. */
static const char *find_self(struct arena *arena)
{
	static const char deleted[] = " (deleted)"; /* replaced by another version, which answers the same */
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const size_t suffix = sizeof(deleted) - 1;

	if (length <= 0)
		return "false";
	path[length] = '\0';
	if ((size_t)length > suffix && strcmp(path + (size_t)length - suffix, deleted) == 0)
		path[(size_t)length - suffix] = '\0';
	return arena_strdup(arena, path);
}

const char *const *git_command_environment(struct arena *arena, const struct agent_git *git, const char *gnupg,
                                           struct error *err)
{
	const char **list = arena_array(arena, 12, sizeof(*list));
	const char *ssh = format_ssh(arena, git, err);
	bool token = git->token != NULL && strcmp(git_command_protocol(git->url), "https") == 0;
	size_t n = 0;

	if (ssh == NULL)
		return NULL;
	list[n++] = ssh;
	list[n++] = "LC_ALL=C";
	list[n++] = "GIT_TERMINAL_PROMPT=0";
	list[n++] = "GIT_CONFIG_NOSYSTEM=1";
	list[n++] = "GIT_NO_LAZY_FETCH=1";
	list[n++] = arena_printf(arena, "GNUPGHOME=%s", gnupg);
	list[n++] = arena_printf(arena, "GIT_ASKPASS=%s", token ? find_self(arena) : "false");
	if (token)
		list[n++] = arena_printf(arena, "TRUEUP_ASKPASS_FILE=%s", git->token);
	return list;
}

const char *git_command_refspec(struct arena *arena, const struct agent_git *git)
{
	if (git->tag != NULL)
		return arena_printf(arena, "+refs/tags/%s:" GIT_REMOTE_REF, git->tag);
	if (git->branch != NULL)
		return arena_printf(arena, "+refs/heads/%s:" GIT_REMOTE_REF, git->branch);
	return "+HEAD:" GIT_REMOTE_REF;
}
