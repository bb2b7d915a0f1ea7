/* The rows, leaves first, as in reconcile/spec/field_table.c. */
#include "daemon/config_table.h"
#include "daemon/config.h"

#define INTO(type_, member_) .offset = offsetof(struct type_, member_)
#define INTO_LIST(type_, items_, count_)                                                                               \
	.offset = offsetof(struct type_, items_), .count_offset = offsetof(struct type_, count_)
#define END                                                                                                            \
	{                                                                                                              \
		.key = NULL                                                                                            \
	}
#define WORDS_END                                                                                                      \
	{                                                                                                              \
		.word = NULL                                                                                           \
	}
#define PATH_MOST 4096
#define URL_PATTERN "^https?://[^ ]+$"
#define URL_SHAPE "a URL that begins with https:// or http://"

static const struct field_word api_versions[] = {
    {"trueup/v1", "The version of this format."},
    WORDS_END,
};

static const struct field_word kinds[] = {
    {"Agent", "The configuration of trueup agent."},
    WORDS_END,
};

static const struct field_word modes[] = {
    {"apply", "Drift is put right, as far as each spec allows it."},
    {"observe", "Drift is reported, and nothing is changed, whatever the specs allow."},
    WORDS_END,
};

static const struct field schedule_fields[] = {
    {"cron", FIELD_TYPE_STRING, INTO(agent_schedule, cron), .most = 255, .example = "\"*/15 * * * *\"",
     .text = "A cron expression: minute, hour, day of month, month, day of week, with lists, ranges, steps and names, "
             "or @hourly, @daily, @weekly, @monthly, @yearly. `trueup agent --next 5` prints the next runs."},
    {"timeZone", FIELD_TYPE_STRING, INTO(agent_schedule, time_zone), .most = 64, .fallback = "UTC",
     .example = "Europe/Paris",
     .text = "The time zone of `cron`. What falls into an hour that is left out in spring runs right behind it; in an "
             "hour that comes twice in autumn the first one counts."},
    {"every", FIELD_TYPE_DURATION, INTO(agent_schedule, every), .least = 10, .most = 2678400, .example = "15m",
     .text = "In place of `cron`: the time from one run's start to the next."},
    END,
};

static const struct field verify_fields[] = {
    {"allowedSigners", FIELD_TYPE_STRING, INTO(agent_verify, allowed_signers), .most = PATH_MOST,
     .example = "/etc/trueup/allowed_signers",
     .text = "A file of SSH keys whose signatures count, in the form of ssh-keygen's ALLOWED SIGNERS."},
    {"keyring", FIELD_TYPE_STRING, INTO(agent_verify, keyring), .most = PATH_MOST, .example = "/etc/trueup/keyring.gpg",
     .text = "A file of OpenPGP public keys whose signatures count."},
    END,
};

static const struct field git_fields[] = {
    {"url", FIELD_TYPE_STRING, .required = true, INTO(agent_git, url), .most = 2048, .pattern = "^[^ -][^ ]*$",
     .shape = "the URL of a repository, as git takes it", .example = "https://git.example.com/ops/trueup.git",
     .text = "The repository. Its hooks and submodules are ignored, and a revision is checked out read-only."},
    {"branch", FIELD_TYPE_STRING, INTO(agent_git, branch), .most = 255, .pattern = "^[A-Za-z0-9_][A-Za-z0-9_./-]*$",
     .shape = "the name of a branch", .fallback_text = "the repository's own default", .example = "main",
     .text = "The branch that is in force."},
    {"tag", FIELD_TYPE_STRING, INTO(agent_git, tag), .most = 255, .pattern = "^[A-Za-z0-9_][A-Za-z0-9_./-]*$",
     .shape = "the name of a tag", .example = "production", .text = "In place of `branch`: the tag that is in force."},
    {"directory", FIELD_TYPE_STRING, INTO(agent_git, directory), .most = 1024,
     .pattern = "^[A-Za-z0-9_.][A-Za-z0-9_./-]*$", .shape = "a directory within the repository", .fallback = "specs",
     .example = "specs", .text = "Where the specs are in the repository."},
    {"interval", FIELD_TYPE_DURATION, INTO(agent_git, interval), .least = 10, .most = 86400, .fallback = "5m",
     .example = "5m", .text = "How often to fetch. A webhook fetches at once."},
    {"verify", FIELD_TYPE_SECTION, .one_key = true, INTO(agent_git, verify), .fields = verify_fields,
     .fallback_text = "signatures are not looked at", .example = "{allowedSigners: /etc/trueup/allowed_signers}",
     .text =
         "Whose signature the commit must have. A commit without one is refused, and so is one that does not follow "
         "from the one in force: the last good one stays in force. It is verified again at each start and look."},
    {"sshKey", FIELD_TYPE_STRING, INTO(agent_git, ssh_key), .most = PATH_MOST, .fallback_text = "as ssh finds it",
     .example = "/etc/trueup/id_ed25519", .text = "The file of a private key for a repository over SSH."},
    {"token", FIELD_TYPE_STRING, INTO(agent_git, token), .most = PATH_MOST, .fallback_text = "as git finds it",
     .example = "/etc/trueup/git-token",
     .text = "A file with the token or password for a repository over HTTPS; `user:password`, or the token alone."},
    END,
};

