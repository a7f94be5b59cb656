/* geo/index_version.c - publishing, holding and freeing versions. */
#include <assert.h>
#include <stdlib.h>

#include "index_private.h"

/* The order of the two atomic steps on either side is what makes this safe. A reader first counts
 * itself in, then looks whether the slot is still the newest; the writer first names a new newest
 * slot, then looks whether the old one is held. Both pairs are sequentially consistent, so not both
 * can miss the other. A reader that came too late counts itself out and tries again; in between the
 * writer at worst takes a dead slot for a living one. */
geo_index_version *geo_index_acquire(geo_index *index)
{
    for (;;) {
        uint32_t slot = atomic_load(&index->newest);
        geo_index_version *version = &index->versions[slot];
        atomic_fetch_add(&version->references, 1);
        if (atomic_load(&index->newest) == slot) {
            return version;
        }
        geo_index_release(version);
    }
}

void geo_index_release(geo_index_version *version)
{
    if (version != NULL) {
        uint32_t before = atomic_fetch_sub(&version->references, 1);
        assert(before != 0);
        (void)before;
    }
}

/* The used version with the lowest number above `number`, or NULL. */
static geo_index_version *next_version(geo_index *index, uint64_t number)
{
    geo_index_version *best = NULL;
    for (uint32_t slot = 0; slot < GEO_INDEX_VERSIONS_MAX; slot++) {
        geo_index_version *version = &index->versions[slot];
        if (version->is_used && version->number > number &&
            (best == NULL || version->number < best->number)) {
            best = version;
        }
    }
    return best;
}

/* Hand a dead version's garbage to the next older one that lives: it may see it, too. */
static bool garbage_move(index_garbage *from, index_garbage *to)
{
    size_t count = to->count;
    for (size_t i = 0; i < from->count; i++) {
        if (index_garbage_add(to, from->items[i].unit, from->items[i].bytes) != GEO_OK) {
            to->count = count;
            return false;
        }
    }
    from->count = 0;
    return true;
}

void geo_index_reclaim(geo_index *index)
{
    geo_index_version *newest = &index->versions[atomic_load(&index->newest)];
    geo_index_version *older = NULL;
    geo_index_version *version = next_version(index, 0);
    for (; version != NULL; version = next_version(index, version->number)) {
        if (version == newest || atomic_load(&version->references) != 0) {
            older = version;
            continue;
        }
        /* Versions of one arena follow each other. */
        if (older == NULL || older->arena != version->arena) {
            index_garbage_free_from(&version->garbage, 0, version->arena);
        } else if (!garbage_move(&version->garbage, &older->garbage)) {
            older = version;
            continue;
        }
        free(version->garbage.items);
        version->garbage = (index_garbage){0};
        index_arena_unref(version->arena);
        version->is_used = false;
    }
}

geo_err geo_index_publish(geo_index *index)
{
    geo_index_reclaim(index);
    uint32_t slot = 0;
    while (slot < GEO_INDEX_VERSIONS_MAX && index->versions[slot].is_used) {
        slot++;
    }
    if (slot == GEO_INDEX_VERSIONS_MAX) {
        return GEO_TOO_BIG;
    }
    geo_index_version *version = &index->versions[slot];
    version->arena = index_arena_ref(index->arena);
    version->base = index->arena->base;
    version->root = index->root;
    version->number = ++index->last_number;
    version->is_used = true;
    atomic_fetch_add(&version->references, 1);
    uint32_t old_slot = atomic_exchange(&index->newest, slot);
    index_unseen_forget(&index->unseen);
    if (version->number > 1) {
        geo_index_version *old = &index->versions[old_slot];
        if (old->arena == index->arena) {
            old->garbage = index->retired;
            index->retired = (index_garbage){0};
        } else {
            /* A build came between: no version has seen what was changed since. */
            index_garbage_free_from(&index->retired, 0, index->arena);
        }
        geo_index_release(old);
        geo_index_reclaim(index);
    }
    return GEO_OK;
}

size_t index_versions_bytes(const geo_index *index)
{
    size_t bytes = index->arena->top_bytes;
    for (uint32_t slot = 0; slot < GEO_INDEX_VERSIONS_MAX; slot++) {
        const geo_index_version *version = &index->versions[slot];
        bool is_counted = !version->is_used || version->arena == index->arena;
        for (uint32_t before = 0; before < slot && !is_counted; before++) {
            is_counted =
                index->versions[before].is_used && index->versions[before].arena == version->arena;
        }
        bytes += is_counted ? 0 : version->arena->top_bytes;
        bytes += version->garbage.room * sizeof(index_garbage_item);
    }
    return bytes;
}
