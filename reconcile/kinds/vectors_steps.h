/*
 * vectors_steps.h - what is done to the vector table, as plan/diff_vectors.c orders it.
 */
#ifndef TRUEUP_KINDS_VECTORS_STEPS_H
#define TRUEUP_KINDS_VECTORS_STEPS_H

#include "kinds/kind.h"

/* struct kind's act for `vectors`. */
void vectors_act(struct kind_context *context, struct plan_action **actions, size_t count);

#endif
