/*
 * marker.h - which runs were under way when the agent was killed: an empty file
 * DIRECTORY/running/NAME for each that runs. A hint only (nothing waits for it to
 * reach the disk): who finds one runs the deployment at once, and does not wait
 * for a night's schedule with half a migration done.
 */
#ifndef TRUEUP_AGENT_DAEMON_MARKER_H
#define TRUEUP_AGENT_DAEMON_MARKER_H

#include <stdbool.h>

void marker_set(const char *directory, const char *name);
void marker_clear(const char *directory, const char *name);
bool marker_is_set(const char *directory, const char *name);

#endif
