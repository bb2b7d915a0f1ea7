/*
 * state_judge.h - what a report says of a deployment: pure functions of its tree.
 */
#ifndef TRUEUP_AGENT_DAEMON_STATE_JUDGE_H
#define TRUEUP_AGENT_DAEMON_STATE_JUDGE_H

#include "daemon/state.h"

/*
 * The report's resources, in the arena. Those that are in the state in which
 * `before` had them keep its since; the others are so since `now`. *count may be
 * a member of `before`: it is set last.
 */
struct state_condition *state_judge_conditions(struct arena *arena, const json_t *report, time_t now, size_t *count,
                                               const struct state_deployment *before);

/*
 * What a run did, for a line of a log or of a message: "1 drifted, 2 actions done: users/g/add/a@example.com,
 * users/g/add/b@example.com", in the arena. "" if it did nothing; `report` may be NULL.
 */
const char *state_judge_work(struct arena *arena, const json_t *report);

struct state_actions state_judge_actions(const json_t *report);

/* The rows of its vectors. A report that has none (they could not be seen) leaves *rows as they are. */
void state_judge_rows(const json_t *report, struct state_rows *rows);

#endif
