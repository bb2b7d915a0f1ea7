/*
 * help.h - help, from the tables of commands and options alone.
 */
#ifndef TRUEUP_AGENT_HELP_H
#define TRUEUP_AGENT_HELP_H

#include "base/buf.h"
#include "command.h"

/* All commands, a line each; exit codes; environment. */
void help_print_overview(struct buf *out);

/* One command: usage, what it does, its options. */
void help_print_command(const struct command *command, struct buf *out);

#endif
