/*
 * Which snapshot `auto` takes, and why it leaves the others. The baseline is of
 * cluster "old" and noon; the deployment is "chat", and its cluster now has the
 * resource id "cluster-now".
 */
#include "base/test_main.h"
#include "plan/snapshot.h"

#include <string.h>

#define NOON ((time_t)1795348800) /* 2026-11-22T12:00:00Z */
#define MORNING "2026-11-22T09:00:00Z"
#define ALMOST "2026-11-22T11:56:00Z"
#define AFTER "2026-11-22T13:00:00Z"
#define EVENING "2026-11-22T18:00:00Z"

/* Identifier and time; then the deployment of its tag, name and resource id of its cluster; then the rest. */
#define SNAPSHOT(id_, when_, deployment_, cluster_, resource_id_, ...)                                                 \
	{                                                                                                              \
		.exists = true, .identifier = (id_), .created = (when_), .deployment = (deployment_),                  \
		.cluster = (cluster_), .resource_id = (resource_id_), __VA_ARGS__                                      \
	}
#define AVAILABLE .status = "available"
#define OWN(id_, when_) SNAPSHOT(id_, when_, "chat", "old", "cluster-old", AVAILABLE)
#define FINAL(id_, when_) SNAPSHOT(id_, when_, NULL, "stack-vectors", "cluster-old", AVAILABLE, .final = true)
#define FOREIGN(id_) SNAPSHOT(id_, AFTER, NULL, "x", "cluster-x", AVAILABLE)

#define SNAPSHOTS_MAX 8

struct choice_case {
	const char *name;
	struct observed_snapshot snapshots[SNAPSHOTS_MAX]; /* the oldest first */
	const char *chosen;                                /* NULL: none */
	const char *why;                                   /* a part of it */
	bool without_baseline;
};

static const struct choice_case cases[] = {
    {.name = "none at all", .why = "there is no snapshot that trueup took"},
    {.name = "the newest of ours", .snapshots = {OWN("a", AFTER), OWN("b", EVENING)}, .chosen = "b"},
    {.name = "ours before a newer final one", .snapshots = {OWN("a", AFTER), FINAL("f", EVENING)}, .chosen = "a"},
    {.name = "a final one if ours is too old", .snapshots = {OWN("a", MORNING), FINAL("f", AFTER)}, .chosen = "f"},
    {.name = "the newest final one", .snapshots = {FINAL("f", AFTER), FINAL("g", EVENING)}, .chosen = "g"},
    {.name = "all too old",
     .snapshots = {OWN("a", MORNING), FINAL("f", MORNING)},
     .why = "f (it was taken at " MORNING ", before the baseline (2026-11-22T12:00:00Z), so rows written in between "
            "are not in it), a (it was taken at"},
    {.name = "clocks differ by some minutes", .snapshots = {OWN("a", ALMOST)}, .chosen = "a"},
    {.name = "without a baseline none is too old",
     .snapshots = {OWN("a", MORNING)},
     .chosen = "a",
     .without_baseline = true},
    {.name = "nobody knows when", .snapshots = {OWN("a", NULL)}, .why = "a (RDS does not say when it was taken)"},
    {.name = "of the cluster that the baseline is of, whoever took it",
     .snapshots = {SNAPSHOT("p", AFTER, NULL, "old", "cluster-old", AVAILABLE)},
     .chosen = "p"},
    {.name = "of a cluster of that name, but it is the present one",
     .snapshots = {SNAPSHOT("p", AFTER, NULL, "old", "cluster-now", AVAILABLE)},
     .why = "p (it is of the present cluster)"},
    {.name = "a final one of the present cluster",
     .snapshots = {SNAPSHOT("f", AFTER, NULL, "x", "cluster-now", AVAILABLE, .final = true)},
     .why = "f (it is of the present cluster)"},
    {.name = "ours of the present cluster, where there is no other",
     .snapshots = {SNAPSHOT("n", AFTER, "chat", "x", "cluster-now", AVAILABLE)},
     .chosen = "n"},
    {.name = "ours of the present cluster only if there is no other",
     .snapshots = {FINAL("f", AFTER), SNAPSHOT("n", EVENING, "chat", "x", "cluster-now", AVAILABLE)},
     .chosen = "f"},
    {.name = "of somebody else's cluster", .snapshots = {FOREIGN("x")}, .why = "x (it is not of the stack's"},
    {.name = "of another deployment",
     .snapshots = {SNAPSHOT("x", AFTER, "staging", "old", "cluster-old", AVAILABLE)},
     .why = "x (trueup took it for the deployment staging)"},
    {.name = "failed",
     .snapshots = {SNAPSHOT("x", AFTER, "chat", "x", "cluster-x", .status = "failed")},
     .why = "x (it is failed)"},
    {.name = "going",
     .snapshots = {SNAPSHOT("x", AFTER, "chat", "x", "cluster-x", .status = "deleting")},
     .why = "x (it is deleting)"},
    {.name = "still being taken",
     .snapshots = {SNAPSHOT("x", AFTER, "chat", "x", "cluster-x", .status = "creating")},
     .chosen = "x"},
    {.name = "many: not all are listed",
     .snapshots = {FOREIGN("a"), FOREIGN("b"), FOREIGN("c"), FOREIGN("d"), FOREIGN("e"), FOREIGN("f"), FOREIGN("g")},
     .why = "c (it is not of the stack's old cluster) and 2 more"},
};

