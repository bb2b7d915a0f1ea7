/*
 * progress.h - what is under way, for who watches: a line on a terminal that is
 * kept up to date, or a log line when something changes; and for the agent, lines
 * of JSON into a pipe:
 *
 *     {"action":"vectors/items/copy","state":"planned","text":"",
 *      "done":12000,"total":300000,"unit":"rows"}
 *
 * (each on one line; the last three only while rows are copied).
 */
#ifndef TRUEUP_RUN_PROGRESS_H
#define TRUEUP_RUN_PROGRESS_H

#include "pg/copy.h"
#include "plan/plan.h"

#include <stdbool.h>

struct progress;

/*
 * With `terminal`, a thread keeps a line on standard error; else changes are
 * logged. `events` is a pipe for lines of JSON, or 0: a reader that does not keep
 * up misses some, and holds up nothing.
 */
struct progress *progress_new(bool terminal, int events);
void progress_free(struct progress *progress); /* takes the line away */

/* What copies report to. */
struct pg_copy_progress *progress_copy(struct progress *progress);

/* An action begins, or waits, or ended. */
void progress_show(struct progress *progress, const struct plan_action *action);

#endif
