/*
 * apis_record.h - what it takes to publish APIs again that trueup removed: a
 * file in the state directory, NAME.published-apis.json.
 *
 * It is written before anything is removed, and an entry stays in it for ever,
 * by its stack's name: whoever wants it shorter deletes the file. It has no
 * values of API keys. A file that is not understood is never replaced.
 */
#ifndef TRUEUP_KINDS_APIS_RECORD_H
#define TRUEUP_KINDS_APIS_RECORD_H

#include "kinds/kind.h"

struct apis_record {
	const char *file;
	struct observed_api *apis;
	size_t count;
};

/* What is recorded of the deployment; nothing, where there is no file. ERROR_INVALID: the file is not understood. */
int apis_record_read(struct kind_context *context, struct apis_record *record, struct error *err);

/* Add the API, or put it in the place of the entry of its stack; durable when it returns. */
int apis_record_add(struct kind_context *context, const struct observed_api *api, struct error *err);

#endif
