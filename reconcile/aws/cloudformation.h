/*
 * cloudformation.h - stacks: their outputs, resources, and who imports what they export.
 *
 * Results live in the arena. A stack that is not there is ERROR_NOT_FOUND
 * (CloudFormation itself says ValidationError). Poll no faster than every 5 s.
 */
#ifndef TRUEUP_AWS_CLOUDFORMATION_H
#define TRUEUP_AWS_CLOUDFORMATION_H

#include "aws/client.h"

struct cloudformation_output {
	const char *key;
	const char *value;
	const char *export_name; /* NULL if it is not exported */
};

struct cloudformation_parameter {
	const char *key;
	const char *value; /* "****" where the template hides it */
};

struct cloudformation_stack {
	const char *name;
	const char *id;     /* ARN */
	const char *status; /* "CREATE_COMPLETE", … */
	const char *reason; /* why it is in that status; NULL where CloudFormation does not say */
	bool protected;     /* from deletion, by EnableTerminationProtection */
	struct cloudformation_parameter *parameters;
	size_t parameter_count;
	struct cloudformation_output *outputs;
	size_t output_count;
};

struct cloudformation_resource {
	const char *logical_id;
	const char *physical_id; /* NULL before it exists */
	const char *type;        /* "AWS::RDS::DBCluster" */
	const char *status;
};

struct cloudformation_resources {
	struct cloudformation_resource *items;
	size_t count;
};

struct cloudformation_names {
	const char **items;
	size_t count;
};

int cloudformation_describe_stack(struct aws *aws, struct arena *arena, const char *name,
                                  struct cloudformation_stack *stack, struct error *err);

int cloudformation_list_resources(struct aws *aws, struct arena *arena, const char *stack,
                                  struct cloudformation_resources *resources, struct error *err);

/* The names of the stacks that import an export. None, when nobody does or there is no such export. */
int cloudformation_list_imports(struct aws *aws, struct arena *arena, const char *export_name,
                                struct cloudformation_names *stacks, struct error *err);

/*
 * Begin to delete. Done with a stack that is not there. `token` (1 to 128 of
 * [A-Za-z0-9-]; NULL: none) makes a repetition harmless.
 */
int cloudformation_delete_stack(struct aws *aws, struct arena *arena, const char *name, const char *token,
                                struct error *err);

/*
 * Why a stack's last operation failed, in *reason: "LogicalId: reason" of the
 * resource that failed first, else what is said of the stack itself, such as
 * that an export is in use. NULL if nothing failed. The stack by its name.
 */
int cloudformation_explain_failure(struct aws *aws, struct arena *arena, const char *stack, const char **reason,
                                   struct error *err);

/* The value of the output of that key; else of the first whose key begins with it; NULL if there is none. */
const char *cloudformation_find_output(const struct cloudformation_stack *stack, const char *key);

#endif
