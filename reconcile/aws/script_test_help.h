/*
 * script_test_help.h - a transport that follows a script, and a clock that only it moves.
 */
#ifndef TRUEUP_AWS_SCRIPT_TEST_HELP_H
#define TRUEUP_AWS_SCRIPT_TEST_HELP_H

#include "aws/transport.h"

#define SCRIPT_SENT 128
#define SCRIPT_TIME 1704164645 /* 2024-01-02T03:04:05Z */

/* What one request is answered with. All zeroes but the body: 200. */
struct script_step {
	enum transport_failure failure;
	long status;      /* 0: 200 */
	const char *head; /* header lines, "Name: value\r\n"; NULL: none */
	const char *body; /* NULL: empty */
};

struct script {
	struct transport transport;
	const struct script_step *steps; /* the last stands for all that follow */
	size_t count;
	int64_t now_ms;
	int64_t pace_ms; /* how long each answer takes */
	double random;
	/* what was sent: "METHOD url\nName: value\n…\n\nbody" */
	char *sent[SCRIPT_SENT];
	size_t sent_count;
	int64_t sent_ms[SCRIPT_SENT];
	struct transport_result *waiting[SCRIPT_SENT];
	size_t started, finished;
};

/* The script is the caller's; freeing the transport only ends what it holds. */
struct transport *script_start(struct script *script, const struct script_step *steps, size_t count);
void script_end(struct script *script);

/* An environment without settings of AWS's, and no files. */
void script_clear_environment(void);

#endif