static const struct field specs_fields[] = {
    {"path", FIELD_TYPE_STRING, INTO(agent_specs, path), .most = PATH_MOST, .example = "/etc/trueup/specs",
     .text = "A directory of specs, or one file. It is read at each run."},
    {"git", FIELD_TYPE_SECTION, INTO(agent_specs, git), .fields = git_fields,
     .example = "{url: \"https://git.example.com/ops/trueup.git\", branch: main}",
     .text = "A git repository of specs."},
    END,
};

static const struct field deployment_fields[] = {
    {"schedule", FIELD_TYPE_SECTION, INTO(agent_deployment, schedule), .fields = schedule_fields,
     .fallback_text = "the agent's", .example = "{every: 1h}", .text = "When this deployment is reconciled."},
    {"mode", FIELD_TYPE_WORD, INTO(agent_deployment, mode), .words = modes, .fallback_text = "the agent's",
     .example = "observe", .text = "What a run of this deployment may do."},
    {"timeout", FIELD_TYPE_DURATION, INTO(agent_deployment, timeout), .least = 60, .most = 604800,
     .fallback_text = "the agent's", .example = "12h", .text = "How long one reconciliation may take."},
    END,
};

static const struct field tls_fields[] = {
    {"certificate", FIELD_TYPE_STRING, .required = true, INTO(agent_tls, certificate), .most = PATH_MOST,
     .example = "/etc/trueup/tls.crt", .text = "The certificate and its chain, PEM."},
    {"key", FIELD_TYPE_STRING, .required = true, INTO(agent_tls, key), .most = PATH_MOST,
     .example = "/etc/trueup/tls.key", .text = "The certificate's private key, PEM."},
    END,
};

static const struct field listen_fields[] = {
    {"address", FIELD_TYPE_STRING, INTO(agent_listen, address), .most = 80,
     .pattern = "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$", .shape = "an address and a port, such as 127.0.0.1:9464",
     .fallback = "127.0.0.1:9464", .example = "127.0.0.1:9464",
     .text = "Where the status page, the API, /metrics and webhooks are served. Elsewhere than on loopback it takes "
             "`tls`, and `token` or `basic`."},
    {"tls", FIELD_TYPE_SECTION, INTO(agent_listen, tls), .fields = tls_fields,
     .example = "{certificate: /etc/trueup/tls.crt, key: /etc/trueup/tls.key}", .text = "Serve over TLS."},
    {"token", FIELD_TYPE_STRING, INTO(agent_listen, token), .most = PATH_MOST, .example = "/etc/trueup/http-token",
     .text = "A file with the bearer token that readers must have. To reconcile by the API takes one in any case."},
    {"basic", FIELD_TYPE_STRING, INTO(agent_listen, basic), .most = PATH_MOST, .example = "/etc/trueup/http-users",
     .text = "A file with `user:password` a line, for people's browsers."},
    END,
};

static const struct field webhook_fields[] = {
    {"secret", FIELD_TYPE_STRING, .required = true, INTO(agent_webhook, secret), .most = PATH_MOST,
     .example = "/etc/trueup/webhook-secret",
     .text = "A file with the secret that GitHub and Gitea sign with, and that GitLab sends."},
    END,
};

