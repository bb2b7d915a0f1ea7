/*
 * webhook.h - what a push event of GitHub, GitLab or Gitea (Forgejo) asks for.
 *
 * A pure function of headers, body, secret and what is watched. The body is
 * read only once signature or token are right. To replay a request does no
 * harm: all that one can cause is a look at the repository.
 */
#ifndef TRUEUP_AGENT_DAEMON_WEBHOOK_H
#define TRUEUP_AGENT_DAEMON_WEBHOOK_H

#include "base/secret.h"
#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>

#define WEBHOOK_BODY_MAX ((size_t)1024 * 1024) /* bytes: more is answered 413, best before it is read */

struct webhook_request {
	/* The value of a header, whatever the case of its name, or NULL. */
	const char *(*header)(const void *context, const char *name);
	const void *context;
	const void *body;
	size_t length;
};

struct webhook_answer {
	bool fetch;       /* source_fetch() is to be called */
	int status;       /* of HTTP: 202 fetch, 200 nothing to do, 400, 401, 413, 415 */
	const char *text; /* one line for the sender, static; says nothing of the secret */
};

/*
 * GitHub signs with X-Hub-Signature-256, Gitea with X-Gitea-Signature (HMAC-SHA256
 * of the body), GitLab sends the secret as X-Gitlab-Token; all are compared in
 * constant time. A push to the watched branch or tag (where neither is
 * configured, to the repository's default branch) asks for a fetch; another
 * push, another event and a ping are answered 200.
 */
struct webhook_answer webhook_read(const struct webhook_request *request, const struct secret *secret,
                                   const struct agent_git *git);

#endif
