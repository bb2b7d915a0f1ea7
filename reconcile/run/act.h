/*
 * act.h - carry out a plan: each action when what it needs holds, through the
 * gate, written to the audit log before and after.
 */
#ifndef TRUEUP_RUN_ACT_H
#define TRUEUP_RUN_ACT_H

#include "base/audit.h"
#include "kinds/kind.h"
#include "run/gate.h"
#include "run/progress.h"

#include <stdint.h>

struct act {
	struct kind_context *context; /* writing */
	struct plan *plan;
	struct gate *gate;
	struct audit *audit;
	struct progress *progress;
	int64_t wait; /* seconds to stay for long operations */
};

/*
 * Do what is PLANNED until nothing more can be done now, or the time to wait is
 * over. Leaves in each action what became of it, and in what follows it why it
 * was not begun. -1 only if the audit log cannot be written: then no further
 * action is begun.
 */
int act_run(struct act *act, struct error *err);

#endif
