/*
 * order.h - the order of actions, from their conditions.
 */
#ifndef TRUEUP_PLAN_ORDER_H
#define TRUEUP_PLAN_ORDER_H

#include "plan/plan.h"

/*
 * Sort plan->actions so that each comes after all that give what it needs;
 * otherwise as they were added. Those in a circle come last and FAILED.
 */
void plan_order_actions(struct plan *plan);

#endif
