/*
 * apis_record.h - what it takes to publish APIs again that were removed: the
 * file NAME.published-apis.json in the state directory, for its owner only.
 *
 * An API is recorded before anything of it is deleted, and stays recorded, by
 * its stack's name: whoever has no use for an entry any more takes it out. No
 * values of API keys are in it. A file that is not understood is left as it is.
 * Runs of a deployment exclude each other (run/lock.h), so nobody else writes.
 */
#ifndef TRUEUP_KINDS_APIS_RECORD_H
#define TRUEUP_KINDS_APIS_RECORD_H

#include "kinds/kind.h"

struct apis_record {
	const char *file;
	struct observed_api *apis; /* sorted by stack */
	size_t count;
};

/* What is recorded of the deployment; nothing where there is no file. ERROR_INVALID: it is not understood. */
int apis_record_read(struct kind_context *context, struct apis_record *record, struct error *err);

/*
 * Record an API; on disk when it returns. What is known of the same stack from
 * an earlier run, and not seen any more, stays: a run that was killed may have
 * deleted keys, or the usage plan, already.
 */
int apis_record_add(struct kind_context *context, const struct observed_api *api, struct error *err);

/* Note what the deletion of a recorded stack, by its ARN, has left. Nothing where it is not recorded. */
int apis_record_note_left(struct kind_context *context, const char *id, const char **left, size_t count,
                          struct error *err);

/* Fill in what is recorded of the very same stack (its ARN) and is missing in *api. */
void apis_record_recall(struct arena *arena, const struct apis_record *record, struct observed_api *api);

#endif
