/*
 * option.h - the command line: one table of options that drives parsing and help.
 *
 * Options may stand anywhere, before the command too: `-o json`, `-ojson`,
 * `--output json`, `--output=json`, `-vq`; behind `--` all is arguments. Which
 * options a command takes is the command's to say (command.h).
 */
#ifndef TRUEUP_AGENT_OPTION_H
#define TRUEUP_AGENT_OPTION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "run/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the help. */
enum option_id {
	OPTION_OUTPUT,
	OPTION_OUT,
	OPTION_OBSERVED,
	OPTION_YES,
	OPTION_ONLY,
	OPTION_DEPLOYMENT,
	OPTION_WAIT,
	OPTION_TRIGGER,
	OPTION_REVISION,
	OPTION_EVENTS,
	OPTION_NEXT,
	OPTION_VERIFY,
	OPTION_LIMIT,
	OPTION_SCHEMA,
	OPTION_IAM,
	OPTION_MAN,
	OPTION_USER,
	OPTION_COLOR,
	OPTION_VERBOSE,
	OPTION_QUIET,
	OPTION_LOG_FORMAT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT
};

#define OPTION_BIT(id) (1U << (unsigned)(id))

/* The order of each enum is that of its words in option.c. */
enum option_output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_MARKDOWN };
enum option_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum option_iam { IAM_OBSERVE, IAM_ENFORCE };

struct options {
	unsigned given;      /* bits of enum option_id */
	const char *command; /* the first argument; NULL: none */
	const char **arguments;
	size_t argument_count;
	enum option_output output;
	enum option_color color;
	enum option_iam iam;
	enum log_format log_format;
	const char *out;      /* NULL: not given */
	const char *observed; /* NULL: not given */
	const char *user;     /* NULL: not given */
	const char *man;      /* NULL: not given */
	struct run_only *only;
	size_t only_count;
	const char *deployment; /* NULL: not given */
	const char *trigger;    /* NULL: not given */
	const char *revision;   /* NULL: not given */
	int64_t wait;           /* seconds; see `given` */
	int64_t limit;          /* runs to show; 0: not given */
	int64_t next;           /* runs to print; 0: not given */
	int events;             /* a file descriptor; 0: not given */
	int verbose;            /* how often -v was given */
	bool quiet;
	bool yes;
};

/* What help says of an option. */
struct option_row {
	const char *name;  /* without the hyphens */
	char letter;       /* '\0': none */
	const char *value; /* what stands for its value in help; NULL: it takes none */
	const char *text;  /* for help; a line break where help shall break; "": the command says it */
	int (*take)(struct arena *arena, struct options *options, const char *value, struct error *err);
};

extern const struct option_row option_rows[OPTION_COUNT];

/* The word for an output: "json". */
const char *option_output_word(enum option_output output);

/*
 * Read argv, argv[0] aside. What is kept lives in the arena or in argv.
 * ERROR_INVALID, with a suggestion, for what is no option or no value of one.
 */
int option_parse(struct arena *arena, int argc, char *const *argv, struct options *options, struct error *err);

#endif