static const struct field github_fields[] = {
    {"url", FIELD_TYPE_STRING, INTO(agent_github, url), .most = 2048, .pattern = URL_PATTERN, .shape = URL_SHAPE,
     .fallback = "https://api.github.com", .example = "https://api.github.com", .text = "The API's address."},
    {"repository", FIELD_TYPE_STRING, .required = true, INTO(agent_github, repository), .most = 200,
     .pattern = "^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", .shape = "owner/name", .example = "example/operations",
     .text = "The repository whose commits get statuses."},
    {"token", FIELD_TYPE_STRING, .required = true, INTO(agent_github, token), .most = PATH_MOST,
     .example = "/etc/trueup/github-token", .text = "A file with a token that may write commit statuses."},
    END,
};

static const struct field gitlab_fields[] = {
    {"url", FIELD_TYPE_STRING, INTO(agent_gitlab, url), .most = 2048, .pattern = URL_PATTERN, .shape = URL_SHAPE,
     .fallback = "https://gitlab.com", .example = "https://gitlab.example.com", .text = "The server's address."},
    {"project", FIELD_TYPE_STRING, .required = true, INTO(agent_gitlab, project), .most = 255,
     .pattern = "^[A-Za-z0-9_./-]+$", .shape = "a project's id, or its path", .example = "ops/trueup",
     .text = "The project whose commits get statuses."},
    {"token", FIELD_TYPE_STRING, .required = true, INTO(agent_gitlab, token), .most = PATH_MOST,
     .example = "/etc/trueup/gitlab-token", .text = "A file with a token of the scope api."},
    END,
};

static const struct field status_fields[] = {
    {"github", FIELD_TYPE_SECTION, INTO(agent_status, github), .fields = github_fields,
     .example = "{repository: example/operations, token: /etc/trueup/github-token}", .text = "Statuses on GitHub."},
    {"gitlab", FIELD_TYPE_SECTION, INTO(agent_status, gitlab), .fields = gitlab_fields,
     .example = "{project: ops/trueup, token: /etc/trueup/gitlab-token}", .text = "Statuses on GitLab."},
    END,
};

static const struct field target_fields[] = {
    {"url", FIELD_TYPE_STRING, INTO(agent_target, url), .most = 2048, .pattern = URL_PATTERN, .shape = URL_SHAPE,
     .example = "https://hooks.example.com/trueup",
     .text = "Where to send it: by https://, or by http:// to a loopback address."},
    {"urlFile", FIELD_TYPE_STRING, INTO(agent_target, url_file), .most = PATH_MOST, .example = "/etc/trueup/slack-url",
     .text = "A file with the URL, where the URL itself is the secret."},
    END,
};

static const struct field notify_fields[] = {
    {"webhook", FIELD_TYPE_SECTION, .one_key = true, INTO(agent_notify, webhook), .fields = target_fields,
     .example = "{url: \"https://hooks.example.com/trueup\"}",
     .text = "POSTs JSON (schema trueup/notification/v1): what changed, from what to what, and why. The header "
             "Idempotency-Key is the same if one comes twice. Redirects are not followed."},
    {"slack", FIELD_TYPE_SECTION, .one_key = true, INTO(agent_notify, slack), .fields = target_fields,
     .example = "{urlFile: /etc/trueup/slack-url}", .text = "POSTs a text as Slack and its like take it."},
    {"command", FIELD_TYPE_STRINGS, INTO(agent_notify, command), .least = 1, .most = 100,
     .example = "[s-nail, -Ssendwait, -s, trueup, ops@example.com]",
     .text =
         "Runs a program with the JSON of `webhook` as its standard input, for up to a minute. No shell reads it; it "
         "has the agent's paths, locale and proxies, and none of its credentials; what "
         "it writes to standard error is logged, and an exit code other than 0 is a failure. Exit code 0 counts as "
         "told: "
         "for mail take a program that waits for the server's answer, as s-nail does with `sendwait` and an "
         "smtp:// for `mta`. `mail` leaves the message to a program that may fail unseen, and under the systemd unit "
         "to one that must not gain the rights it needs."},
    {"digest", FIELD_TYPE_DURATION, INTO(agent_notify, digest), .least = 0, .most = 86400, .fallback = "1m",
     .example = "5m",
     .text = "How long changes are gathered before they are told, so that a storm is one message. A state that comes "
             "and goes meanwhile is not told; with 0s each change is told at once."},
    END,
};

static const struct field retention_fields[] = {
    {"days", FIELD_TYPE_INT, INTO(agent_retention, days), .least = 1, .most = 3650, .fallback = "90", .example = "90",
     .text = "How long reports are kept; the newest 20 of a deployment are, whatever their age. The audit log is "
             "rotated, and never deleted by trueup."},
    {"reports", FIELD_TYPE_INT, INTO(agent_retention, reports), .least = 1, .most = 100000, .fallback = "1000",
     .example = "1000", .text = "How many reports are kept of each deployment, at most."},
    END,
};

