/*
 * gate.h - the one gate that every change passes.
 *
 * What may be done was decided when the plan was made; the gate does not trust
 * that. Just before an action it holds the action against the spec, the account
 * and the run once more, so that a mistake in a kind or in the plan cannot
 * change anything. Below it the transport holds too: a reading AWS client and
 * a reading database session refuse to change anything at all.
 */
#ifndef TRUEUP_RUN_GATE_H
#define TRUEUP_RUN_GATE_H

#include "base/error.h"
#include "plan/plan.h"
#include "spec/desired.h"

#include <stdbool.h>
#include <stdint.h>

struct gate {
	const struct desired *desired;
	const char *account; /* of the credentials, as seen by this run */
	bool locked;         /* this run holds the deployment's lock */
	bool dry_run;        /* every command but apply */
	int64_t changes;     /* actions let through so far */
};

/* 0 if the action may be done, else -1 with ERROR_REFUSED and why. An action that goes on (WAITING) counts once. */
int run_gate(struct gate *gate, const struct plan_action *action, struct error *err);

#endif
