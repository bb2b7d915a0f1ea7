#include "daemon/commit_status.h"

#include "base/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct agent_github github = {.url = "https://api.github.com", .repository = "a/b", .token = "t"};
static const struct agent_gitlab gitlab = {.url = "https://gitlab.com", .project = "a/b/c", .token = "t"};

static const struct {
	enum state_word word;
	const char *github, *gitlab, *says;
} words[] = {
    {STATE_IN_SYNC, "success", "success", "in sync"},      {STATE_DRIFTED, "failure", "failed", "drifted: why"},
    {STATE_WAITING, "pending", "running", "waiting: why"}, {STATE_UNKNOWN, "error", "failed", "unknown: why"},
    {STATE_FAILED, "error", "failed", "failed: why"},      {STATE_PAUSED, "success", "success", "paused: why"},
};

static struct state_deployment make(enum state_word word, const char *reason)
{
	return (struct state_deployment){.name = "production", .word = word, .reason = reason, .revision = "0123abcd"};
}

static void check_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, 0);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(json);
}

START_TEST(forges_have_words_of_their_own)
{
	struct state_deployment at = make(words[_i].word, words[_i].word == STATE_IN_SYNC ? "" : "why");
	char expected[512];

	snprintf(expected, sizeof(expected),
	         "{\"url\": \"https://api.github.com\", \"path\": \"/repos/a/b/statuses/0123abcd\", "
	         "\"headers\": {\"Accept\": \"application/vnd.github+json\", \"X-GitHub-Api-Version\": "
	         "\"2022-11-28\"}, \"token\": {\"file\": \"t\", \"header\": \"Authorization\", \"prefix\": "
	         "\"Bearer \"}, \"absent\": \"no commit found\", \"body\": {\"state\": \"%s\", \"context\": "
	         "\"trueup/production\", "
	         "\"description\": \"%s\"}}",
	         words[_i].github, words[_i].says);
	check_json(commit_status_github(&github, &at), expected);
	snprintf(expected, sizeof(expected),
	         "{\"url\": \"https://gitlab.com\", \"path\": \"/api/v4/projects/a%%2Fb%%2Fc/statuses/0123abcd\", "
	         "\"headers\": {}, \"token\": {\"file\": \"t\", \"header\": \"PRIVATE-TOKEN\", \"prefix\": \"\"}, "
	         "\"done\": \"Cannot transition status\", \"absent\": \"commit not found\", \"body\": {\"state\": "
	         "\"%s\", \"name\": "
	         "\"trueup/production\", \"description\": \"%s\"}}",
	         words[_i].gitlab, words[_i].says);
	check_json(commit_status_gitlab(&gitlab, &at), expected);
}
END_TEST

START_TEST(a_description_has_room_for_a_line)
{
	char reason[400];
	struct state_deployment at = make(STATE_FAILED, reason);
	json_t *request;

	memset(reason, 'y', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	request = commit_status_github(&github, &at);
	ck_assert_uint_eq(json_string_length(json_object_get(json_object_get(request, "body"), "description")),
	                  COMMIT_STATUS_MOST);
	json_decref(request);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("commit_status");
	TCase *tcase = tcase_create("commit_status");

	tcase_add_loop_test(tcase, forges_have_words_of_their_own, 0, sizeof(words) / sizeof(words[0]));
	tcase_add_test(tcase, a_description_has_room_for_a_line);
	suite_add_tcase(suite, tcase);
	return suite;
}
