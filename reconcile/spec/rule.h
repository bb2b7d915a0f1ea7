/*
 * rule.h - what no field can say alone: rules between the fields of a spec.
 */
#ifndef TRUEUP_SPEC_RULE_H
#define TRUEUP_SPEC_RULE_H

#include "spec/desired.h"
#include "spec/read.h"

/*
 * Check the rules and set what follows from several fields. `root` is the
 * document that `desired` was read from; issues from `first` on are those of
 * that reading: where a section has some already, its rules are left out,
 * since they would say the same again in other words.
 */
void rule_check_all(struct reader *reader, const struct tree_node *root, size_t first, struct desired *desired);

#endif
