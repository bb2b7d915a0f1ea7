#include "aws/retry.h"

#include <math.h>
#include <stdlib.h>

#define COST_RETRY 5
#define COST_TIMEOUT 10
#define REFUND_FIRST 1 /* for a success at the first attempt */
#define LONGEST_WAIT_SECONDS 20
#define CLOCK_TOLERANCE_SECONDS 240

void retry_init(struct retry_budget *budget, int max_attempts)
{
	*budget = (struct retry_budget){
	    .left = RETRY_BUDGET,
	    .max_attempts = max_attempts > 0 ? max_attempts : RETRY_ATTEMPTS,
	};
}

/* Once a call, at once, and for nothing: another date or other credentials make another request of it. */
static bool may_repair(struct retry *retry, const struct retry_case *failed)
{
	if (failed->kind == FAULT_CLOCK && !retry->redated && llabs(failed->clock_offset) > CLOCK_TOLERANCE_SECONDS) {
		retry->redated = true;
		return true;
	}
	if (failed->kind == FAULT_CREDENTIALS && !retry->reauthorized) {
		retry->reauthorized = true;
		return true;
	}
	return false;
}

int64_t retry_decide(struct retry_budget *budget, struct retry *retry, const struct retry_case *failed)
{
	int cost = failed->kind == FAULT_TIMEOUT ? COST_TIMEOUT : COST_RETRY;
	int most = budget->max_attempts;

	retry->attempts++;
	if (may_repair(retry, failed))
		return 0;
	if (failed->kind != FAULT_TRANSIENT && failed->kind != FAULT_TIMEOUT && failed->kind != FAULT_THROTTLE)
		return -1;
	if (failed->kind == FAULT_THROTTLE && most > 1)
		most *= 2;
	if (retry->attempts >= most || budget->left < cost)
		return -1;
	budget->left -= cost;
	retry->taken = cost;
	return (int64_t)(failed->random * fmin(exp2(retry->attempts - 1), LONGEST_WAIT_SECONDS) * 1000);
}

void retry_note_success(struct retry_budget *budget, const struct retry *retry)
{
	budget->left += retry->taken > 0 ? retry->taken : REFUND_FIRST;
	if (budget->left > RETRY_BUDGET)
		budget->left = RETRY_BUDGET;
}
