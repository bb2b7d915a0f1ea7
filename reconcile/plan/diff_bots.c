/*
 * The application's bots: whether whoever asks them is answered.
 */
#include "plan/diff.h"

#define KIND "bots"

void plan_diff_bots(const struct plan_input *input, struct plan *plan)
{
	const struct observed_bots *seen = &input->observed->bots;

	if (!input->desired->bots.present || plan_is_left_out(&seen->head))
		return;
	if (seen->head.status != OBSERVED_SEEN)
		plan_add_unseen(plan, KIND, seen->table != NULL ? seen->table : "bots", &seen->head);
}
