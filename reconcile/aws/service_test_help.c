#include "aws/service_test_help.h"
#include "aws/client_private.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct script script;
struct aws *aws;
struct arena *arena;
struct error err;

void set_up(void)
{
	script_clear_environment();
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	arena = arena_new();
}

void tear_down(void)
{
	aws_free(aws);
	script_end(&script);
	arena_free(arena);
}

void open_client(const struct script_step *steps, size_t count)
{
	struct aws_settings settings = {.writes = true, .region = "eu-west-3", .quota_share = 1};

	ck_assert_int_eq(aws_new_over(script_start(&script, steps, count), &settings, &aws, &err), 0);
}

bool was_sent(size_t i, const char *text)
{
	return strstr(script.sent[i], text) != NULL;
}
