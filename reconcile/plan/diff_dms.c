/*
 * Rows by DMS: homogeneous data migration of the whole table, which DMS does
 * and we follow.
 */
#include "plan/diff_vectors.h"

bool diff_needs_still_password(const struct plan_input *input, struct arena *arena)
{
	const struct desired_vectors *desired = &input->desired->vectors;

	return desired->present && desired->restore.present && desired->restore.method == DESIRED_RESTORE_DMS &&
	       !diff_rows_match(input, arena);
}
