/*
 * saved.h - reviewed plans: what `plan --out FILE` writes and `apply FILE` carries out.
 *
 * A saved plan names the spec file and its sha256, and holds the differences
 * and actions that a person has seen. It is carried out only if a fresh plan
 * of the same spec says the same: same differences, same actions.
 */
#ifndef TRUEUP_RUN_SAVED_H
#define TRUEUP_RUN_SAVED_H

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"
#include "spec/desired.h"

#include <jansson.h>
#include <stdbool.h>

#define SAVED_SCHEMA "trueup/plan/v1"

struct saved_plan {
	const char *name;   /* the deployment */
	const char *file;   /* its spec */
	const char *sha256; /* of the spec's text */
	const json_t *plan; /* resources with differences, actions; borrowed from the document */
};

struct saved_plans {
	json_t *document; /* owns */
	struct saved_plan *items;
	size_t count;
};

/* Whether the text is a saved plan at all (and not, say, a spec). */
bool saved_is_plan(const char *text);

/* The document for --out: add each deployment, then saved_write(). A new reference. */
json_t *saved_new(void);
void saved_add(json_t *document, const struct desired *desired, const struct plan *plan);
int saved_write(const json_t *document, const char *path, struct error *err);

/* ERROR_INVALID if it is not a whole saved plan of this version. */
int saved_parse(struct arena *arena, const char *text, struct saved_plans *plans, struct error *err);
void saved_free(struct saved_plans *plans);

/* Whether two plans of a spec are the same to the letter. -1 with ERROR_REFUSED and what differs first if not. */
int saved_compare(const struct plan *before, const struct plan *now, struct error *err);

/*
 * Whether the spec and the world are still what they were at review. -1 with
 * ERROR_REFUSED and what has changed if not.
 */
int saved_check(const struct saved_plan *saved, const struct desired *desired, const struct plan *plan,
                struct error *err);

#endif
