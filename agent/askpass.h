/*
 * askpass.h - what git asks for a user or a password when the agent fetches
 * over HTTPS: this program answers from the file that it is pointed to, so that
 * no secret is in an argument or in the environment.
 */
#ifndef TRUEUP_AGENT_ASKPASS_H
#define TRUEUP_AGENT_ASKPASS_H

#include "report/report.h"

#include <stdbool.h>

/* Whether git asks: the agent set TRUEUP_ASKPASS_FILE, and the one argument is git's question. */
bool askpass_is_asked(int argc, char *const *argv);

/* Print the answer. A file of "user:password", or of a token alone. */
enum report_exit askpass_answer(const char *question);

#endif
