/*
 * ecs.h - tasks on Fargate, and the definition that they are made from.
 *
 * Results live in the arena. ECS keeps stopped tasks for an hour or more, and
 * then knows nothing of them. Lists and descriptions lag behind by seconds.
 */
#ifndef TRUEUP_AWS_ECS_H
#define TRUEUP_AWS_ECS_H

#include "aws/client.h"

/* Of the environment only a name is looked at: older deployments keep a password there. */
struct ecs_definition {
	const char *arn; /* of the revision */
	const char *family;
	const char *container; /* name of the first */
	int64_t cpu;           /* units: 1024 are a vCPU */
	int64_t memory;        /* MiB */
};

struct ecs_task {
	const char *arn;
	const char *id;         /* the last part of the ARN */
	const char *definition; /* ARN of the task definition's revision */
	const char *status;     /* PROVISIONING, PENDING, RUNNING, …, STOPPED */
	const char *started_by; /* NULL: nobody said */
	const char *argument;   /* last word of the overridden command; NULL: it is not overridden */
	const char *event;      /* the variable EVENT that was set for it; NULL: none */
	const char *stop_code;  /* TaskFailedToStart, EssentialContainerExited, …; NULL while it lives */
	const char *reason;     /* why it stopped: the container's reason, else the task's; NULL: not known */
	int64_t created_ms;     /* Unix time, milliseconds */
	int64_t exit_code;      /* of the first container; -1: it has none */
};

struct ecs_tasks {
	struct ecs_task *items;
	size_t count;
};

/* One task of one container that is told its bot both ways, each of which may be NULL. */
struct ecs_run {
	const char *cluster;
	const char *definition;
	const char *container;
	const char *const *command; /* ends with NULL */
	const char *event;          /* value of the variable EVENT */
	const char *const *subnets;
	size_t subnet_count;
	const char *security_group;
	const char *started_by; /* at most 128 of [A-Za-z0-9_/-] */
	const char *token;      /* at most 64 printable characters: the same one never starts a second task */
};

/* name: family, family:revision or ARN. ERROR_NOT_FOUND if there is none. */
int ecs_describe_definition(struct aws *aws, struct arena *arena, const char *name, struct ecs_definition *definition,
                            struct error *err);

/* All tasks of a family in a cluster, living and stopped, in no order, whoever started them. */
int ecs_find_tasks(struct aws *aws, struct arena *arena, const char *cluster, const char *family,
                   struct ecs_tasks *tasks, struct error *err);

/* One task by its id; ERROR_NOT_FOUND if ECS knows it no more. */
int ecs_describe_task(struct aws *aws, struct arena *arena, const char *cluster, const char *id, struct ecs_task *task,
                      struct error *err);

/*
 * Start a task without a public address. What ECS could not place (capacity,
 * quotas) is ERROR_SERVICE with its reason, retryable. ERROR_STATE: the token
 * was used for another request: a task of that one exists, look again.
 */
int ecs_run_task(struct aws *aws, struct arena *arena, const struct ecs_run *run, struct ecs_task *task,
                 struct error *err);

#endif
