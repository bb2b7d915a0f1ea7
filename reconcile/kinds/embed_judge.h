/*
 * embed_judge.h - what is to be done for one bot that is to be embedded, from
 * what its item, ECS and the database say of it. No I/O, and no memory of
 * earlier looks: a run that was killed is gone on with by the next.
 *
 * The facts that it rests on are those of Bedrock Chat's embedding program: it
 * says RUNNING with its task's id, replaces the bot's rows in one transaction,
 * and says SUCCEEDED, or FAILED with a reason, and exits with 0 either way. A
 * task that ends otherwise leaves the item as it is, and an event that the
 * pipe loses leaves it QUEUED.
 */
#ifndef TRUEUP_KINDS_EMBED_JUDGE_H
#define TRUEUP_KINDS_EMBED_JUDGE_H

#include "aws/dynamodb.h"
#include "aws/ecs.h"
#include "base/arena.h"

#include <stdint.h>

enum embed_verdict {
	EMBED_START,  /* nothing works on it: start it */
	EMBED_WAIT,   /* something does */
	EMBED_DONE,   /* SUCCEEDED, and its rows are there */
	EMBED_FAILED, /* no further attempt would help, or is left */
};

struct embed_facts {
	const struct dynamodb_bot *item; /* as it is now; read after the tasks were listed */
	const struct ecs_task *living;   /* a task of its that has not stopped; NULL: none */
	int64_t stopped;                 /* tasks of its that have, of the present revision, and that ECS remembers */
	const struct ecs_task *newest;   /* of these the one that was started last; NULL: there is none */
	int64_t rows;                    /* that it has. Asked for only with SUCCEEDED */
	int64_t least, most;             /* that it should have */
	int64_t now;                     /* Unix time, seconds */
	int64_t watched;                 /* seconds that this run has looked at it */
	int64_t attempts, pickup;        /* spec.vectors.restore's */
	bool queues;                     /* via: queue */
};

struct embed_judgement {
	enum embed_verdict verdict;
	const char *text; /* WAIT: for what. FAILED: why, and what a person can do */
	int64_t lost;     /* START: queued by trueup, and never picked up, so often */
	bool stuck;       /* FAILED: its item would stay QUEUED for ever, and had better say FAILED */
};

/* Texts are the arena's. */
void embed_judge(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out);

/*
 * What trueup writes into SyncStatusReason as it queues a bot: since when it is
 * queued and how often that was lost before, for itself to read later.
 */
const char *embed_format_queued(struct arena *arena, int64_t now, int64_t lost);

#endif
