#include "daemon/config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "daemon/config_table.h"
#include "daemon/git_command.h"
#include "spec/place.h"
#include "spec/read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TREE_NODES_MAX 20000
#define TREE_DEPTH_MAX 16
#define EVERY_DEFAULT 900

struct check {
	struct reader *reader;
	const struct tree_node *root;
	size_t before; /* issues that are not of this file */
};

/* Files that the configuration names. */
static const struct {
	size_t offset;
	const char *path;
	bool secret;
} files[] = {
    {offsetof(struct agent_config, specs.path), "specs.path", false},
    {offsetof(struct agent_config, specs.git.verify.allowed_signers), "specs.git.verify.allowedSigners", false},
    {offsetof(struct agent_config, specs.git.verify.keyring), "specs.git.verify.keyring", false},
    {offsetof(struct agent_config, specs.git.ssh_key), "specs.git.sshKey", true},
    {offsetof(struct agent_config, specs.git.token), "specs.git.token", true},
    {offsetof(struct agent_config, listen.tls.certificate), "listen.tls.certificate", false},
    {offsetof(struct agent_config, listen.tls.key), "listen.tls.key", true},
    {offsetof(struct agent_config, listen.token), "listen.token", true},
    {offsetof(struct agent_config, listen.basic), "listen.basic", true},
    {offsetof(struct agent_config, webhook.secret), "webhook.secret", true},
    {offsetof(struct agent_config, status.github.token), "status.github.token", true},
    {offsetof(struct agent_config, status.gitlab.token), "status.gitlab.token", true},
};
#define FILES (sizeof(files) / sizeof(files[0]))

/* Whether something was found there, or below it. */
static bool is_wrong(const struct check *check, const char *path)
{
	const struct spec_issues *issues = check->reader->issues;
	size_t length = strlen(path), i;

	for (i = check->before; i < issues->count; i++)
		if (strncmp(issues->items[i].path, path, length) == 0 &&
		    (issues->items[i].path[length] == '\0' || issues->items[i].path[length] == '.'))
			return true;
	return false;
}

static void complain(const struct check *check, const char *path, const char *message)
{
	struct spec_issue at = read_place(check->reader, tree_nearest(check->root, path), path);

	spec_issue_add(check->reader->arena, check->reader->issues, at, "%s", message);
}

/* Something is missing there: but if what is there is wrong, for that reason. */
static void miss(const struct check *check, const char *path, const char *message)
{
	if (!is_wrong(check, path))
		complain(check, path, message);
}

/* Relative paths are relative to the file, so that it works from wherever the agent is started. */
static void settle_path(const struct check *check, const char **path)
{
	if (*path != NULL && **path != '/')
		*path = arena_printf(check->reader->arena, "%s/%s", check->reader->directory, *path);
}

static void settle_target(const struct check *check, struct agent_target *target)
{
	settle_path(check, &target->url_file);
}

static void settle_paths(const struct check *check, struct agent_config *config)
{
	size_t i;

	for (i = 0; i < FILES; i++)
		settle_path(check, (const char **)((char *)config + files[i].offset));
	settle_path(check, &config->state);
	for (i = 0; i < config->notify_count; i++) {
		settle_target(check, &config->notify[i].webhook);
		settle_target(check, &config->notify[i].slack);
	}
}

static void check_schedule(const struct check *check, struct agent_schedule *schedule, const char *path)
{
	struct arena *arena = check->reader->arena;
	struct error err;

	if (!schedule->present)
		return;
	if ((schedule->cron != NULL) == (schedule->every != 0))
		miss(check, path, "needs just one of cron and every");
	if (schedule->cron != NULL && cron_parse(schedule->cron, &schedule->parsed, &err) != 0)
		complain(check, arena_printf(arena, "%s.cron", path), err.message);
	if (schedule->time_zone != NULL && cron_check_zone(schedule->time_zone, &err) != 0)
		complain(check, arena_printf(arena, "%s.timeZone", path), err.message);
}

static void check_deployments(const struct check *check, struct agent_config *config)
{
	size_t i;

	for (i = 0; i < config->deployment_count; i++) {
		struct agent_deployment *deployment = &config->deployments[i];
		const char *path = read_path(check->reader, "deployments", deployment->name);
		const struct tree_node *node = tree_get(tree_get(check->root, "deployments"), deployment->name);

		check_schedule(check, &deployment->schedule, read_path(check->reader, path, "schedule"));
		if (tree_get(node, "mode") == NULL)
			deployment->mode = config->mode;
		if (tree_get(node, "timeout") == NULL)
			deployment->timeout = config->timeout;
	}
}

