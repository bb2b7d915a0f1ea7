/*
 * memory.h - what is known of a deployment, kept over restarts of the agent:
 * DIRECTORY/last/NAME.json, with the last run, its report, and since when things
 * are as they are. Replaced as a whole behind each run, and not waited for to
 * reach the disk: what a crash of the machine loses, the next run finds anew.
 */
#ifndef TRUEUP_AGENT_DAEMON_MEMORY_H
#define TRUEUP_AGENT_DAEMON_MEMORY_H

#include "daemon/state.h"

/* Behind a run. What goes wrong is logged, and no more. */
void memory_save(const char *directory, const struct state_deployment *seen, const struct state_run *run);

/* Take up what is there, if it is anything: nobody is told. */
void memory_load(const char *directory, const char *name, struct state *state);

#endif
