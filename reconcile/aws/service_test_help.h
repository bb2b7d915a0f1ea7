/*
 * service_test_help.h - what the tests of the services' files share: a client
 * over a script, in an environment without settings of AWS's.
 *
 * check runs each test in a process of its own, so these are set up anew for it.
 */
#ifndef TRUEUP_AWS_SERVICE_TEST_HELP_H
#define TRUEUP_AWS_SERVICE_TEST_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "aws/client.h"
#include "aws/script_test_help.h"
#include "base/arena.h"
#include "base/error.h"

extern struct script script;
extern struct aws *aws; /* once it is open */
extern struct arena *arena;
extern struct error err;

/* The fixture of a test case. */
void set_up(void);
void tear_down(void);

/* A client that may write, in eu-west-3, and is answered by these steps. */
void open_client(const struct script_step *steps, size_t count);
#define OPEN(steps) open_client((steps), sizeof(steps) / sizeof((steps)[0]))

/* Whether request number i, from 0, has this text: "METHOD url\nName: value\n…\n\nbody". */
bool was_sent(size_t i, const char *text);

#endif
