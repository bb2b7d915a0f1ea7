/*
 * replication.h - PostgreSQL's own logical replication of one table, piece by
 * piece: how each is seen, made and taken down.
 *
 * The source (publisher) has a publication, a replication slot and a role; the
 * target (subscriber) has a subscription. All are of one name. The role is
 * what the target's server logs in with: it may replicate and own nothing, and
 * its password is made here and kept nowhere but in the subscription.
 *
 * The slot is made with a snapshot: the rows of that moment are copied by
 * pg_copy(), and the slot holds every change from that very moment on. A
 * subscription is made disabled, which already proves that the target's server
 * reaches the source, and enabled once the copy is there. So of what a crash
 * leaves, an enabled subscription with its slot needs nothing but to be
 * followed, and anything else is taken down and begun anew.
 *
 * TRUNCATE is not published: it would take rows along that only the target has.
 *
 * Source: PostgreSQL's documentation, chapters "Logical Replication" and
 * "Streaming Replication Protocol"; Aurora's, "rds.logical_replication".
 */
#ifndef TRUEUP_PG_REPLICATION_H
#define TRUEUP_PG_REPLICATION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "pg/connect.h"

#include <stdbool.h>
#include <stdint.h>

/* The source's server, as far as replication goes, and the pieces of that name on it. */
struct pg_publisher {
	bool rds;            /* RDS or Aurora, where rds.logical_replication sets wal_level */
	bool logical;        /* wal_level */
	int64_t slots_left;  /* replication slots that the server has room for */
	bool identity;       /* deleted and changed rows can be told: a primary key, or what stands for it */
	const char *extra;   /* columns that are not Bedrock Chat's, by name; NULL: none */
	const char *missing; /* a right that the session's user does not have, in words; NULL: none */
	bool publication;
	bool role;
	bool slot;
	bool slot_active;     /* the target's server is connected to it */
	bool slot_lost;       /* the server has given up the WAL that it needs */
	bool old_slot;        /* of an earlier beginning: see pg_slot_put_aside() */
	int64_t held_bytes;   /* WAL that the server keeps for the slots */
	int64_t behind_bytes; /* WAL that the target has not confirmed yet */
	int64_t confirmed;    /* where in the WAL the target is, in bytes: it only grows */
};

struct pg_subscriber {
	const char *missing; /* as above; also what the server is not set up for */
	bool subscription;
	bool enabled;
	int64_t errors; /* changes that it could not apply, and connections that it lost; 0 before PostgreSQL 15 */
};

/*
 * Whether the target's server keeps a password out of its log: if not,
 * ERROR_DENIED as of pg_subscriber_create() and pg_subscriber_redirect().
 */
int pg_subscriber_is_discreet(struct pg_session *session, struct error *err);

/* ERROR_NOT_FOUND if there is no such table. */
int pg_publisher_observe(struct pg_session *session, struct arena *arena, const char *table, const char *name,
                         struct pg_publisher *publisher, struct error *err);

int pg_subscriber_observe(struct pg_session *session, struct arena *arena, const char *name,
                          struct pg_subscriber *subscriber, struct error *err);

/*
 * Make publication and role, in one transaction, in place of any of that name.
 * The password reaches the server as a SCRAM verifier only. On an RDS server the
 * role is given rds_replication, and a superuser gives it REPLICATION.
 */
int pg_publisher_create(struct pg_session *session, const char *table, const char *name, const struct secret *password,
                        struct error *err);

/* Another password for the role, or the role again if it is gone; publication and slot stay as they are. */
int pg_publisher_renew(struct pg_session *session, const char *name, const struct secret *password, struct error *err);

/*
 * Make the slot, as the role of `settings` (its database is the table's). The
 * snapshot is of the moment from which on the slot has every change, and good
 * for as long as *holder is open. Waits for the transactions that write at this
 * moment, ten minutes at most (ERROR_TIMEOUT).
 */
int pg_slot_create(const struct pg_settings *settings, const char *name, char snapshot[PG_SNAPSHOT_SIZE],
                   struct pg_session **holder, struct error *err);

/*
 * A beginning that was cut off has copied bots as of its own moment. What was
 * deleted on the source since is still on the target then, and looks like rows
 * that are nowhere else: but the slot of that beginning knows. So it is put
 * aside under another name when the next one begins: a slot that was put aside
 * before stays, since it is older. Without a slot, nothing is done. No server
 * may be connected to it.
 */
int pg_slot_put_aside(struct pg_session *session, const char *name, struct error *err);

/*
 * The ids of what was deleted on the source since the slot was made that was put
 * aside, 100,000 at most; none where there is no such slot. Call after
 * pg_slot_create(), and nothing that its snapshot does not have is missed.
 */
struct pg_ids {
	const char **items;
	size_t count;
};
int pg_slot_list_deleted(struct pg_session *session, struct arena *arena, const char *table, const char *name,
                         struct pg_ids *ids, struct error *err);

/*
 * Drop the slot, and the one that was put aside, if they are there. While a
 * server is connected to it that is waited for; if it takes long, the role of the
 * slot's name may not log in any more, and the connection is ended. ERROR_BUSY
 * (retryable) if it is connected nevertheless.
 */
int pg_slot_drop(struct pg_session *session, const char *name, struct error *err);
int pg_slot_drop_old(struct pg_session *session, const char *name, struct error *err);

/*
 * Drop slots, publication and role, those that are there. The subscription must
 * have gone before. Errors as pg_slot_drop() has them.
 */
int pg_publisher_drop(struct pg_session *session, const char *name, struct error *err);

/*
 * How the target's server gets to the source. What is NULL or 0 is left to that
 * server's libpq. TLS with channel binding: the server at the other end proves
 * that it knows the password's verifier, and that nobody stands between, so no
 * certificate of an authority is needed on the target. Where `sslmode` is weaker
 * than require, it is as weak.
 */
struct pg_publisher_address {
	const char *host;
	int port;
	const char *database;
	const char *sslmode;
};

/*
 * Make the subscription, disabled. The target's server connects to the source
 * for it, and says in err where that fails. The password is in no log:
 * ERROR_DENIED where the server would write it there, see unlogged.h.
 */
int pg_subscriber_create(struct pg_session *session, const char *name, const struct pg_publisher_address *address,
                         const struct secret *password, struct error *err);

/* Let it follow. */
int pg_subscriber_enable(struct pg_session *session, const char *name, struct error *err);

/* Another password, or another address; as pg_subscriber_create() does it. */
int pg_subscriber_redirect(struct pg_session *session, const char *name, const struct pg_publisher_address *address,
                           const struct secret *password, struct error *err);

/* Have the target's server connect, and say in err why it cannot. */
int pg_subscriber_probe(struct pg_session *session, const char *name, struct error *err);

/* Drop it if it is there, all at once; the source is not asked, and keeps its slot. */
int pg_subscriber_drop(struct pg_session *session, const char *name, struct error *err);

/*
 * Whether the target has taken over all that the source had committed before
 * the call, waiting `patience_ms` for it at most. `session` is the source's, and
 * writes a mark into its WAL.
 */
int pg_replication_catch_up(struct pg_session *session, const char *name, int64_t patience_ms, bool *caught_up,
                            struct error *err);

/* A password that nobody could guess. The caller frees it. */
struct secret *pg_replication_password(void);

#endif
