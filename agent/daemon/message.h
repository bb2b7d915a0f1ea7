/*
 * message.h - what people are told of deployments whose state has changed.
 * Pure: state in, JSON out, and bounded whatever there is to tell.
 *
 * Within trueup/notification/v1 members are added, never taken away nor given
 * another meaning.
 */
#ifndef TRUEUP_AGENT_DAEMON_MESSAGE_H
#define TRUEUP_AGENT_DAEMON_MESSAGE_H

#include "daemon/config.h"
#include "daemon/state.h"

#include <jansson.h>
#include <stddef.h>
#include <time.h>

#define MESSAGE_SCHEMA "trueup/notification/v1"
#define MESSAGE_CHANGES_MOST 50 /* that are listed; of the others only the number is told */
#define MESSAGE_LINES_MOST 20   /* of its text */
#define MESSAGE_REASON_MOST 300 /* bytes */

struct message_change {
	const char *before; /* a word of state_words */
	const struct state_deployment *deployment;
};

/* The same of the specs themselves. */
struct message_specs {
	const char *before, *now; /* MESSAGE_IN_FORCE, MESSAGE_REFUSED */
	const char *revision;     /* that was refused; NULL: none, or not known */
	const char *reason;       /* "" if none */
};
#define MESSAGE_IN_FORCE "in-force"
#define MESSAGE_REFUSED "refused"

/* A run that was in sync before and is so again, but had something to do. */
struct message_repair {
	const char *deployment;
	const char *kind; /* MESSAGE_REPAIRED; MESSAGE_APPLIED: its spec, or its revision, was another one */
	const char *what; /* state_judge_work() */
	time_t at;
};
#define MESSAGE_REPAIRED "repaired"
#define MESSAGE_APPLIED "applied"

/* What is told. */
struct message_news {
	struct message_change *changes; /* are sorted */
	size_t count;
	const struct message_specs *specs; /* NULL: they are as they were */
	const struct message_repair *repairs;
	size_t repair_count;
};

/*
 * {"schema", "id", "target", "sentAt", "text", "specs": … or null, "changes": […],
 * "more": …, "repairs": […]}; the worst first. The id is the same for the same changes: whoever gets a message twice
 * (the agent was killed in between) can tell. A new reference.
 */
json_t *message_make(const char *target, const struct message_news *news, time_t now);

/* {"text": …}, so that Slack and its like show it as it is. A new reference. */
json_t *message_make_slack(const json_t *message);

/* At most so many bytes of it, with a sign that it was cut, and never within a character. A new reference. */
json_t *message_cut(const char *text, size_t most);

#endif
