/*
 * bots_tasks.h - whether a task is at work on the bots that say so.
 */
#ifndef TRUEUP_KINDS_BOTS_TASKS_H
#define TRUEUP_KINDS_BOTS_TASKS_H

#include "kinds/kind.h"

/*
 * Fill task and task_end of each bot of out->bots that needs rows and is
 * RUNNING, as ECS knows the task that it names. A bot whose task has ended is
 * looked at once more: the task may have said so between the two looks. Never
 * fails: what could not be seen is in out->tasks_head.
 */
void bots_find_tasks(struct kind_context *context, struct observed_bots *out);

void bots_tasks_permissions(const struct desired *desired, struct kind_permissions *permissions);

#endif
