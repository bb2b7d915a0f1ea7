/*
 * stack.h - what the CloudFormation stack supplies for what the spec does not name.
 */
#ifndef TRUEUP_KINDS_STACK_H
#define TRUEUP_KINDS_STACK_H

#include "kinds/kind.h"

/*
 * Fill *stack from the stack's outputs and resources, as Bedrock Chat's
 * cdk/lib/bedrock-chat-stack.ts names them. The stack is read only if the spec
 * names one and leaves something to it; else the head stays OBSERVED_SKIPPED.
 */
void stack_observe(struct kind_context *context, struct observed_stack *stack);

/* The stack of this name as it is now, all of *stack but the head. */
int stack_read(struct kind_context *context, const char *name, struct observed_stack *stack, struct error *err);

/*
 * The deployment's name for a thing: the spec's, else the stack's. NULL after
 * filling err: what is missing, and where to say it. `field` is the spec's.
 */
const char *stack_resolve(const char *from_spec, const char *from_stack, const struct kind_context *context,
                          const char *field, struct error *err);

#endif
