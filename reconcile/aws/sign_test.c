#include "aws/sign.h"
#include "base/test_main.h"

#include <stdlib.h>
#include <string.h>

static struct secret *secret_key;
static struct sign_key key;

static void set_up(void)
{
	static const char text[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

	secret_key = secret_new(text, sizeof(text) - 1);
	/* The day of AWS's own suite of cases, 2015-08-30T12:36:00Z. */
	key = (struct sign_key){.access_key = "AKIDEXAMPLE",
	                        .secret_key = secret_key,
	                        .region = "us-east-1",
	                        .service = "service",
	                        .when = 1440938160};
}

static void tear_down(void)
{
	secret_free(secret_key);
}

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Case get-vanilla, stage by stage. */
START_TEST(follows_the_stages)
{
	struct sign_header date = {"X-Amz-Date", "20150830T123600Z"};
	struct sign_request request = {
	    .method = "GET", .host = "example.amazonaws.com", .path = "/", .headers = &date, .header_count = 1};
	struct buf canonical = {0}, names = {0}, string = {0};
	char signature[SIGN_SIGNATURE_SIZE];

	sign_canonical_request(&request, &canonical, &names);
	ck_assert_str_eq(buf_text(&canonical), "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
	                                       "host;x-amz-date\n" EMPTY_HASH);
	ck_assert_str_eq(buf_text(&names), "host;x-amz-date");
	sign_string_to_sign(&key, buf_text(&canonical), &string);
	ck_assert_str_eq(buf_text(&string), "AWS4-HMAC-SHA256\n20150830T123600Z\n"
	                                    "20150830/us-east-1/service/aws4_request\n"
	                                    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
	sign_signature(&key, buf_text(&string), signature);
	ck_assert_str_eq(signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	buf_free(&canonical);
	buf_free(&names);
	buf_free(&string);
}
END_TEST

START_TEST(writes_the_header)
{
	struct sign_request request = {.method = "GET", .host = "example.amazonaws.com"};
	struct buf header = {0};

	sign_authorize(&request, &key, &header);
	ck_assert_str_eq(buf_text(&header),
	                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	                 "SignedHeaders=host;x-amz-date, "
	                 "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	buf_free(&header);
}
END_TEST

static const struct path_case {
	const char *wire, *canonical;
} paths[] = {
    {NULL, "/"},
    {"", "/"},
    {"//", "/"},
    {"/a/./b//c/", "/a/b/c/"},
    {"/a/b/../c", "/a/c"},
    {"/../../a", "/a"},
    {"/a/..", "/"},
    {"/model/cohere.embed%3A0/invoke", "/model/cohere.embed%253A0/invoke"},
    {"/a:b", "/a%3Ab"},
    {"/~-_.", "/~-_."},
    {"/%E6%97", "/%25E6%2597"},
};

START_TEST(normalises_paths)
{
	struct sign_request request = {.method = "GET", .host = "h", .path = paths[_i].wire};
	struct buf canonical = {0}, names = {0};
	char *path;

	sign_canonical_request(&request, &canonical, &names);
	path = strndup(canonical.bytes + 4, strcspn(canonical.bytes + 4, "\n"));
	ck_assert_str_eq(path, paths[_i].canonical);
	free(path);
	buf_free(&canonical);
	buf_free(&names);
}
END_TEST

static const struct query_case {
	const char *wire, *canonical;
} queries[] = {
    {NULL, ""},
    {"k", "k="},
    {"b=2&a=1", "a=1&b=2"},
    {"a=2&a=1&a=10", "a=1&a=10&a=2"},
    {"a-b=1&a=2&aB=3", "a=2&a-b=1&aB=3"},
    {"a=%e9+b", "a=%E9%2Bb"},
    {"a=x%7Ey%2Fz", "a=x~y%2Fz"},
    {"a=b=c", "a=b%3Dc"},
};

START_TEST(sorts_queries)
{
	struct sign_request request = {.method = "GET", .host = "h", .query = queries[_i].wire};
	struct buf canonical = {0}, names = {0};
	char *query;

	sign_canonical_request(&request, &canonical, &names);
	query = strndup(canonical.bytes + 6, strcspn(canonical.bytes + 6, "\n"));
	ck_assert_str_eq(query, queries[_i].canonical);
	free(query);
	buf_free(&canonical);
	buf_free(&names);
}
END_TEST

START_TEST(folds_headers)
{
	struct sign_header headers[] = {{"My-Header", "  b   c\t"},     {"user-agent", "trueup"}, {"Expect", ""},
	                                {"Proxy-Authorization", "no"},  {"my-header", "a"},       {"A", ""},
	                                {"X-Amzn-Trace-Id", "Root=1-2"}};
	struct sign_request request = {
	    .method = "POST", .host = "H.example:5000", .headers = headers, .header_count = 7, .body = "", .length = 0};
	struct buf canonical = {0}, names = {0};

	sign_canonical_request(&request, &canonical, &names);
	ck_assert_str_eq(buf_text(&canonical),
	                 "POST\n/\n\na:\nhost:h.example:5000\nmy-header:b c,a\n\na;host;my-header\n" EMPTY_HASH);
	buf_free(&canonical);
	buf_free(&names);
}
END_TEST

/* The vectors of facts/aws.md, which are botocore's. */
START_TEST(makes_database_tokens)
{
	static const char token_text[] = "TOK/EN+==";
	struct sign_request request = {.method = "GET",
	                               .host = "db.example.us-east-1.rds.amazonaws.com:5432",
	                               .path = "/",
	                               .query = "Action=connect&DBUser=iam_user"};
	struct buf query = {0};

	key.service = "rds-db";
	key.when = 1704164645; /* 2024-01-02T03:04:05Z */
	sign_presign(&request, &key, 900, &query);
	ck_assert_ptr_nonnull(strstr(query.bytes, "&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature="
	                                          "52dd32e1d4440a6f4cfddc182fea844f5f2c762e61d205e8de091da08f5f76b8"));
	buf_clear(&query);
	key.token = secret_new(token_text, sizeof(token_text) - 1);
	sign_presign(&request, &key, 900, &query);
	ck_assert_ptr_nonnull(strstr(query.bytes, "&X-Amz-Security-Token=TOK%2FEN%2B%3D%3D&X-Amz-Signature="
	                                          "940cd3eb22948d83b71f4fe2d46d3245d1ee314b9ac53f350cf23d2d493ec1ee"));
	secret_free((struct secret *)key.token);
	buf_free(&query);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sign");
	TCase *tests = tcase_create("sign");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, follows_the_stages);
	tcase_add_test(tests, writes_the_header);
	tcase_add_loop_test(tests, normalises_paths, 0, sizeof(paths) / sizeof(paths[0]));
	tcase_add_loop_test(tests, sorts_queries, 0, sizeof(queries) / sizeof(queries[0]));
	tcase_add_test(tests, folds_headers);
	tcase_add_test(tests, makes_database_tokens);
	suite_add_tcase(suite, tests);
	return suite;
}
