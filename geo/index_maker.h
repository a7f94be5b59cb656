/* geo/index_maker.h - what building needs: memory for new blocks, and lists of blocks to free. */
#ifndef GEO_INDEX_MAKER_H
#define GEO_INDEX_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "index_arena.h"
#include "index_form.h"
#include "index_scratch.h"

typedef struct index_garbage_item {
    uint32_t unit;
    uint32_t bytes;
} index_garbage_item;

/* Blocks of the arena; grows. */
typedef struct index_garbage {
    index_garbage_item *items;
    size_t count;
    size_t room;
} index_garbage;

GEO_MUST_USE geo_err index_garbage_add(index_garbage *garbage, uint32_t unit, size_t bytes);

/* Free the blocks from number `first` on, and forget them. */
void index_garbage_free_from(index_garbage *garbage, size_t first, index_arena *arena);

/* One change of the index. Blocks are never altered once linked: every change makes new ones and
 * retires the old, so that a failed change is undone by freeing what is fresh. */
typedef struct index_maker {
    index_arena *arena;
    index_scratch *scratch;
    index_garbage *fresh; /* NULL in a build, whose arena goes as a whole */
    index_garbage *retired;
} index_maker;

/* A new block, zeroed by nobody. 0: out of memory. */
uint32_t index_maker_alloc(index_maker *maker, size_t bytes, bool aligned);

static inline void *index_maker_at(const index_maker *maker, uint32_t unit)
{
    return maker->arena->base + (size_t)unit * INDEX_UNIT_BYTES;
}

/* Bytes of the block behind a descriptor of a square of 2^shift units; 0: it has none. */
size_t index_desc_bytes(const uint8_t *base, index_desc desc, unsigned shift);

/* The block of this square (not those of its children) is no longer linked. */
GEO_MUST_USE geo_err index_maker_retire(index_maker *maker, index_desc desc, unsigned shift);

/* ... and all blocks below it. */
GEO_MUST_USE geo_err index_maker_retire_all(index_maker *maker, index_desc desc, unsigned shift);

/* Copy this square's block and all below it into another arena. */
GEO_MUST_USE geo_err index_copy_all(index_arena *to, const uint8_t *base, index_desc desc,
                                    unsigned shift, index_desc *out);

/* The tail of a branch. */
static inline const index_tail *index_node_tail(const uint8_t *base, index_desc desc)
{
    return (const index_tail *)(index_node(base, desc) + (1u << 2 * index_node_fanout(desc)));
}

#endif
