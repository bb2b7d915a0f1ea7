/*
 * terminal.h - who is at the other end: a person at a terminal, or a pipe.
 */
#ifndef TRUEUP_AGENT_TERMINAL_H
#define TRUEUP_AGENT_TERMINAL_H

#include "option.h"

#include <stdbool.h>

/* Whether there is a person who can be shown something (standard error) and asked (standard input). */
bool terminal_is_interactive(void);

/* Columns: of the terminal that fd is, else $COLUMNS, else 80. */
int terminal_width(int fd);

/* Whether to colour what goes to fd. With COLOR_AUTO: a terminal that is not dumb, and no NO_COLOR. */
bool terminal_has_color(enum option_color color, int fd);

/* Ask on standard error; true only if the answer is just "yes". An ended input is no, and so is `*stop` turning true.
 */
bool terminal_confirm(const char *question, const volatile bool *stop);

#endif
