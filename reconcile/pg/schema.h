/*
 * schema.h - Bedrock Chat's vector table: what is there, and making what is
 * missing.
 *
 *     items(id char(26) PRIMARY KEY, botid char(26), content text,
 *           source text, embedding vector(1024))
 *     idx_items_botid btree (botid)
 *     idx_items_embedding ivfflat (embedding vector_l2_ops)
 *
 * Source: cdk/custom-resources/setup-pgvector/index.js of Bedrock Chat. A
 * table's name is "items" (in the schema public) or "schema.items", spelled
 * as the catalogue has it.
 */
#ifndef TRUEUP_PG_SCHEMA_H
#define TRUEUP_PG_SCHEMA_H

#include "base/arena.h"
#include "base/error.h"
#include "pg/connect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_EMBEDDING_DIMENSION 1024

struct pg_column {
	const char *name;
	const char *type; /* as format_type() has it: "character(26)", "vector(1024)" */
};

struct pg_index {
	const char *name;    /* without the schema, which is the table's */
	const char *method;  /* "ivfflat", "hnsw", "btree" */
	const char *opclass; /* "vector_l2_ops" */
	int64_t lists;       /* ivfflat; 0 otherwise */
	int64_t trained;     /* rows that pg_index_build() built it on, by its comment; 0: somebody else did */
	bool valid;          /* false: what an interrupted build left behind, or one under way */
};

struct pg_schema {
	int server_version;           /* 150004 */
	const char *vector_installed; /* version of the extension; NULL: not in this database */
	const char *vector_available; /* NULL: not on this server */
	bool pgcrypto_installed;
	bool table_exists;
	struct pg_column *columns;
	size_t column_count;
	const char *mismatch;            /* how the columns differ from Bedrock Chat's, in words; NULL: they do not */
	int dimension;                   /* of embedding; -1: any, or no such column */
	bool primary_key;                /* on id alone */
	bool botid_index;                /* a valid index that begins with botid */
	struct pg_index *vector_indexes; /* on embedding, valid or not, by name */
	size_t vector_index_count;
};

/* Fill *schema with copies in the arena. An absent table is no error: table_exists says so. */
int pg_schema_observe(struct pg_session *session, struct arena *arena, const char *table, struct pg_schema *schema,
                      struct error *err);

/* The valid vector index, the first by name if there are several; NULL if none. */
const struct pg_index *pg_schema_vector_index(const struct pg_schema *schema);

/*
 * Create what is missing of extensions (vector, pgcrypto), table, primary key
 * and index on botid, and nothing else; in one transaction, so all or nothing.
 * Never drops, never alters a column. The vector index is pg_index_build()'s.
 * ERROR_STATE if the table is there with columns that Bedrock Chat could not
 * use; ERROR_NOT_FOUND if the server does not offer the extension vector.
 */
int pg_schema_create(struct pg_session *session, const char *table, int dimension, struct error *err);

/* How a vector index is to be built. */
struct pg_index_request {
	const char *table;
	const char *method; /* "ivfflat" or "hnsw" */
	int64_t lists;      /* ivfflat; 0: pg_index_lists() of the rows that are there */
	bool concurrently;  /* the table stays writable meanwhile; needs about twice the time */
	int maintenance_mb; /* maintenance_work_mem of this session; 0: 256 */
	int workers;        /* parallel workers beside the leader; 0: 2 */
};

/*
 * Build the index and put it in the place of every other vector index of the
 * table: created under a temporary name, the others dropped and it renamed to
 * "idx_<table>_embedding" in one transaction. Searches have an index at any
 * moment. What an interrupted build left under the temporary name is dropped first.
 * How many rows there were is written into its comment: PostgreSQL keeps that nowhere.
 * Waits till the end; settings.stop cancels.
 */
int pg_index_build(struct pg_session *session, const struct pg_index_request *request, struct error *err);

/* Drop every vector index of the table, valid or not. */
int pg_index_drop(struct pg_session *session, const char *table, struct error *err);

/* pgvector's guidance: rows / 1000 up to a million rows, their square root above; at least 1, at most 32768. */
int64_t pg_index_lists(int64_t rows);

/* VACUUM ANALYZE: after a copy, so that counts come from the index and plans fit. */
int pg_table_vacuum(struct pg_session *session, const char *table, struct error *err);

#endif
