/* geo/index_arena.h - the index's own heap: 16-byte units in one reserved range of addresses. */
#ifndef GEO_INDEX_ARENA_H
#define GEO_INDEX_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "index_budget.h"

#define ARENA_UNIT_BYTES 16
#define ARENA_EXACT_UNITS 1024 /* up to here every size has its own free list */
#define ARENA_CLASS_COUNT 1152 /* exact sizes, then four classes for each doubling */
#define ARENA_BYTES_MAX (8ull << 30)

/* Blocks never move, so that readers may hold plain addresses; the range is reserved once and made
 * usable step by step. Written by the writer only; `base` never changes. */
typedef struct index_arena {
    uint32_t users; /* freed with the last one */
    uint8_t *base;
    index_budget *budget; /* has top_bytes of it; outlives the arena, or NULL */
    size_t reserved_bytes;
    size_t usable_bytes;
    size_t top_bytes;  /* all blocks ever given lie below */
    size_t free_bytes; /* of the blocks in the lists */
    uint32_t free_heads[ARENA_CLASS_COUNT];
} index_arena;

/* A new arena has one user. */
GEO_MUST_USE geo_err index_arena_new(index_budget *budget, index_arena **out);
index_arena *index_arena_ref(index_arena *arena);
void index_arena_unref(index_arena *arena); /* NULL is fine */

/* The unit number of a new block, or 0 when memory or the budget is exhausted. A block touches no
 * more cache lines than it must; one of a multiple of 64 bytes, or asked for aligned, begins a
 * line. bytes <= 4 GB. */
uint32_t index_arena_alloc(index_arena *arena, size_t bytes, bool aligned);
void index_arena_free(index_arena *arena, uint32_t unit, size_t bytes);

#endif
