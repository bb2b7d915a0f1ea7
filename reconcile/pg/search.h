/*
 * search.h - the application's search, tried out: whether the vector index
 * leads to what is there, and how much of it.
 *
 *     SELECT … WHERE botid = $1 ORDER BY embedding <-> $2 LIMIT k
 *
 * PostgreSQL decides for each search whether it goes through the vector index,
 * which reads few rows and may miss some, or through the one on botid, which
 * reads all of the bot's. Both ways are tried here on purpose, by settings of
 * the transaction alone: a reading session does.
 */
#ifndef TRUEUP_PG_SEARCH_H
#define TRUEUP_PG_SEARCH_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of a bot's own that stands for a question. */
struct pg_question {
	const char *bot;
	const char *id; /* the row; NULL: the bot has none with an embedding, and nothing is asked */
	bool answered;  /* out of pg_search_ask(): the vector index leads from the row to itself */
};

/* Fill in the ids: of each bot the first row that has an embedding. */
int pg_search_pick(struct pg_session *session, struct arena *arena, const char *table, struct pg_question *questions,
                   size_t count, struct error *err);

/* The vector index that serves the search, made to; NULL: there is none, or it is for another distance. */
int pg_search_index(struct pg_session *session, struct arena *arena, const char *table, const char **name,
                    struct error *err);

/*
 * Ask each question through the vector index alone. A row is stored in that
 * list of an ivfflat index that a search with it reads first, so an index that
 * does not lead to it has lost it.
 */
int pg_search_ask(struct pg_session *session, struct arena *arena, const char *table, struct pg_question *questions,
                  size_t count, struct error *err);

/* How much of what is nearest the index finds, the questions' own rows left out. */
struct pg_recall {
	int64_t questions; /* of which the bot has other rows: the rest says nothing */
	int64_t expected;  /* rows that a look at all rows of the bots finds */
	int64_t found;     /* of these, found through the index */
	int64_t indexed;   /* questions that PostgreSQL, left to itself, sends through the index */
};

/* limit: rows that a search asks for. index: pg_search_index()'s. */
int pg_search_recall(struct pg_session *session, struct arena *arena, const char *table, const char *index,
                     const struct pg_question *questions, size_t count, int limit, struct pg_recall *recall,
                     struct error *err);

/* The beginning of a row's content, in characters; NULL if it has none. */
int pg_search_content(struct pg_session *session, struct arena *arena, const char *table, const char *id,
                      int characters, const char **content, struct error *err);

/*
 * Search as the application does, PostgreSQL left to itself. embedding: as
 * pgvector reads it, "[0.1,0.2]". answers: rows of the bot that came back;
 * found: whether the row `id` was among them.
 */
struct pg_answers {
	int64_t answers;
	bool found;
};
int pg_search_text(struct pg_session *session, struct arena *arena, const char *table,
                   const struct pg_question *question, const char *embedding, int limit, struct pg_answers *answers,
                   struct error *err);

/*
 * Whether searches read a quarter of the table's rows or more, on an average
 * over a sample of them: the ivfflat index was trained on no rows, or on others
 * than those that are there. Of such an index the centres are random, and the
 * one that happens to be nearest to everything has nearly all rows, or two or
 * three of them that are as near as each other share the rows. Means something
 * with eight lists or more: k-means fills these evenly enough. No more than a
 * quarter of the table is read for each question.
 *
 * questions: with their rows, each bot as often as it has rows; rows: of the table.
 */
struct pg_sample {
	const struct pg_question *questions;
	size_t count;
	int64_t rows;
};
int pg_search_is_crowded(struct pg_session *session, struct arena *arena, const char *table,
                         const struct pg_sample *sample, bool *crowded, struct error *err);

#endif
