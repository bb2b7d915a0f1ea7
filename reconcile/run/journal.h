/*
 * journal.h - what a run did, as it did it: one JSON object a line, on disk
 * before and after each action, so that a person can read after a crash what
 * was under way. No run ever reads it: the next one looks at the world.
 */
#ifndef TRUEUP_RUN_JOURNAL_H
#define TRUEUP_RUN_JOURNAL_H

#include "base/error.h"
#include "plan/plan.h"

struct journal;

/* Append to DIRECTORY/NAME.journal. */
int journal_open(const char *directory, const char *name, struct journal **journal, struct error *err);
void journal_close(struct journal *journal); /* NULL is fine */

/* "begin" or "end" of an action, with its state and error; request_id of the last call may be "". */
int journal_write(struct journal *journal, const char *event, const struct plan_action *action, const char *request_id,
                  struct error *err);

#endif