static struct arena *arena;
static struct observed observed;
static struct desired_baseline baseline;
static struct desired desired;

static void set_up(void)
{
	arena = arena_new();
	baseline = (struct desired_baseline){.cluster = "old", .captured_at = NOON};
	desired = (struct desired){.metadata = {.name = "chat"}, .vectors.restore.from.snapshot = "auto"};
	observed = (struct observed){.vectors.restore = {.target_id = "cluster-now"}};
}

static void tear_down(void)
{
	arena_free(arena);
}

static struct snapshot_choice choose(const struct choice_case *one)
{
	struct plan_input input = {
	    .desired = &desired, .observed = &observed, .baseline = one->without_baseline ? NULL : &baseline};
	struct observed_snapshot *snapshots = arena_array(arena, SNAPSHOTS_MAX, sizeof(*snapshots));
	size_t count = 0;

	memcpy(snapshots, one->snapshots, sizeof(one->snapshots));
	while (count < SNAPSHOTS_MAX && snapshots[count].exists)
		count++;
	observed.vectors.restore.snapshots = snapshots;
	observed.vectors.restore.snapshot_count = count;
	return snapshot_choose(&input, arena);
}

START_TEST(auto_takes_the_newest_that_holds_the_rows)
{
	const struct choice_case *one = &cases[_i];
	struct snapshot_choice choice = choose(one);

	if (one->chosen != NULL) {
		ck_assert_msg(choice.chosen != NULL, "%s: none was taken: %s", one->name, choice.why);
		ck_assert_msg(strcmp(choice.id, one->chosen) == 0, "%s: %s was taken", one->name, choice.id);
		ck_assert_ptr_null(choice.doubt);
		return;
	}
	ck_assert_msg(choice.chosen == NULL, "%s: %s was taken", one->name, choice.id);
	ck_assert_msg(strstr(choice.why, one->why) != NULL, "%s: %s", one->name, choice.why);
}
END_TEST

START_TEST(what_the_spec_names_is_taken_with_its_doubts)
{
	struct choice_case one = {.snapshots = {SNAPSHOT("x", MORNING, NULL, "x", "cluster-now", AVAILABLE)}};
	struct snapshot_choice choice;

	desired.vectors.restore.from.snapshot = "arn:aws:rds:eu-west-3:210987654321:cluster-snapshot:x";
	choice = choose(&one);
	ck_assert_str_eq(choice.id, desired.vectors.restore.from.snapshot);
	ck_assert_ptr_nonnull(strstr(choice.doubt, "before the baseline"));
	one.snapshots[0].created = AFTER;
	ck_assert_ptr_null(choose(&one).doubt);
	one.snapshots[0].status = "failed";
	ck_assert_ptr_nonnull(strstr(choose(&one).why, "the snapshot x is failed"));
	one.snapshots[0].exists = false;
	ck_assert_ptr_nonnull(strstr(choose(&one).why, "there is no snapshot arn:aws:rds"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("snapshot");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_loop_test(all, auto_takes_the_newest_that_holds_the_rows, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(all, what_the_spec_names_is_taken_with_its_doubts);
	suite_add_tcase(suite, all);
	return suite;
}
