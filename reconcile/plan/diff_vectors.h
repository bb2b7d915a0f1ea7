/*
 * diff_vectors.h - private to the diff of the vector table: diff_vectors.c
 * compares rows with what diff_expect.c says that there should be, diff_index.c
 * looks at schema and vector index, and diff_restore.c says how rows come back.
 */
#ifndef TRUEUP_PLAN_DIFF_VECTORS_H
#define TRUEUP_PLAN_DIFF_VECTORS_H

#include "plan/diff.h"

/* Between actions of the vectors kind only: there is no vector index in the way of a load. */
#define CONDITION_UNINDEXED "vectors/unindexed"
/* What rows are copied from can be read: the index is not dropped before. */
#define CONDITION_SOURCE "vectors/source"

struct expected_bot {
	const char *id;
	const char *digest; /* NULL: only the rows are known */
	int64_t rows;
	bool some; /* any number of rows will do, but none */
	bool gone; /* the bot is no longer in the application: what is there of it, or not, is no drift */
};

struct expected {
	struct expected_bot *bots; /* sorted by id */
	size_t count;
	const char *unknown; /* why it is not known how many rows there should be; NULL: it is */

	/* Bots whose rows are nobody's to delete, whatever is expected; NULL: the application was not looked at. */
	const struct observed_bots *application;
};

struct bot_list {
	const char **ids;
	size_t count;
	size_t changed; /* of these, bots with as many rows as they should have, but not the same ones */
	size_t bare;    /* of these, bots of which is known only that they should have rows: each counts for one row */
	int64_t rows;   /* that are missing, or too many */
};

struct vectors_diff {
	const struct plan_input *input;
	struct plan *plan;
	struct plan_resource *resource;
	const struct desired_vectors *desired;
	const struct observed_vectors *seen;
	struct expected expected; /* what the spec's counts say; its `unknown` is why they say nothing */
	struct bot_list wanting;  /* short of rows, or with other rows */
	struct bot_list overfull; /* more rows than they should have */
	struct bot_list extra;    /* should not be there at all */
	bool orphans;             /* these are known to be no longer in the application */
	const char *leftover;     /* what a restore has left and should not be there; NULL: nothing */
	const char *unknown;      /* why it is not known whether the rows match; NULL: it is */
};

/* --- diff_expect.c --- */

/* The rows that each bot should have, as spec.vectors.counts says. */
struct expected diff_expect(const struct plan_input *input, struct arena *arena);

/* The bot of that id, or NULL. */
const struct expected_bot *diff_find_expected(const struct expected *expected, const char *id);

/* --- diff_vectors.c --- */

/* Puts into the resource what each bot has and should have. */
void diff_list_counts(struct vectors_diff *diff);

/* The least and the most rows that pass for what is expected of a bot; INT64_MAX: any number more. */
int64_t diff_least_rows(const struct desired_vectors *desired, const struct expected_bot *expected);
int64_t diff_most_rows(const struct desired_vectors *desired, const struct expected_bot *expected);

/* "314 rows" */
const char *diff_rows_text(struct arena *arena, int64_t rows);

/* "2 bots are short of 314 rows, 1 bot has other rows than it should" */
const char *diff_describe_wanting(struct arena *arena, const struct bot_list *list);

/* "12 rows of 2 bots that no longer exist" */
const char *diff_describe_orphans(struct arena *arena, const struct bot_list *list);

/*
 * Compare the rows alone, on a plan that nobody sees: the lists, and `unknown`.
 * False where there are no rows to compare, or nothing to compare them with.
 */
bool diff_compare_rows(const struct plan_input *input, struct arena *arena, struct vectors_diff *diff);

/* --- diff_index.c --- */

/* What is missing of extension, table, keys. Before anything else: whatever differs by then is the schema's. */
void diff_schema(struct vectors_diff *diff);

/* The vector index. After the rows are compared: it is built once most of them are there. */
void diff_index(struct vectors_diff *diff);

/* Whether the index is such as trueup would build for the rows that are there. */
bool diff_index_fits(const struct plan_input *input);

/* --- diff_restore.c --- */

/* Put the rows of all three lists right: as spec.vectors.restore has it, or by a person. */
void diff_restore(struct vectors_diff *diff);

/* Whether spec.vectors.restore brings rows back now, so that a load is to be expected. */
bool diff_restore_moves_rows(const struct vectors_diff *diff);

/* --- diff_embed.c --- */

/* An action `embed` for each bot that wants rows, with the bot as its object. */
void diff_embed_bots(struct vectors_diff *diff);

/* Whether any of them can be embedded. */
bool diff_embed_moves_rows(const struct vectors_diff *diff);

/* "cluster my-cluster-old": where spec.vectors.restore takes rows from. */
const char *diff_describe_source(const struct vectors_diff *diff);

/* --- diff_dms.c --- */

/* Whether a load by DMS is about to begin, with nothing in its way. */
bool diff_dms_can_begin(const struct vectors_diff *diff);

/* The rows that are wanted, by DMS; and what is left of DMS, away. */
void diff_restore_by_dms(struct vectors_diff *diff);

/* With another method, after its actions: away with what DMS has left, before rows are copied. */
void diff_leave_dms(struct vectors_diff *diff);

/* --- for the methods of restore, a function each in diff_restore.c or a file of its own --- */

/* An action that changes rows of the bots of a list, which become its arguments `bot`. */
struct plan_action *diff_add_rows_action(struct vectors_diff *diff, const char *verb, const struct bot_list *list);

/*
 * Verb `copy` for the bots that want rows and `replace` for those with too
 * many, of one source that holds them all. Each is NULL where its list is
 * empty. source: "cluster my-cluster-old", for the reason.
 */
struct copy_actions {
	struct plan_action *copy;    /* gives CONDITION_ROWS */
	struct plan_action *replace; /* takes delete-vectors */
};
struct copy_actions diff_add_copies(struct vectors_diff *diff, const char *source);

/* "cluster my-cluster-old", or the host: what restore.from names. */
const char *diff_describe_source(const struct vectors_diff *diff);

/* --- diff_snapshot.c --- */

/* restore.from: {snapshot: …}, and what is left of an earlier one. Also where no row is missing. */
void diff_restore_by_snapshot(struct vectors_diff *diff);

/* With any other method or source: temporary clusters that an earlier spec has left. */
void diff_leave_snapshot(struct vectors_diff *diff);

/* --- diff_replication.c --- */

/*
 * Set up, follow and end a logical replication, or remove what is left of one.
 * Returns whether that may take bots along which should not be there, so that
 * they are to be judged afterwards.
 */
bool diff_replication(struct vectors_diff *diff);

/* The second of them alone. */
struct plan_action *diff_add_replace(struct vectors_diff *diff, const char *source);

#endif