/* 127.0.0.0/8 and ::1, which is in brackets. */
static bool is_loopback(const char *host, size_t length)
{
	char text[INET6_ADDRSTRLEN + 2] = "";
	struct in6_addr six;
	struct in_addr four;

	if (length < 2 || length >= sizeof(text))
		return false;
	if (*host == '[') {
		memcpy(text, host + 1, length - 2);
		return inet_pton(AF_INET6, text, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	}
	memcpy(text, host, length);
	return inet_pton(AF_INET, text, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

static void check_listen(const struct check *check, const struct agent_config *config)
{
	const struct agent_listen *listen = &config->listen;
	bool git = config->specs.git.present || is_wrong(check, "specs");

	if (listen->present && listen->address != NULL &&
	    !is_loopback(listen->address, (size_t)(strrchr(listen->address, ':') - listen->address)) &&
	    (!listen->tls.present || (listen->token == NULL && listen->basic == NULL)))
		miss(check, "listen",
		     "needs tls, and token or basic, to listen elsewhere than on loopback: the page shows what is "
		     "in production");
	if (config->webhook.present && !listen->present && !is_wrong(check, "listen"))
		complain(check, "webhook", "needs listen: webhooks come in there");
	if (config->webhook.present && !git)
		complain(check, "webhook", "needs specs.git: there is nothing to fetch from a directory");
	if (config->status.present && !git)
		complain(check, "status", "needs specs.git: statuses are of commits");
}

bool agent_config_keeps_secret(const char *url)
{
	static const char secure[] = "https://", plain[] = "http://";
	const char *host = url + strlen(plain);
	size_t length;

	if (strncmp(url, secure, strlen(secure)) == 0)
		return true;
	if (strncmp(url, plain, strlen(plain)) != 0)
		return false;
	length = strcspn(host, "/");
	if (memchr(host, '@', length) != NULL) /* "http://127.0.0.1:80@elsewhere" */
		return false;
	return is_loopback(host, *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/"));
}

static void check_url(const struct check *check, const char *path, const char *url, const char *message)
{
	if (url != NULL && !agent_config_keeps_secret(url)) /* NULL: none, or it was wrong itself */
		complain(check, path, message);
}

/* "ssh://user:password@host/…", and "https://anything@host/…": it may be a token, and is that of several forges. */
static bool holds_password(const char *url)
{
	const char *host = strstr(url, "://"), *at;

	if (host == NULL)
		return false;
	host += 3;
	at = memchr(host, '@', strcspn(host, "/"));
	return at != NULL && (strncmp(url, "http", 4) == 0 || memchr(host, ':', (size_t)(at - host)) != NULL);
}

static void check_git(const struct check *check, const struct agent_git *git)
{
	if (!git->present)
		return;
	if (git->branch != NULL && git->tag != NULL)
		complain(check, "specs.git", "needs just one of branch and tag");
	if (git->directory != NULL && (strstr(git->directory, "..") != NULL))
		complain(check, "specs.git.directory", "must stay within the repository");
	if (git->url == NULL)
		return; /* it was wrong itself */
	if (git->token != NULL && strcmp(git_command_protocol(git->url), "https") != 0)
		complain(check, "specs.git.token", "is for a url that begins with https://, and for no other");
	if (git->ssh_key != NULL && strcmp(git_command_protocol(git->url), "ssh") != 0)
		complain(check, "specs.git.sshKey", "is for a url over SSH, and for no other");
	if (holds_password(git->url))
		complain(check, "specs.git.url",
		         "must hold no password, and over https no user, who may be a token: put it into a file, and "
		         "name that as token");
}

static void check_target_url(const struct check *check, const char *name, const char *way, const char *url)
{
	const char *path = arena_printf(check->reader->arena, "notify.%s.%s.url", name, way);

	check_url(check, path, url,
	          "must begin with https://, or http:// and a loopback address: whoever reads it can send there");
}

static void check_notify(const struct check *check, const struct agent_config *config)
{
	size_t i;

	for (i = 0; i < config->notify_count; i++) {
		const struct agent_notify *notify = &config->notify[i];
		int ways = notify->webhook.present + notify->slack.present + (notify->command.count > 0);

		if (ways != 1)
			miss(check, read_path(check->reader, "notify", notify->name),
			     "needs just one of webhook, slack and command");
		check_target_url(check, notify->name, "webhook", notify->webhook.url);
		check_target_url(check, notify->name, "slack", notify->slack.url);
	}
}

static void read_document(struct reader *reader, const struct tree_node *root, struct agent_config *config)
{
	struct check check = {reader, root, reader->issues->count};

	if (root->type != TREE_MAP) {
		read_wrong_type(reader, root, "", "a mapping with apiVersion, kind and specs");
		return;
	}
	read_section(reader, config_document, root, config, "");
	settle_paths(&check, config);
	check_schedule(&check, &config->schedule, "schedule");
	check_deployments(&check, config);
	check_listen(&check, config);
	check_git(&check, &config->specs.git);
	check_notify(&check, config);
	check_url(&check, "status.github.url", config->status.github.url,
	          "must begin with https://: the token goes there");
	check_url(&check, "status.gitlab.url", config->status.gitlab.url,
	          "must begin with https://: the token goes there");
	if (!config->schedule.present)
		config->schedule = (struct agent_schedule){.present = true, .every = EVERY_DEFAULT};
}

static void complain_of_file(struct reader *reader, size_t line, size_t column, const char *message)
{
	struct spec_issue at = {.file = reader->file, .line = line, .column = column, .path = ""};

	spec_issue_add(reader->arena, reader->issues, at, "%s", message);
}

int agent_config_parse(struct arena *arena, const char *file, const char *text, size_t length,
                       struct agent_config *config, struct spec_issues *issues)
{
	static const struct tree_limits limits = {.nodes = TREE_NODES_MAX, .depth = TREE_DEPTH_MAX};
	struct shapes shapes = {0};
	struct reader reader = {.arena = arena,
	                        .document = config_document,
	                        .file = file,
	                        .directory = place_directory(arena, file),
	                        .issues = issues,
	                        .shapes = &shapes};
	struct tree_documents documents = {0};
	struct tree_problem problem;
	size_t before = issues->count;

	*config = (struct agent_config){.present = true, .file = file};
	if (tree_parse(arena, text, length, &limits, &documents, &problem) != 0)
		complain_of_file(&reader, problem.line, problem.column, problem.message);
	else if (documents.count != 1)
		complain_of_file(&reader, 0, 0,
		                 documents.count == 0 ? "is empty; `trueup explain agent` says what it may hold"
		                                      : "has several documents; there is one agent to a file");
	else
		read_document(&reader, documents.items[0].root, config);
	shape_free(&shapes);
	spec_issues_sort(issues);
	return issues->count == before ? 0 : -1;
}

int agent_config_load(struct arena *arena, const char *file, struct agent_config *config, struct spec_issues *issues)
{
	struct error err;
	size_t length;
	char *text;

	if (file_read(arena, file, AGENT_CONFIG_MAX, &text, &length, &err) == 0)
		return agent_config_parse(arena, file, text, length, config, issues);
	spec_issue_add(arena, issues, (struct spec_issue){.file = file, .path = ""}, "%s",
	               access(file, R_OK) != 0 ? strerror(errno) : err.message);
	return -1;
}

static void check_file(struct arena *arena, const struct agent_config *config, const char *path, const char *file,
                       struct spec_issues *issues)
{
	const struct spec_issue at = {.file = config->file, .path = path};

	if (file != NULL && access(file, R_OK) != 0)
		spec_issue_add(arena, issues, at, "cannot read %s: %s", file, strerror(errno));
}

static void check_target(struct arena *arena, const struct agent_config *config, const struct agent_notify *target,
                         struct spec_issues *issues)
{
	const char *path = arena_printf(arena, "notify.%s.", target->name);
	const struct spec_issue at = {.file = config->file, .path = arena_printf(arena, "%scommand", path)};

	check_file(arena, config, arena_printf(arena, "%swebhook.urlFile", path), target->webhook.url_file, issues);
	check_file(arena, config, arena_printf(arena, "%sslack.urlFile", path), target->slack.url_file, issues);
	if (target->command.count > 0 && !process_exists(target->command.items[0], NULL))
		spec_issue_add(arena, issues, at, "there is no program %s", target->command.items[0]);
}

int agent_config_check_files(struct arena *arena, const struct agent_config *config, struct spec_issues *issues)
{
	size_t before = issues->count, i;

	for (i = 0; i < FILES; i++)
		check_file(arena, config, files[i].path, *(const char *const *)((const char *)config + files[i].offset),
		           issues);
	for (i = 0; i < config->notify_count; i++)
		check_target(arena, config, &config->notify[i], issues);
	return issues->count == before ? 0 : -1;
}

/* A mount that is read-only, as Kubernetes makes them of secrets, is its owner's business. */
static void warn_of_secret(const char *file, const char *path)
{
	struct statvfs mount;
	struct stat seen;

	if (file != NULL && stat(file, &seen) == 0 && (seen.st_mode & S_IROTH) != 0 && statvfs(file, &mount) == 0 &&
	    (mount.f_flag & ST_RDONLY) == 0)
		log_warn("%s: everybody on this machine can read %s: chmod o-r %s", path, file, file);
}

void agent_config_warn(const struct agent_config *config)
{
	size_t i;

	for (i = 0; i < FILES; i++)
		if (files[i].secret)
			warn_of_secret(*(const char *const *)((const char *)config + files[i].offset), files[i].path);
	for (i = 0; i < config->notify_count; i++) {
		warn_of_secret(config->notify[i].webhook.url_file, "notify: urlFile");
		warn_of_secret(config->notify[i].slack.url_file, "notify: urlFile");
	}
}

int agent_config_explain(const char *path, struct buf *out, struct error *err)
{
	return field_explain_table(
	    config_document, "The configuration of trueup agent, by default " AGENT_CONFIG_DEFAULT ".", path, out, err);
}

const struct agent_deployment *agent_config_find(const struct agent_config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->deployment_count; i++)
		if (strcmp(config->deployments[i].name, name) == 0)
			return &config->deployments[i];
	return NULL;
}

time_t agent_schedule_next(const struct agent_schedule *schedule, time_t after)
{
	if (schedule->cron != NULL)
		return cron_next(&schedule->parsed, schedule->time_zone, after);
	return after + schedule->every;
}
