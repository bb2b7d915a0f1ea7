#include "daemon/commit_status.h"
#include "base/buf.h"
#include "daemon/message.h"

#define CONTEXT "trueup/%s"

/* GitLab's refusal of a state that the commit has already: it was told, and we were killed before we knew. */
#define SAID_ALREADY "Cannot transition status"

/* By enum state_word. */
static const struct {
	const char *github, *gitlab, *says;
} words[STATE_WORDS] = {
    [STATE_NEVER] = {"pending", "pending", "never"},    [STATE_IN_SYNC] = {"success", "success", "in sync"},
    [STATE_DRIFTED] = {"failure", "failed", "drifted"}, [STATE_WAITING] = {"pending", "running", "waiting"},
    [STATE_PAUSED] = {"success", "success", "paused"},  [STATE_UNKNOWN] = {"error", "failed", "unknown"},
    [STATE_FAILED] = {"error", "failed", "failed"},
};

/* "drifted: users g: one is missing" */
static json_t *make_description(const struct state_deployment *deployment)
{
	struct buf text = {0};
	json_t *description;

	buf_printf(&text, "%s%s%s", words[deployment->word].says, *deployment->reason != '\0' ? ": " : "",
	           deployment->reason);
	description = message_cut(buf_text(&text), COMMIT_STATUS_MOST);
	buf_free(&text);
	return description;
}

json_t *commit_status_github(const struct agent_github *github, const struct state_deployment *deployment)
{
	json_t *body = json_pack("{s:s, s:o, s:o}", "state", words[deployment->word].github, "context",
	                         json_sprintf(CONTEXT, deployment->name), "description", make_description(deployment));

	return json_pack("{s:s, s:o, s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:s, s:o}", "url", github->url, "path",
	                 json_sprintf("/repos/%s/statuses/%s", github->repository, deployment->revision), "headers",
	                 "Accept", "application/vnd.github+json", "X-GitHub-Api-Version", "2022-11-28", "token", "file",
	                 github->token, "header", "Authorization", "prefix", "Bearer ", "absent", "no commit found",
	                 "body", body);
}

/* A project's path is one segment here: "ops%2Ftrueup". */
static void print_project(const char *project, struct buf *path)
{
	for (; *project != '\0'; project++)
		if (*project == '/')
			buf_puts(path, "%2F");
		else
			buf_putc(path, *project);
}

json_t *commit_status_gitlab(const struct agent_gitlab *gitlab, const struct state_deployment *deployment)
{
	json_t *body = json_pack("{s:s, s:o, s:o}", "state", words[deployment->word].gitlab, "name",
	                         json_sprintf(CONTEXT, deployment->name), "description", make_description(deployment));
	struct buf path = {0};
	json_t *request;

	buf_puts(&path, "/api/v4/projects/");
	print_project(gitlab->project, &path);
	buf_printf(&path, "/statuses/%s", deployment->revision);
	request = json_pack("{s:s, s:s, s:{}, s:{s:s, s:s, s:s}, s:s, s:s, s:o}", "url", gitlab->url, "path",
	                    buf_text(&path), "headers", "token", "file", gitlab->token, "header", "PRIVATE-TOKEN",
	                    "prefix", "", "done", SAID_ALREADY, "absent", "commit not found", "body", body);
	buf_free(&path);
	return request;
}
