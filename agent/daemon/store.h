/*
 * store.h - reports of runs that have ended, kept by age and number.
 *
 * STATE/reports/NAME/MILLISECONDS.json, a file a run: {"run": what became of it
 * (api.h), "report": the report, or null}. Names sort by time. A file is
 * written beside its name and renamed; nobody else changes it. Files that are
 * not of this form are left alone.
 */
#ifndef TRUEUP_AGENT_DAEMON_STORE_H
#define TRUEUP_AGENT_DAEMON_STORE_H

#include "base/error.h"
#include "daemon/config.h"
#include "daemon/state.h"

#include <jansson.h>
#include <stddef.h>

struct store;

/* Keeps what becomes of the state's runs from now on. `directory` is the state directory. */
struct store *store_new(struct state *state, const char *directory, const struct agent_retention *retention);
void store_free(struct store *store); /* NULL is fine */
void store_reload(struct store *store, const struct agent_retention *retention);

/* What became of the last `limit` runs, newest first: an array, a new reference. Files that cannot be read are left
 * out. */
json_t *store_list(const char *directory, const char *name, size_t limit);

#endif
