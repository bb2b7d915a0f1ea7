/*
 * parallel.h - the same work on many things, a few at a time.
 */
#ifndef TRUEUP_AGENT_PARALLEL_H
#define TRUEUP_AGENT_PARALLEL_H

#include <stddef.h>

#define PARALLEL_THREADS_MAX 16

/*
 * Call work(context, i) once for each i below count, in at most `threads`
 * threads (of them one is the caller's). Returns when all is done. Where no
 * thread can be had, those that there are do it all.
 */
void parallel_each(size_t count, size_t threads, void (*work)(void *context, size_t index), void *context);

#endif
