/* geo/index_arena.c - a bump allocator with free lists by size over a reserved address range. */
#include "index_arena.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE_BYTES 64
#define STEP_BYTES (2u << 20)
#define RESERVED_BYTES_MIN (64u << 20)

/* Sizes above ARENA_EXACT_UNITS are rounded up to a quarter of their power of two. */
static size_t rounded_units(size_t bytes, uint32_t *class)
{
    size_t units = (bytes + ARENA_UNIT_BYTES - 1) / ARENA_UNIT_BYTES;
    if (units <= ARENA_EXACT_UNITS) {
        *class = (uint32_t)units;
        return units;
    }
    unsigned log2 = 63 - (unsigned)__builtin_clzll(units - 1);
    size_t quarter = (size_t)1 << (log2 - 2);
    size_t quarters = (units + quarter - 1) / quarter;
    *class = (uint32_t)(ARENA_EXACT_UNITS + (log2 - 10) * 4 + (quarters - 4));
    assert(*class < ARENA_CLASS_COUNT);
    return quarters * quarter;
}

static uint32_t *link_of(index_arena *arena, uint32_t unit)
{
    return (uint32_t *)(arena->base + (size_t)unit * ARENA_UNIT_BYTES);
}

/* Reserving addresses costs nothing; where even that is limited, take what there is. */
static void *reserve(size_t *bytes)
{
    for (;; *bytes /= 2) {
        void *base =
            mmap(NULL, *bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base != MAP_FAILED || *bytes <= RESERVED_BYTES_MIN) {
            return base;
        }
    }
}

geo_err index_arena_new(index_budget *budget, index_arena **out)
{
    if (!index_budget_take(budget, LINE_BYTES)) {
        return GEO_NO_MEMORY;
    }
    size_t bytes = ARENA_BYTES_MAX;
    index_arena *arena = calloc(1, sizeof *arena);
    void *base = arena == NULL ? MAP_FAILED : reserve(&bytes);
    if (base == MAP_FAILED) {
        index_budget_give(budget, LINE_BYTES);
        free(arena);
        return GEO_NO_MEMORY;
    }
    /* Queries jump about: large pages halve the cost of a miss. It is only a wish. */
    (void)madvise(base, bytes, MADV_HUGEPAGE);
    *arena = (index_arena){
        .users = 1,
        .base = base,
        .budget = budget,
        .reserved_bytes = bytes,
        .top_bytes = LINE_BYTES, /* unit 0 means "none" */
    };
    *out = arena;
    return GEO_OK;
}

index_arena *index_arena_ref(index_arena *arena)
{
    arena->users++;
    return arena;
}

void index_arena_unref(index_arena *arena)
{
    if (arena != NULL && --arena->users == 0) {
        munmap(arena->base, arena->reserved_bytes);
        index_budget_give(arena->budget, arena->top_bytes);
        free(arena);
    }
}

/* Make memory up to end_bytes usable, in steps that grow with the arena. */
static bool arena_reach(index_arena *arena, size_t end_bytes)
{
    if (end_bytes > arena->reserved_bytes) {
        return false;
    }
    if (end_bytes <= arena->usable_bytes) {
        return true;
    }
    size_t step = arena->usable_bytes / 8;
    size_t wanted = end_bytes + step;
    wanted = (wanted + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
    if (wanted > arena->reserved_bytes) {
        wanted = arena->reserved_bytes;
    }
    if (mprotect(arena->base, wanted, PROT_READ | PROT_WRITE) != 0) {
        return false;
    }
    arena->usable_bytes = wanted;
    return true;
}

static uint32_t arena_bump(index_arena *arena, size_t units, bool aligned)
{
    size_t bytes = units * ARENA_UNIT_BYTES;
    size_t top = arena->top_bytes;
    size_t in_line = top % LINE_BYTES;
    size_t lines = (bytes + LINE_BYTES - 1) / LINE_BYTES;
    if (in_line != 0 && (aligned || in_line + bytes > lines * LINE_BYTES)) {
        top += LINE_BYTES - in_line;
    }
    if (!arena_reach(arena, top + bytes) ||
        !index_budget_take(arena->budget, top + bytes - arena->top_bytes)) {
        return 0;
    }
    if (top != arena->top_bytes) {
        /* The gap serves small blocks later. */
        index_arena_free(arena, (uint32_t)(arena->top_bytes / ARENA_UNIT_BYTES),
                         top - arena->top_bytes);
    }
    arena->top_bytes = top + bytes;
    return (uint32_t)(top / ARENA_UNIT_BYTES);
}

/* When fresh memory has run out: cut a free block of another size. */
static uint32_t arena_cut(index_arena *arena, size_t units, bool aligned)
{
    for (size_t size = units + 1; size <= ARENA_EXACT_UNITS; size++) {
        uint32_t unit = arena->free_heads[size];
        if (unit == 0 || (aligned && unit % (LINE_BYTES / ARENA_UNIT_BYTES) != 0)) {
            continue;
        }
        arena->free_heads[size] = *link_of(arena, unit);
        arena->free_bytes -= size * ARENA_UNIT_BYTES;
        index_arena_free(arena, unit + (uint32_t)units, (size - units) * ARENA_UNIT_BYTES);
        return unit;
    }
    return 0;
}

uint32_t index_arena_alloc(index_arena *arena, size_t bytes, bool aligned)
{
    uint32_t class;
    size_t units = rounded_units(bytes, &class);
    aligned = aligned || units * ARENA_UNIT_BYTES >= LINE_BYTES;
    uint32_t unit = arena->free_heads[class];
    if (unit != 0 && !(aligned && unit % (LINE_BYTES / ARENA_UNIT_BYTES) != 0)) {
        arena->free_heads[class] = *link_of(arena, unit);
        arena->free_bytes -= units * ARENA_UNIT_BYTES;
        return unit;
    }
    unit = arena_bump(arena, units, aligned);
    return unit != 0 ? unit : arena_cut(arena, units, aligned);
}

void index_arena_free(index_arena *arena, uint32_t unit, size_t bytes)
{
    uint32_t class;
    arena->free_bytes += rounded_units(bytes, &class) * ARENA_UNIT_BYTES;
    *link_of(arena, unit) = arena->free_heads[class];
    arena->free_heads[class] = unit;
}
