#include "kinds/embed_judge.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUED_BY_US "Queued by trueup at "
#define LOST_BEFORE ", lost before: "

/* What the application says of a bot without knowledge. */
#define NOTHING "No contents"

const char *embed_format_queued(struct arena *arena, int64_t now, int64_t lost)
{
	char when[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339((time_t)now, when);
	return arena_printf(arena, QUEUED_BY_US "%s" LOST_BEFORE "%" PRId64, when, lost);
}

/* Reads what embed_format_queued() wrote. False: it was somebody else who queued it. */
static bool parse_queued(const char *reason, int64_t *when, int64_t *lost)
{
	char text[CLOCK_RFC3339_SIZE];
	const char *rest;
	time_t moment;

	if (reason == NULL || strncmp(reason, QUEUED_BY_US, strlen(QUEUED_BY_US)) != 0)
		return false;
	reason += strlen(QUEUED_BY_US);
	rest = strstr(reason, LOST_BEFORE);
	if (rest == NULL || rest - reason >= (ptrdiff_t)sizeof(text))
		return false;
	memcpy(text, reason, (size_t)(rest - reason));
	text[rest - reason] = '\0';
	if (clock_parse_rfc3339(text, &moment) != 0)
		return false;
	*when = moment;
	*lost = strtoll(rest + strlen(LOST_BEFORE), NULL, 10);
	if (*lost < 0)
		*lost = 0;
	return true;
}

static bool has_status(const struct embed_facts *facts, const char *status)
{
	return facts->item->sync_status != NULL && strcmp(facts->item->sync_status, status) == 0;
}

/* Whether the item speaks of the task that stopped last: what it says is then how that one ended. */
static bool speaks_of_newest(const struct embed_facts *facts)
{
	return facts->newest != NULL && facts->item->last_exec != NULL &&
	       strcmp(facts->item->last_exec, facts->newest->id) == 0;
}

/* "(null)" is no reason. The application's own may be empty. */
static const char *said(const char *reason)
{
	return reason != NULL ? reason : "it gave no reason";
}

#define SEE_LOG "its log says more; put that right, and"

/* How the task that stopped last came to its end, and what can be done about it. */
static const char *explain_newest(struct arena *arena, const struct embed_facts *facts)
{
	const struct ecs_task *task = facts->newest;

	if (task->stop_code != NULL && strcmp(task->stop_code, "TaskFailedToStart") == 0)
		return arena_printf(arena,
		                    "task %s never started: %s. Look at image, roles and network of the task "
		                    "definition, put that right, and",
		                    task->id, said(task->reason));
	if (task->reason != NULL && strstr(task->reason, "OutOfMemory") != NULL)
		return arena_printf(arena,
		                    "task %s ran out of memory: %s. Give the tasks more (embeddingContainerMemory in "
		                    "cdk.json), deploy, and",
		                    task->id, task->reason);
	if (task->exit_code != 0)
		return arena_printf(arena, "task %s ended with exit code %" PRId64 ": %s; " SEE_LOG, task->id,
		                    task->exit_code, said(task->reason));
	if (speaks_of_newest(facts) && has_status(facts, "FAILED"))
		return arena_printf(arena, "task %s failed: %s; " SEE_LOG, task->id, said(facts->item->sync_reason));
	return arena_printf(arena, "task %s left it %s; " SEE_LOG, task->id,
	                    facts->item->sync_status != NULL ? facts->item->sync_status : "without a SyncStatus");
}

static void wait_for(struct embed_judgement *out, const char *text)
{
	out->verdict = EMBED_WAIT;
	out->text = text;
}

static void fail(struct embed_judgement *out, const char *text)
{
	out->verdict = EMBED_FAILED;
	out->text = text;
}

static const char *explain_end(struct arena *arena, const struct embed_facts *facts, int64_t lost)
{
	const char *text = arena_printf(arena,
	                                "%" PRId64 " embedding task%s did not bring its rows; %s apply again: with a "
	                                "new revision of the task definition, after an hour, or with more "
	                                "spec.vectors.restore.attempts",
	                                facts->stopped, facts->stopped == 1 ? "" : "s", explain_newest(arena, facts));

	if (lost == 0)
		return text;
	return arena_printf(arena, "%s. Besides, it was queued %" PRId64 " time%s and got no task", text, lost,
	                    lost == 1 ? "" : "s");
}

/* Once more, if there is an attempt left: what ECS remembers and what got lost count. */
static void try_again(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out)
{
	if (facts->stopped + out->lost < facts->attempts) {
		out->verdict = EMBED_START;
	} else if (facts->newest == NULL) {
		out->stuck = true;
		fail(out, arena_printf(arena,
		                       "it was queued %" PRId64 " time%s and got no task: the application's pipe does "
		                       "not work. Look at it, or use `via: task`, and apply again",
		                       out->lost, out->lost == 1 ? "" : "s"));
	} else {
		fail(out, explain_end(arena, facts, out->lost));
	}
}

static void judge_living(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out)
{
	char since[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339((time_t)(facts->living->created_ms / 1000), since);
	wait_for(out,
	         arena_printf(arena,
	                      "its embedding task %s is %s, and was started at %s; should it hang, stop it in ECS, "
	                      "and it is started again",
	                      facts->living->id, facts->living->status, since));
}

/* An event that the pipe has lost looks like one that it has not come to yet. Only time tells. */
static void judge_queued(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out)
{
	int64_t when, waited = facts->watched;
	bool ours = parse_queued(facts->item->sync_reason, &when, &out->lost);
	char text[CLOCK_RFC3339_SIZE];

	if (ours)
		waited = facts->now - when;
	if (waited < facts->pickup) {
		clock_format_rfc3339((time_t)(facts->now - waited), text);
		wait_for(out, arena_printf(arena, "it is QUEUED since %s%s: its task has not been started yet",
		                           ours ? "" : "before ", text));
		return;
	}
	out->lost = ours && facts->queues ? out->lost + 1 : 0;
	try_again(arena, facts, out);
}

/* Whether the task that embedded it last is one that ECS remembers: then its rows are what that task gave. */
static bool is_fresh(const struct embed_facts *facts)
{
	return speaks_of_newest(facts) && facts->newest->exit_code == 0;
}

static bool was_empty(const struct embed_facts *facts)
{
	const char *reason = facts->item->sync_reason;

	return facts->rows == 0 && reason != NULL && strncmp(reason, NOTHING, strlen(NOTHING)) == 0;
}

/* What was embedded just now, and gave other numbers than are asked for, would give the same again. */
static void judge_succeeded(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out)
{
	bool few = facts->rows < facts->least;

	if (!few && facts->rows <= facts->most)
		out->verdict = EMBED_DONE;
	else if (is_fresh(facts) && was_empty(facts))
		fail(out, "the application found nothing to embed: its knowledge is empty. Give it documents or pages "
		          "again, or take it out of the counts");
	else if (is_fresh(facts) && facts->rows > 0)
		fail(out, arena_printf(arena,
		                       "task %s embedded it, which gave %" PRId64 " rows where at %s %" PRId64
		                       " are asked for: correct the counts, or raise spec.vectors.tolerance",
		                       facts->newest->id, facts->rows, few ? "least" : "most",
		                       few ? facts->least : facts->most));
	else
		try_again(arena, facts, out);
}

void embed_judge(struct arena *arena, const struct embed_facts *facts, struct embed_judgement *out)
{
	*out = (struct embed_judgement){0};
	if (facts->living != NULL)
		judge_living(arena, facts, out);
	else if (has_status(facts, "QUEUED"))
		judge_queued(arena, facts, out);
	else if (has_status(facts, "SUCCEEDED"))
		judge_succeeded(arena, facts, out);
	else
		try_again(arena, facts, out); /* RUNNING, too: its task is gone, since none is living */
}
