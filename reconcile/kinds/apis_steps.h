/*
 * apis_steps.h - how a published API is taken away, as plan/diff_apis.c asks for it.
 */
#ifndef TRUEUP_KINDS_APIS_STEPS_H
#define TRUEUP_KINDS_APIS_STEPS_H

#include "kinds/kind.h"

/* struct kind's act for `apis`. */
void apis_act(struct kind_context *context, struct plan_action **actions, size_t count);

#endif
