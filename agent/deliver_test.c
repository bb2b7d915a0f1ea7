#include "deliver.h"

#include "base/test_main.h"

#include <string.h>

#define NOW 1767225600 /* Thu, 01 Jan 2026 00:00:00 GMT */
static const struct deliver_words none, forge = {.done = "Cannot transition status", .absent = "commit not found"};

static const struct {
	long status;
	const char *head, *body;
	enum outbox_outcome outcome;
	int64_t wait_ms;
	const char *problem;
} answers[] = {
    {200, "", "ok", OUTBOX_DELIVERED, 0, ""},
    {201, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1767225660\r\n", "{}", OUTBOX_DELIVERED, 60000, ""},
    {201, "X-RateLimit-Remaining: 7\r\nX-RateLimit-Reset: 1767225660\r\n", "{}", OUTBOX_DELIVERED, 0, ""},
    {302, "Location: file:///etc/passwd\r\n", "", OUTBOX_REFUSED, 0, "answered HTTP 302: redirects are not followed"},
    {400, "", "{\"message\":\"Cannot transition status via :run\"}", OUTBOX_DELIVERED, 0, ""},
    {400, "", "invalid_payload", OUTBOX_REFUSED, 0, "answered HTTP 400: invalid_payload"},
    {401, "", "", OUTBOX_DENIED, 0, "answered HTTP 401"},
    {403, "", "no\nway", OUTBOX_DENIED, 0, "answered HTTP 403: no?way"},
    {403, "Retry-After: 30\r\n", "", OUTBOX_RETRY, 30000, "answered HTTP 403"},
    {403, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1767225720\r\n", "", OUTBOX_RETRY, 120000,
     "answered HTTP 403"},
    {404, "", "Not Found: rest/commits/statuses", OUTBOX_DENIED, 0,
     "answered HTTP 404: Not Found: rest/commits/statuses"},
    {404, "", "404 Commit Not Found", OUTBOX_REFUSED, 0, "answered HTTP 404: 404 Commit Not Found"},
    {422, "", "", OUTBOX_REFUSED, 0, "answered HTTP 422"},
    {429, "retry-after: 2\r\n", "", OUTBOX_RETRY, 2000, "answered HTTP 429"},
    {429, "Retry-After: Thu, 01 Jan 2026 00:00:45 GMT\r\n", "", OUTBOX_RETRY, 45000, "answered HTTP 429"},
    {429, "Retry-After: Wed, 31 Dec 2025 00:00:45 GMT\r\n", "", OUTBOX_RETRY, 0, "answered HTTP 429"},
    {429, "Retry-After: 99999999999999999999\r\n", "", OUTBOX_RETRY, OUTBOX_WAIT_MOST_MS, "answered HTTP 429"},
    {429, "Retry-After: soon\r\n", "", OUTBOX_RETRY, 0, "answered HTTP 429"},
    {500, "", "", OUTBOX_RETRY, 0, "answered HTTP 500"},
    {503, "Retry-After: 1\r\n", "", OUTBOX_RETRY, 1000, "answered HTTP 503"},
};

START_TEST(an_answer_says_whether_to_come_again)
{
	struct transport_result result = {.status = answers[_i].status};
	struct deliver_verdict verdict;

	buf_puts(&result.head, answers[_i].head);
	buf_puts(&result.body, answers[_i].body);
	verdict = deliver_judge(&result, &forge, NOW);
	ck_assert_int_eq(verdict.outcome, answers[_i].outcome);
	ck_assert_int_eq(verdict.wait_ms, answers[_i].wait_ms);
	ck_assert_str_eq(verdict.problem, answers[_i].problem);
	transport_result_clear(&result);
}
END_TEST

START_TEST(no_answer_may_be_one_later)
{
	struct transport_result result = {.failure = TRANSPORT_UNTRUSTED, .reason = "the certificate is not valid"};
	struct deliver_verdict verdict = deliver_judge(&result, &none, NOW);

	ck_assert_int_eq(verdict.outcome, OUTBOX_RETRY);
	ck_assert_str_eq(verdict.problem, "the certificate is not valid");
}
END_TEST

START_TEST(a_receiver_that_is_gone_refuses)
{
	struct transport_result result = {.status = 404};

	buf_puts(&result.body, "no_service");
	ck_assert_int_eq(deliver_judge(&result, &none, NOW).outcome, OUTBOX_REFUSED);
	transport_result_clear(&result);
}
END_TEST

START_TEST(a_long_answer_is_cut)
{
	static char body[5000];
	struct transport_result result = {.status = 400};
	struct deliver_verdict verdict;

	memset(body, 'x', sizeof(body) - 1);
	buf_puts(&result.body, body);
	verdict = deliver_judge(&result, &none, NOW);
	ck_assert_uint_eq(strlen(verdict.problem), strlen("answered HTTP 400: ") + 200);
	transport_result_clear(&result);
}
END_TEST

#define TOKEN "xoxb-0123456789"
#define PIECE "T0123456789"
#define URL "https://hooks.example.com/in/" PIECE "?key=abcdefgh12345"

static const struct {
	size_t before; /* so many bytes; the excerpt ends at 200 */
	const char *words;
	bool secret;
} repetitions[] = {
    {0, "", false},
    {0, "no such channel at hooks.example.com", false},
    {0, "xoxb-0123", false}, /* not the whole of it */
    {0, TOKEN, true},
    {0, "bad token '" TOKEN "' or '" TOKEN "'", true},
    {190, TOKEN, true}, /* cut within */
    {900, TOKEN, true}, /* cut before */
    {0, "nothing at /in/" PIECE, true},
    {195, PIECE, true},
    {0, "the key abcdefgh12345 is none", true},
};

START_TEST(the_words_of_who_repeats_a_secret_stay_here)
{
	struct transport_result result = {.status = 400};
	struct deliver_verdict verdict;
	size_t i;

	for (i = 0; i < repetitions[_i].before; i++)
		buf_puts(&result.body, "x");
	buf_puts(&result.body, repetitions[_i].words);
	verdict = deliver_judge(&result, &none, NOW);
	deliver_redact(&verdict, &result, TOKEN, URL);
	ck_assert_int_eq(strcmp(verdict.problem, "answered HTTP 400: its words repeat a secret") == 0,
	                 repetitions[_i].secret);
	transport_result_clear(&result);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("deliver");
	TCase *tcase = tcase_create("deliver");

	tcase_add_loop_test(tcase, an_answer_says_whether_to_come_again, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tcase, no_answer_may_be_one_later);
	tcase_add_test(tcase, a_receiver_that_is_gone_refuses);
	tcase_add_test(tcase, a_long_answer_is_cut);
	tcase_add_loop_test(tcase, the_words_of_who_repeats_a_secret_stay_here, 0,
	                    sizeof(repetitions) / sizeof(repetitions[0]));
	suite_add_tcase(suite, tcase);
	return suite;
}
