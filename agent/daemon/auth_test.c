#include "daemon/auth.h"

#include "base/file.h"
#include "base/test_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static const char *write_file(const char *text)
{
	struct error err;

	(void)snprintf(path, sizeof(path), "/tmp/trueup-auth-test.%d", (int)getpid());
	ck_assert_int_eq(file_replace_private(path, text, strlen(text), &err), 0);
	return path;
}

static struct auth *load(const char *token, const char *users, struct error *err)
{
	struct agent_listen listen = {.present = true, .token = token, .basic = users};
	struct auth *auth = auth_new(&listen, err);

	(void)unlink(path);
	return auth;
}

START_TEST(the_token_and_nothing_like_it)
{
	struct error err;
	struct auth *auth = load(write_file("# for Prometheus\n0123456789abcdef\r\n"), NULL, &err);

	ck_assert_ptr_nonnull(auth);
	ck_assert(auth_is_needed(auth) && !auth_has_users(auth));
	ck_assert(auth_knows(auth, "Bearer 0123456789abcdef"));
	ck_assert(auth_knows(auth, "bearer 0123456789abcdef"));
	ck_assert(!auth_knows(auth, "Bearer 0123456789abcdeF"));
	ck_assert(!auth_knows(auth, "Bearer 0123456789abcde"));
	ck_assert(!auth_knows(auth, "Bearer 0123456789abcdef "));
	ck_assert(!auth_knows(auth, "Bearer"));
	ck_assert(!auth_knows(auth, "Basic MDEyMzQ1Njc4OWFiY2RlZg=="));
	ck_assert(!auth_knows(auth, ""));
	ck_assert(!auth_knows(auth, NULL));
	auth_free(auth);
}
END_TEST

START_TEST(users_with_their_passwords)
{
	struct error err;
	struct auth *auth = load(NULL, write_file("alice:wonder:land\nbob:b\n"), &err);

	ck_assert_ptr_nonnull(auth);
	ck_assert(auth_knows(auth, "Basic YWxpY2U6d29uZGVyOmxhbmQ=")); /* alice:wonder:land */
	ck_assert(auth_knows(auth, "Basic Ym9iOmI="));                 /* bob:b */
	ck_assert(!auth_knows(auth, "Basic Ym9iOmI"));
	ck_assert(!auth_knows(auth, "Basic Ym9iOg=="));
	ck_assert(!auth_knows(auth, "Basic ===="));
	ck_assert(!auth_knows(auth, "Basic "));
	ck_assert(!auth_knows(auth, "Bearer bob:b"));
	auth_free(auth);
}
END_TEST

START_TEST(files_that_cannot_be_meant)
{
	struct error err;

	ck_assert_ptr_null(load(write_file("short\n"), NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.message, "shorter than 16"));
	ck_assert_ptr_null(load(write_file("\n"), NULL, &err));
	ck_assert_ptr_null(load(write_file("0123456789abcdef\n0123456789abcdef\n"), NULL, &err));
	ck_assert_ptr_null(load(NULL, write_file("# nobody\n"), &err));
	ck_assert_ptr_null(load(NULL, write_file("alice\n"), &err));
	ck_assert_ptr_null(strstr(err.message, "alice"));
	ck_assert_ptr_null(load(NULL, write_file("alice:\n"), &err));
	ck_assert_ptr_null(load("/nonexistent/token", NULL, &err));
}
END_TEST

START_TEST(on_loopback_only_its_own_names_are_answered)
{
	ck_assert(auth_is_own_host("127.0.0.1:9464", "127.0.0.1:9464"));
	ck_assert(auth_is_own_host("127.0.0.1:9464", "localhost:8080"));
	ck_assert(auth_is_own_host("[::1]:9464", "[::1]:9464"));
	ck_assert(auth_is_own_host("127.0.0.1:9464", "LOCALHOST"));
	ck_assert(!auth_is_own_host("127.0.0.1:9464", "evil.example.com:9464"));
	ck_assert(!auth_is_own_host("127.0.0.1:9464", "localhost.evil.example.com"));
	ck_assert(!auth_is_own_host("127.0.0.1:9464", "127.0.0.1.evil.example.com"));
	ck_assert(!auth_is_own_host("127.0.0.1:9464", ""));
	ck_assert(!auth_is_own_host("127.0.0.1:9464", NULL));
	ck_assert(auth_is_own_host("0.0.0.0:9464", "trueup.example.com"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("auth");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, the_token_and_nothing_like_it);
	tcase_add_test(cases, users_with_their_passwords);
	tcase_add_test(cases, files_that_cannot_be_meant);
	tcase_add_test(cases, on_loopback_only_its_own_names_are_answered);
	suite_add_tcase(suite, cases);
	return suite;
}
