/*
 * arena.h - memory that lives as long as a run.
 *
 * One arena belongs to one thread at a time. Everything in it is freed at
 * once; nothing in it is freed alone. Memory is zeroed. Out of memory aborts.
 */
#ifndef TRUEUP_BASE_ARENA_H
#define TRUEUP_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */

/* Zeroed, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* Zeroed array; aborts if count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* `old` (count_old elements, may be NULL) copied to a larger array: for vectors that double. */
void *arena_grow(struct arena *arena, const void *old, size_t count_old, size_t count_new, size_t size);

char *arena_strdup(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0), nonnull(2)));

/*
 * A growing list in an arena: `items` is an array of `count` elements.
 * ARENA_PUSH gives a pointer to a new zeroed element at the end, which is
 * valid until the next push.
 *
 *     struct member { … };
 *     struct { struct member *items; size_t count; } members = {0};
 *     struct member *m = ARENA_PUSH(arena, members.items, members.count);
 */
#define ARENA_PUSH(arena, items, count)                                                                                \
	((items) = arena_push_grow((arena), (items), (count), sizeof(*(items))), &(items)[(count)++])

/* What ARENA_PUSH stands on: room for one more, capacity doubling at powers of two. */
void *arena_push_grow(struct arena *arena, void *items, size_t count, size_t size);

#endif
