/*
 * block.h - parts of a document that must stay under a bound.
 *
 * A block is a head, which is put whole or not at all, and lines between an
 * opening and a closing, of which as many are put as there is room for, with a
 * word about the rest. Room is shared so that one long list does not push out
 * the others: short blocks are put whole, the longest are cut.
 */
#ifndef TRUEUP_REPORT_BLOCK_H
#define TRUEUP_REPORT_BLOCK_H

#include "base/arena.h"
#include "base/buf.h"

#include <stddef.h>

struct block {
	const char *head;
	const char *open, *close; /* around the lines */
	const char **lines;       /* each with its newline */
	size_t count;
};

struct block_list {
	struct block *items;
	size_t count;
};

/* An empty block at the end of the list; valid until the next is added. */
struct block *block_add(struct arena *arena, struct block_list *list);

/* The text of `line`, which is emptied, as a further line. */
void block_add_line(struct arena *arena, struct block *block, struct buf *line);

/* The text of `from`, which is emptied, in the arena. */
const char *block_take(struct arena *arena, struct buf *from);

/* Bytes that the blocks take if none is cut. */
size_t block_size_list(const struct block_list *list);

/* Put the blocks, `room` bytes at most. Returns how many were left out whole. */
size_t block_put_list(const struct block_list *list, size_t room, struct buf *out);

#endif
