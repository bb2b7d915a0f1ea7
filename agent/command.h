/*
 * command.h - what a command is: one static struct in a file of its own, from
 * which dispatch and help come.
 */
#ifndef TRUEUP_AGENT_COMMAND_H
#define TRUEUP_AGENT_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "option.h"
#include "report/report.h"
#include "spec/issue.h"

#include <stdbool.h>
#include <stddef.h>

/* What a command works with; it owns none of it. */
struct command_context {
	struct arena *arena; /* lives until the program ends */
	const struct options *options;
	const volatile bool *stop; /* once true, end soon and cleanly, with a report */
};

struct command {
	const char *name;
	const char *usage;   /* the arguments: "[SPEC...]" */
	const char *summary; /* one line */
	const char *text;    /* paragraphs for help, wrapped */
	unsigned options;    /* bits of enum option_id, those of COMMAND_OPTIONS_ALL aside */
	unsigned outputs;    /* bits of enum option_output, with OPTION_OUTPUT */
	const char *out;     /* what --out means here, with OPTION_OUT */
	const char *yes;     /* what --yes means here, with OPTION_YES */

	bool serves; /* it runs on and on, and its log tells unasked what came about */
	bool no_aws; /* it speaks to AWS only through children, and need not carry what that takes */

	/* Does it, says what it has to say, and gives the exit code. */
	enum report_exit (*run)(const struct command_context *context);
};

/* Every command takes these. */
#define COMMAND_OPTIONS_ALL                                                                                            \
	(OPTION_BIT(OPTION_COLOR) | OPTION_BIT(OPTION_VERBOSE) | OPTION_BIT(OPTION_QUIET) |                            \
	 OPTION_BIT(OPTION_LOG_FORMAT) | OPTION_BIT(OPTION_HELP))

#define COMMAND_OUTPUT(output) (1U << (unsigned)(output))

/* All commands, in the order of the help. Ends with NULL. */
extern const struct command *const commands[];

/* The command of that name. NULL after filling err: with a suggestion. */
const struct command *command_find(const char *name, struct error *err);

/* Whether the command takes what was given. ERROR_INVALID and which it does not. */
int command_check_options(const struct command *command, const struct options *options, struct error *err);

/*
 * Say on standard error how the command line is wrong, and give the exit code of it. It is for whoever typed the line,
 * so it is no log message: it has no time or level, and --log-format is not heeded.
 */
enum report_exit command_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* List on standard error what is wrong with specs, and give the exit code of it. */
enum report_exit command_complain_issues(const struct spec_issues *issues);

#endif
