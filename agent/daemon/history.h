/*
 * history.h - runs that have ended, on disk: the report of each, kept by age and
 * number, and a line about each in an index, which is all that lists of runs read.
 *
 * STATE/reports/NAME/MILLISECONDS.json is a run: {"run": what became of it
 * (api.h), "report": the report, or null}. Names sort by when runs ended. A file
 * is written beside its name and renamed, and nobody changes it.
 *
 * STATE/reports/NAME/index.jsonl has a first line that says what it is and how
 * long reports are kept, then the `run` of each file on a line, with few enough
 * bytes. It says nothing that the files do not: it is not synced, and where it is
 * missing, torn, or behind the files, it is made anew from the newest of them. It
 * has at most HISTORY_INDEX_MOST bytes; then the older half goes, reports or not.
 *
 * The agent and single runs write here, whoever ends first: a lock on the folder
 * excludes them, for as long as a file takes; one that is held for longer is not heeded. What
 * one of them that was killed left half written is removed after an hour; files of
 * other names are left alone.
 */
#ifndef TRUEUP_AGENT_DAEMON_HISTORY_H
#define TRUEUP_AGENT_DAEMON_HISTORY_H

#include "base/caller.h"
#include "base/error.h"
#include "daemon/config.h"
#include "daemon/state.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_TRIGGER "command" /* of a run that nobody said more of than its command line */
#define HISTORY_INDEX_MOST ((size_t)4 * 1024 * 1024)

struct history_keeper {
	const char *directory;                   /* the state directory */
	const struct agent_retention *retention; /* NULL: as it was said last for this deployment, else the defaults of
	                                            agent.yaml */
	struct caller caller;                    /* found once: to ask for a name may take long */
};

/* Keep what became of a run, and let go of what is too old or too many. The newest 20 are never too old. */
int history_keep(const struct history_keeper *keeper, const char *name, const struct state_run *run, struct error *err);

/*
 * The last `limit` runs, newest first, as api_run() has them and with "user" and
 * "host" (who ran it and where), and "report" (the name of its file). An array, a
 * new reference; what cannot be read is left out. It may wait a moment for who is
 * writing. `pause`: 0 at first, and kept by who lists again and again: while an index
 * that had to be made anew cannot be written, it is tried once a minute, and lists
 * have fewer runs meanwhile. NULL: it is always tried.
 */
json_t *history_list(const char *directory, const char *name, size_t limit, int64_t *pause);

#endif
