/*
 * report.h - what a run says at the end: one tree, three renderings.
 *
 * report_build() makes the tree of schema trueup/report/v1 (the contract's
 * JSON, keys in its order); text and Markdown are rendered from that tree, so
 * that none of them can say what the others do not.
 */
#ifndef TRUEUP_REPORT_REPORT_H
#define TRUEUP_REPORT_REPORT_H

#include "base/buf.h"
#include "plan/plan.h"
#include "spec/desired.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define REPORT_SCHEMA "trueup/report/v1"

/* Exit codes of the contract, for one deployment and for the program. */
enum report_exit {
	REPORT_EXIT_FINE = 0,
	REPORT_EXIT_FAILED = 1,
	REPORT_EXIT_DRIFT = 2,
	REPORT_EXIT_USAGE = 64,
	REPORT_EXIT_INVALID = 65,
	REPORT_EXIT_BUSY = 75,
};

/* What a run asked of a service of AWS. */
struct report_calls {
	const char *service; /* "rds" */
	uint64_t calls, retries, throttles;
};

struct report_input {
	const char *command; /* "plan", "apply" */
	const struct desired *desired;
	const char *commit;  /* git revision of the spec's file; NULL: not known */
	const char *trigger; /* what started the run; NULL: not known, and left out */
	const char *account; /* that was seen; NULL: none */
	const char *region;
	time_t started_at;
	time_t finished_at;
	const struct plan *plan;     /* the resources' state as last seen, and the actions with what became of them */
	const struct plan *acted_on; /* resources as they were before the run acted on them; NULL: it did not */
	const int64_t *audited;      /* numbers of its lines in the audit log that say that it runs */
	size_t audited_count;
	const char *const *only; /* as --only was given; NULL: it was not */
	size_t only_count;
	const struct report_calls *calls; /* those services that were asked */
	size_t calls_count;
	bool stopped;              /* a person or the system asked it to end before it was done */
	const struct error *error; /* why the run could not be made at all; NULL */
};

/*
 * A new reference. Besides the contract's keys:
 *
 *   of a resource   `notes`; `found`, what differed before the run acted on it, as in `differences`, if it did; `rows`
 *                   {expected, present, bots: {ID: {expected, present}}}, where rows were counted (of vectors;
 *                   `expected` is null where it is not known, the first 5,000 bots are listed)
 *   of an action    `allow`, `waitsFor` and `gives` (plan.h); `later`: true, where only what this run had done
 *                   before showed that it was to be done
 *   at the top      the spec's `mode`; and, only if there is one: `trigger`, what started the run; `stopped`:
 *                   true, if it was asked to end; `only`, as --only was given; `audit`, the numbers of its lines
 *                   `run` in the audit log; `api` {SERVICE: {calls, retries, throttles}}, what AWS was asked;
 *                   `error` {code, message}
 *
 * Text that is not UTF-8 stands escaped as \xHH.
 */
json_t *report_build(const struct report_input *input);

/*
 * The deployment's exit code, from the tree alone: 1 if anything is unknown or
 * failed (or the account is not the spec's), 2 if drift remains or actions are
 * planned, waiting or blocked, else 0. 75 if error.code is busy, 65 if invalid.
 */
enum report_exit report_exit_code(const json_t *report);

/* The worse of two, in the order 65, 1, 75, 2, 0. */
enum report_exit report_worse(enum report_exit a, enum report_exit b);

struct report_style {
	bool color;
	bool quiet;   /* text: only what is not in sync */
	bool verbose; /* text: also what an action calls, its conditions, all of a long list */
	int width;    /* columns of the terminal; 0: 80. Lines break at spaces only, so a long name may pass it */
};

/*
 * Text for a person: a headline, a line per resource with its differences and
 * actions under it, and what to do next; one line if all is in sync. Several
 * deployments go into one buf, one after the other: a blank line keeps them apart.
 */
void report_render_text(const json_t *report, const struct report_style *style, struct buf *out);

/* One line of JSON, in ASCII. */
void report_render_json(const json_t *report, struct buf *out);

/*
 * Markdown for a pull-request comment, all deployments in one document: under
 * 65,536 bytes whatever the reports, the summary first, destructive actions
 * next and never cut, long lists folded and, if they must, cut with a word about it.
 */
#define REPORT_MARKDOWN_MAX 65535
void report_render_markdown(const json_t *const *reports, size_t count, struct buf *out);

#endif
