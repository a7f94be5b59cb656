/* geo/rules_table.h - the fences of a version by slot and by id; versions share what is the same.
 *
 * Fences lie in pages by their slots, and slots in runs by the ids of their fences. Pages and runs
 * are counted, so that a version that differs from another in one fence has a page and a run of its
 * own, and the rest in common: an edit costs one fence, however many there are. */
#ifndef GEO_RULES_TABLE_H
#define GEO_RULES_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

#include "geo/rules.h"

#define FENCE_PAGE_SLOTS 256
#define FENCE_RUN_SLOTS 512

typedef struct fence_page {
    atomic_uint_fast32_t refs;
    uint32_t used;                             /* of the fences, how many are there */
    const geo_fence *fences[FENCE_PAGE_SLOTS]; /* each counted here; NULL when free */
} fence_page;

/* Slots in the bytewise order of their fences' ids; never empty. */
typedef struct fence_run {
    atomic_uint_fast32_t refs;
    uint32_t count;
    uint32_t slots[FENCE_RUN_SLOTS];
} fence_run;

/* Whoever holds the only reference may change it; then and only then a page or run to which it
 * holds the only reference is changed in place. */
typedef struct fence_table {
    atomic_uint_fast32_t refs;
    uint32_t slot_count; /* above the highest slot that ever had a fence */
    uint32_t fence_count;
    uint32_t page_count;
    uint32_t page_capacity;
    uint32_t run_count;
    uint32_t run_capacity;
    uint64_t span; /* of all areas and zones, as the index counts it */
    fence_page **pages;
    fence_run **runs;     /* each one's ids are above those of the run before */
    uint32_t *run_starts; /* the rank of each run's first slot */
} fence_table;

/* An empty one. The caller owns one reference. */
GEO_MUST_USE geo_err fence_table_new(fence_table **out);
fence_table *fence_table_ref(fence_table *table);
void fence_table_unref(fence_table *table);

/* The fence at a slot; NULL when the slot is free or beyond all. */
static inline const geo_fence *fence_table_at(const fence_table *table, uint32_t slot)
{
    return slot < table->slot_count
               ? table->pages[slot / FENCE_PAGE_SLOTS]->fences[slot % FENCE_PAGE_SLOTS]
               : NULL;
}

/* The slot of an id, and of a rank in the order of ids; or GEO_NO_SLOT. */
uint32_t fence_table_find(const fence_table *table, const char *id);
uint32_t fence_table_by_rank(const fence_table *table, uint32_t rank);

/* The lowest free slot from `from` on, below which none is. */
uint32_t fence_table_free_slot(const fence_table *table, uint32_t from);

/* Changes. Each first makes *table the caller's own, by copying what it must not touch.
 * GEO_NO_MEMORY; GEO_TOO_BIG: the index would refuse the fences (GEO_INDEX_SPAN_MAX). *table then
 * says what it said before. */

/* A fence at a free slot; its id is not there yet. */
GEO_MUST_USE geo_err fence_table_insert(fence_table **table, const geo_fence *fence, uint32_t slot);
/* Another fence of the same id. */
GEO_MUST_USE geo_err fence_table_replace(fence_table **table, const geo_fence *fence,
                                         uint32_t slot);
GEO_MUST_USE geo_err fence_table_remove(fence_table **table, uint32_t slot);

#endif
