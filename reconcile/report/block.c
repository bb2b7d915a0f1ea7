#include "report/block.h"

#include <string.h>

/* For the word about what was cut: a number of 20 digits fits. */
#define CUT_FORMAT "… and %zu more, cut to fit: `-o json` has all\n"
#define CUT_MAX 80

struct block *block_add(struct arena *arena, struct block_list *list)
{
	struct block *block = ARENA_PUSH(arena, list->items, list->count);

	block->head = block->open = block->close = "";
	return block;
}

const char *block_take(struct arena *arena, struct buf *from)
{
	const char *text = arena_strdup(arena, buf_text(from));

	buf_clear(from);
	return text;
}

void block_add_line(struct arena *arena, struct block *block, struct buf *line)
{
	*ARENA_PUSH(arena, block->lines, block->count) = block_take(arena, line);
}

static size_t size_around(const struct block *block)
{
	return strlen(block->head) + strlen(block->open) + strlen(block->close);
}

static size_t size_whole(const struct block *block)
{
	size_t i, size = size_around(block);

	for (i = 0; i < block->count; i++)
		size += strlen(block->lines[i]);
	return size;
}

size_t block_size_list(const struct block_list *list)
{
	size_t i, size = 0;

	for (i = 0; i < list->count; i++)
		size += size_whole(&list->items[i]);
	return size;
}

static size_t sum_capped(const size_t *sizes, size_t count, size_t cap)
{
	size_t i, sum = 0;

	for (i = 0; i < count; i++)
		sum += sizes[i] < cap ? sizes[i] : cap;
	return sum;
}

/* The most that each block may take so that all of them together fit. */
static size_t find_cap(const size_t *sizes, size_t count, size_t room)
{
	size_t low = 0, high = room;

	while (low < high) {
		size_t middle = high - (high - low) / 2;

		if (sum_capped(sizes, count, middle) <= room)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Lines that fit in cap with a word about the others. */
static void put_cut(const struct block *block, size_t cap, struct buf *out)
{
	size_t i, left = cap - size_around(block) - CUT_MAX;

	buf_puts(out, block->head);
	buf_puts(out, block->open);
	for (i = 0; i < block->count && strlen(block->lines[i]) <= left; i++) {
		left -= strlen(block->lines[i]);
		buf_puts(out, block->lines[i]);
	}
	buf_printf(out, CUT_FORMAT, block->count - i);
	buf_puts(out, block->close);
}

static void put_whole(const struct block *block, struct buf *out)
{
	size_t i;

	buf_puts(out, block->head);
	buf_puts(out, block->open);
	for (i = 0; i < block->count; i++)
		buf_puts(out, block->lines[i]);
	buf_puts(out, block->close);
}

size_t block_put_list(const struct block_list *list, size_t room, struct buf *out)
{
	struct arena *arena = arena_new();
	size_t *sizes = arena_array(arena, list->count, sizeof(*sizes));
	size_t i, cap, left_out = 0;

	for (i = 0; i < list->count; i++)
		sizes[i] = size_whole(&list->items[i]);
	cap = find_cap(sizes, list->count, room);
	for (i = 0; i < list->count; i++) {
		if (sizes[i] <= cap)
			put_whole(&list->items[i], out);
		else if (list->items[i].count > 0 && size_around(&list->items[i]) + CUT_MAX <= cap)
			put_cut(&list->items[i], cap, out);
		else
			left_out++;
	}
	arena_free(arena);
	return left_out;
}
