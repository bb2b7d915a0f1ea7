/*
 * suggest.h - "did you mean …?"
 */
#ifndef TRUEUP_SPEC_SUGGEST_H
#define TRUEUP_SPEC_SUGGEST_H

#include <stddef.h>

/* Longer words are not compared: nobody mistypes them into one of ours. */
#define SUGGEST_LENGTH_MAX 48

/* The better of two suggestions for `text`: best (may be NULL), unless candidate is close to text and closer. */
const char *suggest_closer(const char *text, const char *best, const char *candidate);

/*
 * Letters to insert, remove, change or swap with their neighbour until a is b,
 * the case of letters aside; SUGGEST_LENGTH_MAX if either is longer than that.
 */
size_t suggest_distance(const char *a, const char *b);

#endif
