/* geo/index_arena.h - the index's own heap: 16-byte units in one reserved range of addresses. */
#ifndef GEO_INDEX_ARENA_H
#define GEO_INDEX_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"

#define ARENA_UNIT_BYTES 16
#define ARENA_EXACT_UNITS 1024 /* up to here every size has its own free list */
#define ARENA_CLASS_COUNT 1152 /* exact sizes, then four classes for each doubling */
#define ARENA_BYTES_MAX (8ull << 30)

/* Blocks never move, so that readers may hold plain addresses; the range is reserved once and made
 * usable step by step. Written by the writer only; `base` never changes. */
typedef struct index_arena {
    uint8_t *base;
    size_t reserved_bytes;
    size_t limit_bytes;
    size_t usable_bytes;
    size_t top_bytes; /* all blocks ever given lie below */
    uint32_t free_heads[ARENA_CLASS_COUNT];
} index_arena;

/* Where a failed bulk build returns to. */
typedef struct index_arena_mark {
    size_t top_bytes;
    uint32_t free_heads[ARENA_CLASS_COUNT];
} index_arena_mark;

GEO_MUST_USE geo_err index_arena_init(index_arena *arena, size_t limit_bytes);
void index_arena_fini(index_arena *arena);

/* The unit number of a new block, or 0 when memory or the limit is exhausted. A block touches no
 * more cache lines than it must; one of a multiple of 64 bytes, or asked for aligned, begins a
 * line. bytes <= 4 GB. */
uint32_t index_arena_alloc(index_arena *arena, size_t bytes, bool aligned);
void index_arena_free(index_arena *arena, uint32_t unit, size_t bytes);

/* Between begin and end or cancel, new blocks come from untouched memory only, so that cancel can
 * forget them all at once. */
void index_arena_begin(index_arena *arena, index_arena_mark *mark);
void index_arena_end(index_arena *arena, const index_arena_mark *mark);
void index_arena_cancel(index_arena *arena, const index_arena_mark *mark);

#endif
