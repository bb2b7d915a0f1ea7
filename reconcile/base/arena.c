#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK ((size_t)16 * 1024)
#define ARENA_ALIGN alignof(max_align_t)

struct block {
	struct block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *head;
};

static void *checked_calloc(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		abort();
	return memory;
}

struct arena *arena_new(void)
{
	return checked_calloc(sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	while (arena->head != NULL) {
		struct block *next = arena->head->next;

		free(arena->head);
		arena->head = next;
	}
	free(arena);
}

static struct block *arena_add_block(struct arena *arena, size_t least)
{
	size_t size = least > ARENA_BLOCK ? least : ARENA_BLOCK;
	struct block *block = checked_calloc(sizeof(*block) + size);

	block->size = size;
	block->next = arena->head;
	arena->head = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->head;
	void *memory;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (block == NULL || block->size - block->used < size)
		block = arena_add_block(arena, size);
	memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		abort();
	return arena_alloc(arena, count * size);
}

void *arena_grow(struct arena *arena, const void *old, size_t count_old, size_t count_new, size_t size)
{
	void *grown = arena_array(arena, count_new, size);

	if (count_old > 0)
		memcpy(grown, old, count_old * size);
	return grown;
}

void *arena_push_grow(struct arena *arena, void *items, size_t count, size_t size)
{
	if (count == 0)
		return arena_array(arena, 1, size);
	if ((count & (count - 1)) == 0)
		return arena_grow(arena, items, count, count * 2, size);
	return items;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	int length;
	char *text;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length < 0)
		abort();
	text = arena_alloc(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}
