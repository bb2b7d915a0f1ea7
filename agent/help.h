/*
 * help.h - help, from the tables of commands and options, and from those here, which manual pages (man.h) are made
 * of as well.
 */
#ifndef TRUEUP_AGENT_HELP_H
#define TRUEUP_AGENT_HELP_H

#include "base/buf.h"
#include "command.h"

#define HELP_SUMMARY "keeps a Bedrock Chat deployment as its spec says"

/* A line break in a text is where help shall break. */
struct help_row {
	const char *name; /* NULL ends the table */
	const char *text;
};

extern const struct help_row help_exit_codes[], help_environment[];

/* What SPEC stands for. */
extern const char help_specs[];

/* What an option means to a command that takes it. */
const char *help_option_text(const struct command *command, unsigned id);

/* "kinds: account, cluster, …": what --only takes. */
void help_print_kinds(struct buf *out);

/* All commands, a line each; exit codes; environment. */
void help_print_overview(struct buf *out);

/* One command: usage, what it does, its options. */
void help_print_command(const struct command *command, struct buf *out);

#endif
