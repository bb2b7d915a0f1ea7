/* Words of DMS's that AWS publishes no list of. */
#include "base/test_main.h"
#include "plan/diff.h"

#include <string.h>

static const struct {
	struct observed_dms_migration migration;
	enum diff_dms_phase phase;
} phases[] = {
    {{.status = "READY"}, DIFF_DMS_ABSENT},
    {{.exists = true, .status = "CREATING"}, DIFF_DMS_CREATING},
    {{.exists = true, .status = "Creating"}, DIFF_DMS_CREATING},
    {{.exists = true, .status = "READY"}, DIFF_DMS_READY},
    {{.exists = true, .status = "created"}, DIFF_DMS_READY},
    {{.exists = true, .status = "STARTING"}, DIFF_DMS_RUNS},
    {{.exists = true, .status = "Load running", .percent = 40}, DIFF_DMS_RUNS},
    {{.exists = true, .status = "Load running", .percent = 100}, DIFF_DMS_RUNS},
    {{.exists = true, .status = "STOPPING", .percent = 100}, DIFF_DMS_RUNS},
    {{.exists = true, .status = "A word that nobody has heard of"}, DIFF_DMS_RUNS},
    {{.exists = true}, DIFF_DMS_RUNS},
    {{.exists = true, .status = "STOPPED", .percent = 100}, DIFF_DMS_LOADED},
    {{.exists = true, .status = "Load complete", .percent = 100}, DIFF_DMS_LOADED},
    {{.exists = true, .status = "Finished", .percent = 100}, DIFF_DMS_LOADED},
    /* An end says more than a word. */
    {{.exists = true, .status = "Whatever", .percent = 100, .ended = "2026-11-22T09:00:00Z"}, DIFF_DMS_LOADED},
    {{.exists = true, .status = "Whatever", .percent = 40, .ended = "2026-11-22T09:00:00Z"}, DIFF_DMS_STOPPED},
    {{.exists = true, .status = "STOPPED", .percent = 40}, DIFF_DMS_STOPPED},
    {{.exists = true, .status = "STOPPED", .percent = 100, .errored = 1}, DIFF_DMS_STOPPED},
    {{.exists = true, .status = "STOPPED", .percent = 100, .failure = "why"}, DIFF_DMS_FAILED},
    {{.exists = true, .status = "FAILED", .percent = 100}, DIFF_DMS_FAILED},
    {{.exists = true, .status = "Error in full load"}, DIFF_DMS_FAILED},
    {{.exists = true, .status = "DELETING", .percent = 100}, DIFF_DMS_DELETING},
    {{.exists = true, .status = "Failed to delete"}, DIFF_DMS_DELETING},
};

START_TEST(any_word_has_a_phase)
{
	ck_assert_int_eq(diff_dms_phase(&phases[_i].migration), phases[_i].phase);
}
END_TEST

START_TEST(only_what_rests_needs_advice)
{
	struct arena *arena = arena_new();
	const char *advice = diff_dms_advice(arena, "rows", &phases[_i].migration);
	bool rests = phases[_i].phase == DIFF_DMS_LOADED || phases[_i].phase == DIFF_DMS_STOPPED ||
	             phases[_i].phase == DIFF_DMS_FAILED;

	ck_assert_int_eq(advice != NULL, rests);
	ck_assert(advice == NULL || strstr(advice, "delete-data-migration --data-migration-identifier rows") != NULL);
	arena_free(arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("diff_dms");
	TCase *tests = tcase_create("diff_dms");
	int count = (int)(sizeof(phases) / sizeof(phases[0]));

	tcase_add_loop_test(tests, any_word_has_a_phase, 0, count);
	tcase_add_loop_test(tests, only_what_rests_needs_advice, 0, count);
	suite_add_tcase(suite, tests);
	return suite;
}
