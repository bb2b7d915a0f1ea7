#include "daemon/webhook.h"

#include "base/test_main.h"

#include <string.h>
#include <strings.h>

/* The example of GitHub's own documentation of webhook signatures. */
#define SECRET "It's a Secret to Everybody"
#define BODY "Hello, World!"
#define MAC "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define SIGNED "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

#define PUSH "{\"ref\":\"refs/heads/main\",\"repository\":{\"default_branch\":\"main\"}}"
#define TAG "{\"ref\":\"refs/tags/v1\"}"

struct sent {
	const char *headers[8]; /* name, value, … NULL */
	const char *body;
};

static const char *find(const void *context, const char *name)
{
	const struct sent *sent = context;
	size_t i;

	for (i = 0; sent->headers[i] != NULL; i += 2)
		if (strcasecmp(sent->headers[i], name) == 0)
			return sent->headers[i + 1];
	return NULL;
}

static struct webhook_answer answer_to(const struct sent *sent, const char *branch, const char *tag)
{
	struct agent_git git = {.present = true, .branch = branch, .tag = tag};
	struct webhook_request request = {find, sent, sent->body, strlen(sent->body)};
	struct secret *secret = secret_new(SECRET, strlen(SECRET));
	struct webhook_answer answer = webhook_read(&request, secret, &git);

	secret_free(secret);
	return answer;
}

START_TEST(githubs_example_is_believed)
{
	const struct sent good = {{"X-Hub-Signature-256", SIGNED, "X-GitHub-Event", "ping", NULL}, BODY};
	const struct sent gitea = {{"X-Gitea-Signature", MAC, "X-Gitea-Event", "issues", NULL}, BODY};
	const struct sent body = {{"X-Hub-Signature-256", SIGNED, "X-GitHub-Event", "ping", NULL}, "Hello, World!!"};

	ck_assert_int_eq(answer_to(&good, NULL, NULL).status, 200);
	ck_assert_int_eq(answer_to(&gitea, NULL, NULL).status, 200);
	ck_assert_int_eq(answer_to(&body, NULL, NULL).status, 401);
}
END_TEST

START_TEST(what_proves_nothing_is_refused)
{
	const struct sent all[] = {
	    {{"X-GitHub-Event", "push", NULL}, PUSH},
	    {{"X-Hub-Signature-256", "", "X-GitHub-Event", "push", NULL}, BODY},
	    {{"X-Hub-Signature-256", "sha1=757107ea0eb2509fc211221cce984b8a37570b6d", "X-GitHub-Event", "push", NULL},
	     BODY},
	    {{"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1700",
	      "X-GitHub-Event", "push", NULL},
	     BODY},
	    {{"X-Gitlab-Token", "It's a Secret to Everybod", "X-Gitlab-Event", "Push Hook", NULL}, PUSH},
	    {{"X-Gitlab-Token", "", "X-Gitlab-Event", "Push Hook", NULL}, PUSH},
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ck_assert_int_eq(answer_to(&all[i], NULL, NULL).status, 401);
		ck_assert(!answer_to(&all[i], NULL, NULL).fetch);
	}
}
END_TEST

#define GITLAB(event, type, body)                                                                                      \
	{                                                                                                              \
		{"X-Gitlab-Token", SECRET, "X-Gitlab-Event", event, "Content-Type", type, NULL}, body                  \
	}

START_TEST(a_push_to_what_is_watched_asks_for_a_fetch)
{
	static const struct {
		struct sent sent;
		const char *branch, *tag;
		int status;
	} rows[] = {
	    {GITLAB("Push Hook", "application/json", PUSH), "main", NULL, 202},
	    {GITLAB("Push Hook", "application/json; charset=utf-8", PUSH), NULL, NULL, 202},
	    {GITLAB("Push Hook", "application/json", PUSH), "other", NULL, 200},
	    {GITLAB("Push Hook", "application/json", PUSH), NULL, "v1", 200},
	    {GITLAB("Tag Push Hook", "application/json", TAG), NULL, "v1", 202},
	    {GITLAB("Tag Push Hook", "application/json", TAG), NULL, "v2", 200},
	    {GITLAB("Tag Push Hook", "application/json", TAG), "v1", NULL, 200},
	    {GITLAB("Issue Hook", "application/json", PUSH), "main", NULL, 200},
	    {GITLAB("Push Hook", "application/x-www-form-urlencoded", PUSH), "main", NULL, 415},
	    {GITLAB("Push Hook", "application/json", "[]"), "main", NULL, 400},
	    {GITLAB("Push Hook", "application/json", "{\"ref\":"), "main", NULL, 400},
	    {GITLAB("Push Hook", "application/json", "{\"ref\":7}"), "main", NULL, 200},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct webhook_answer answer = answer_to(&rows[i].sent, rows[i].branch, rows[i].tag);

		ck_assert_msg(answer.status == rows[i].status, "row %zu: %d", i, answer.status);
		ck_assert(answer.fetch == (rows[i].status == 202));
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("webhook");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, githubs_example_is_believed);
	tcase_add_test(cases, what_proves_nothing_is_refused);
	tcase_add_test(cases, a_push_to_what_is_watched_asks_for_a_fetch);
	suite_add_tcase(suite, cases);
	return suite;
}