const struct field config_document[] = {
    {"apiVersion", FIELD_TYPE_CONSTANT, .required = true, .words = api_versions, .example = "trueup/v1",
     .text = "The version of this format."},
    {"kind", FIELD_TYPE_CONSTANT, .required = true, .words = kinds, .example = "Agent",
     .text = "What the document is."},
    {"specs", FIELD_TYPE_SECTION, .required = true, .one_key = true, INTO(agent_config, specs), .fields = specs_fields,
     .example = "{path: /etc/trueup/specs}", .text = "Where the specs are: just one of the keys below."},
    {"schedule", FIELD_TYPE_SECTION, INTO(agent_config, schedule), .fields = schedule_fields,
     .fallback_text = "{every: 15m}", .example = "{cron: \"*/15 * * * *\", timeZone: Europe/Paris}",
     .text = "When each deployment is reconciled."},
    {"splay", FIELD_TYPE_DURATION, INTO(agent_config, splay), .least = 0, .most = 86400, .fallback = "1m",
     .example = "1m",
     .text = "Each deployment starts up to this much later, always by the same, so that many of them "
             "do not call AWS at once."},
    {"mode", FIELD_TYPE_WORD, INTO(agent_config, mode), .words = modes, .fallback = "apply", .example = "apply",
     .text = "What a run may do."},
    {"concurrency", FIELD_TYPE_INT, INTO(agent_config, concurrency), .least = 1, .most = 256, .fallback = "4",
     .example = "4", .text = "How many deployments are reconciled side by side; never two runs of one."},
    {"timeout", FIELD_TYPE_DURATION, INTO(agent_config, timeout), .least = 60, .most = 604800, .fallback = "6h",
     .example = "6h",
     .text = "How long one reconciliation may take. Then it is asked to stop (TERM), and a minute "
             "later made to (KILL); the next one goes on from what is there."},
    {"deployments", FIELD_TYPE_MAP, .item_size = sizeof(struct agent_deployment),
     INTO_LIST(agent_config, deployments, deployment_count), .most = 40, .fields = deployment_fields,
     .pattern = "^[a-z0-9-]{1,40}$", .shape = "a deployment's name, as its spec has it",
     .example = "{staging: {mode: observe}}", .text = "What differs for single deployments, by their names."},
    {"state", FIELD_TYPE_STRING, INTO(agent_config, state), .most = PATH_MOST,
     .fallback_text = "$TRUEUP_STATE, else /var/lib/trueup for root, the XDG state directory for others",
     .example = "/var/lib/trueup", .text = "Where locks, audit log, reports and git revisions are kept."},
    {"retention", FIELD_TYPE_SECTION, INTO(agent_config, retention), .fields = retention_fields,
     .example = "{days: 90, reports: 1000}", .text = "How much history is kept."},
    {"listen", FIELD_TYPE_SECTION, INTO(agent_config, listen), .fields = listen_fields,
     .fallback_text = "nothing is served", .example = "{address: \"127.0.0.1:9464\"}",
     .text = "The status page, the API, metrics and webhooks."},
    {"webhook", FIELD_TYPE_SECTION, INTO(agent_config, webhook), .fields = webhook_fields,
     .example = "{secret: /etc/trueup/webhook-secret}", .text = "Pushes that make the agent fetch at once."},
    {"status", FIELD_TYPE_SECTION, INTO(agent_config, status), .fields = status_fields,
     .example = "{github: {repository: example/operations, token: /etc/trueup/github-token}}",
     .text = "Commit statuses, trueup/NAME for each deployment, on the commit in force: when its state is another one, "
             "20 at once at most, and then one every ten seconds."},
    {"notify", FIELD_TYPE_MAP, .item_size = sizeof(struct agent_notify), INTO_LIST(agent_config, notify, notify_count),
     .most = 40, .fields = notify_fields, .pattern = "^[A-Za-z0-9_-]+$", .shape = "any name",
     .example = "{team: {slack: {urlFile: /etc/trueup/slack-url}}}",
     .text = "Who is told when a deployment's state changes, what was repaired in a run that found and left it in "
             "sync, or that newer specs are refused, by a name for each. What "
             "fails is tried six times, and then "
             "goes along with the next change. Secrets are read from their files at each delivery."},
    END,
};
