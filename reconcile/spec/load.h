/*
 * load.h - the SPEC arguments of a command line to desired states.
 */
#ifndef TRUEUP_SPEC_LOAD_H
#define TRUEUP_SPEC_LOAD_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/baseline.h"
#include "spec/desired.h"
#include "spec/issue.h"

/*
 * Read and check the specs that the arguments name: a file, a directory (its
 * *.yaml and *.yml in the order of their names, not recursive) or "-" for
 * standard input. No argument at all means $TRUEUP_SPECS, or else the directory
 * "specs". The same file named twice is read once. metadata.name is unique over
 * all of them.
 *
 * Everything that is wrong, an unreadable file or an empty directory too, is
 * appended to `issues`, sorted. Returns 0 and a list that is not empty if
 * nothing was, else -1; the list then holds the specs that are valid.
 */
int spec_load(struct arena *arena, const char *const *arguments, size_t argument_count, struct desired_list *list,
              struct spec_issues *issues);

/*
 * The baseline that vectors.counts.file names; the spec's counts must be from a
 * baseline. Errors: ERROR_NOT_FOUND if it was never captured (the message says
 * how to, and begins with SPEC_NO_BASELINE), ERROR_INVALID if it is not a baseline
 * or one of another deployment.
 */
#define SPEC_NO_BASELINE "there is no baseline"
int spec_load_baseline(struct arena *arena, const struct desired *desired, struct desired_baseline *out,
                       struct error *err);

#endif
