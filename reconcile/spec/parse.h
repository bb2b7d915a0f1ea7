/*
 * parse.h - one YAML text to checked desired states, and everything that is wrong with it.
 *
 * The reader never stops at the first problem: it lists them all. A text may
 * hold several documents (`---` between them), each one deployment.
 */
#ifndef TRUEUP_SPEC_PARSE_H
#define TRUEUP_SPEC_PARSE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "spec/desired.h"
#include "spec/issue.h"

#define SPEC_FILE_MAX ((size_t)1024 * 1024) /* bytes of one spec file */
#define SPEC_MEMBERS_MAX 100000             /* lines of a membersFrom file */

/*
 * Parse the text of `file` and append a desired state to `list` for each
 * document without a problem; append the problems of the others to `issues`.
 * Files that the spec names are looked for beside `file` ("-" for standard
 * input: beside the working directory). Returns 0, or -1 if there were any.
 */
int spec_parse(struct arena *arena, const char *file, const char *text, size_t length, struct desired_list *list,
               struct spec_issues *issues);

#endif
