/* engine/world.c - one index, brought from version to version by what differs. */
#include "world.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/change.h"
#include "geo/rules_diff.h"
#include "geo/tracker_index.h"

#define CHANGES_ONE_BY_ONE_MAX 64

typedef struct world_slot {
    engine_world world;
    uint32_t users;
    bool is_used;
    uint64_t last_use; /* order of use, to let go of the longest unused */
} world_slot;

struct engine_worlds {
    pthread_mutex_t lock; /* protects everything below */
    catalog *catalog;
    geo_index *index;
    const geo_rules *indexed; /* what the index's writer holds now */
    world_slot slots[ENGINE_WORLDS_MAX];
    uint64_t use_count;
    size_t import_bytes_max; /* what the index may take while it is built; never altered */
};

/* Half of the memory: the other half is for the fences themselves, for what a change reads before
 * it comes here, and for all else that runs. */
static size_t machine_share(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (size_t)pages / 2 * (size_t)page_bytes : 0;
}

hr_err engine_worlds_new(catalog *catalog, engine_worlds **out, hr_why *why)
{
    engine_worlds *worlds = calloc(1, sizeof *worlds);
    if (worlds == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the fence index");
    }
    geo_err geo = geo_index_new(NULL, &worlds->index);
    if (geo != GEO_OK) {
        free(worlds);
        return hr_why_set(why, engine_err_from_geo(geo), "cannot make the fence index: %s",
                          geo_err_text(geo));
    }
    worlds->catalog = catalog;
    worlds->import_bytes_max = machine_share();
    pthread_mutex_init(&worlds->lock, NULL);
    *out = worlds;
    return HR_OK;
}

static void clear_slot(world_slot *slot)
{
    geo_index_release(slot->world.index);
    geo_rules_unref(slot->world.rules);
    *slot = (world_slot){.is_used = false};
}

void engine_worlds_free(engine_worlds *worlds)
{
    if (worlds == NULL) {
        return;
    }
    for (unsigned i = 0; i < ENGINE_WORLDS_MAX; i++) {
        if (worlds->slots[i].is_used) {
            assert(worlds->slots[i].users == 0);
            clear_slot(&worlds->slots[i]);
        }
    }
    geo_rules_unref(worlds->indexed);
    geo_index_free(worlds->index);
    pthread_mutex_destroy(&worlds->lock);
    free(worlds);
}

static world_slot *find_version(engine_worlds *worlds, uint64_t version)
{
    for (unsigned i = 0; i < ENGINE_WORLDS_MAX; i++) {
        if (worlds->slots[i].is_used && worlds->slots[i].world.version == version) {
            return &worlds->slots[i];
        }
    }
    return NULL;
}

/* A slot to fill: an empty one, else the longest unused; NULL when all are in use. */
static world_slot *make_room(engine_worlds *worlds)
{
    world_slot *best = NULL;
    for (unsigned i = 0; i < ENGINE_WORLDS_MAX; i++) {
        world_slot *slot = &worlds->slots[i];
        if (!slot->is_used) {
            return slot;
        }
        if (slot->users == 0 && (best == NULL || slot->last_use < best->last_use)) {
            best = slot;
        }
    }
    if (best != NULL) {
        clear_slot(best);
    }
    return best;
}

static geo_err put_area(geo_index *index, uint32_t number, const geo_area *before,
                        const geo_area *after)
{
    if (before == after) {
        return GEO_OK;
    }
    if (after == NULL) {
        return geo_index_remove(index, number);
    }
    return geo_index_put(index, number, after);
}

/* Bring the fence of one slot, and its zone, to what the rules say. */
static geo_err put_slot(engine_worlds *worlds, const geo_rules *rules, uint32_t slot)
{
    const geo_fence *before = NULL;
    const geo_fence *after = NULL;
    if (worlds->indexed != NULL && slot < geo_rules_slot_count(worlds->indexed)) {
        before = geo_rules_fence(worlds->indexed, slot);
    }
    if (slot < geo_rules_slot_count(rules)) {
        after = geo_rules_fence(rules, slot);
    }
    geo_err err =
        put_area(worlds->index, GEO_AREA_OF_SLOT(slot), before != NULL ? before->area : NULL,
                 after != NULL ? after->area : NULL);
    if (err == GEO_OK) {
        err = put_area(worlds->index, GEO_ZONE_OF_SLOT(slot), before != NULL ? before->zone : NULL,
                       after != NULL ? after->zone : NULL);
    }
    return err;
}

/* The index may hold a part of a change: the next build begins from nothing. */
static void forget_indexed(engine_worlds *worlds)
{
    geo_rules_unref(worlds->indexed);
    worlds->indexed = NULL;
}

static geo_err build_all(engine_worlds *worlds, const geo_rules *rules)
{
    geo_err err = geo_tracker_index_build(worlds->index, rules);
    /* Without memory for it all is as it was. */
    if (err != GEO_OK && err != GEO_NO_MEMORY) {
        forget_indexed(worlds);
    }
    return err;
}

static geo_err apply_difference(engine_worlds *worlds, const geo_rules *rules)
{
    geo_rules_diff *diff;
    geo_err err = geo_rules_diff_new(worlds->indexed, rules, &diff);
    if (err != GEO_OK) {
        return err;
    }
    /* An import changes so much that building all anew is the shorter way. */
    if (diff->changed_count > CHANGES_ONE_BY_ONE_MAX &&
        diff->changed_count > geo_rules_fence_count(rules) / 8) {
        geo_rules_diff_free(diff);
        return build_all(worlds, rules);
    }
    /* These add an eighth at most, and one that is refused half way costs a build of all. */
    geo_index_limit_memory(worlds->index, 0);
    for (uint32_t i = 0; err == GEO_OK && i < diff->changed_count; i++) {
        err = put_slot(worlds, rules, diff->changed[i]);
    }
    geo_rules_diff_free(diff);
    err = err == GEO_OK ? geo_index_publish(worlds->index) : err;
    if (err != GEO_OK) {
        forget_indexed(worlds);
    }
    return err;
}

/* The slot of the rules' world; holds the lock. */
static hr_err build(engine_worlds *worlds, const geo_rules *rules, world_slot **out, hr_why *why)
{
    world_slot *slot = make_room(worlds);
    if (slot == NULL) {
        return hr_why_set(why, HR_TOO_BIG, "%d versions of the rules are in use",
                          ENGINE_WORLDS_MAX);
    }
    geo_err err =
        worlds->indexed == NULL ? build_all(worlds, rules) : apply_difference(worlds, rules);
    if (err != GEO_OK) {
        return hr_why_set(why, engine_err_from_geo(err),
                          "cannot index version %llu of the rules: %s",
                          (unsigned long long)geo_rules_version(rules), geo_err_text(err));
    }
    geo_rules_unref(worlds->indexed);
    worlds->indexed = geo_rules_ref(rules);
    geo_index_version *index = geo_index_acquire(worlds->index);
    *slot = (world_slot){
        .is_used = true,
        .last_use = ++worlds->use_count,
        .world =
            {
                .version = geo_rules_version(rules),
                .rules = geo_rules_ref(rules),
                .index = index,
                .areas = geo_tracker_index_of(index),
            },
    };
    *out = slot;
    return HR_OK;
}

hr_err engine_world_acquire(engine_worlds *worlds, uint64_t version, const engine_world **out,
                            hr_why *why)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&worlds->lock);
    world_slot *slot = find_version(worlds, version);
    if (slot == NULL) {
        const geo_rules *rules;
        geo_why geo_why = {""};
        geo_err geo = catalog_rules_load(worlds->catalog, version, &rules, &geo_why);
        if (geo == GEO_OK) {
            err = build(worlds, rules, &slot, why);
            geo_rules_unref(rules);
        } else {
            err = hr_why_set(why, engine_err_from_geo(geo), "%s", geo_why.text);
        }
    }
    if (err == HR_OK) {
        slot->users++;
        slot->last_use = ++worlds->use_count;
        *out = &slot->world;
    }
    pthread_mutex_unlock(&worlds->lock);
    return err;
}

/* Let go of worlds that nobody uses any more and that are older than all in use, since who judges
 * goes forward: after an import each of them holds an index of its own. */
static void drop_old(engine_worlds *worlds)
{
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < ENGINE_WORLDS_MAX; i++) {
        const world_slot *slot = &worlds->slots[i];
        if (slot->is_used && slot->users > 0 && slot->world.version < oldest) {
            oldest = slot->world.version;
        }
    }
    for (unsigned i = 0; i < ENGINE_WORLDS_MAX && oldest != UINT64_MAX; i++) {
        if (worlds->slots[i].is_used && worlds->slots[i].world.version < oldest) {
            clear_slot(&worlds->slots[i]);
        }
    }
    geo_index_reclaim(worlds->index);
}

void engine_world_release(engine_worlds *worlds, const engine_world *world)
{
    if (world == NULL) {
        return;
    }
    pthread_mutex_lock(&worlds->lock);
    world_slot *slot = find_version(worlds, world->version);
    assert(slot != NULL && slot->users > 0);
    if (--slot->users == 0) {
        drop_old(worlds);
    }
    pthread_mutex_unlock(&worlds->lock);
}

hr_err engine_world_prepare(engine_worlds *worlds, const geo_rules *rules, hr_why *why)
{
    hr_err err = HR_OK;
    pthread_mutex_lock(&worlds->lock);
    world_slot *slot = find_version(worlds, geo_rules_version(rules));
    if (slot != NULL && slot->users == 0) {
        /* Left by a change that was prepared under the same number and then abandoned. */
        clear_slot(slot);
        slot = NULL;
    }
    if (slot == NULL) {
        /* What the log has must be judged by, whatever it takes; an import may be refused. */
        geo_index_limit_memory(worlds->index, worlds->import_bytes_max);
        err = build(worlds, rules, &slot, why);
        geo_index_limit_memory(worlds->index, 0);
    }
    pthread_mutex_unlock(&worlds->lock);
    if (err == HR_NO_MEMORY) {
        (void)hr_why_set(why, err,
                         "with this change the fences need more memory than this gateway has for "
                         "them, %zu MB",
                         worlds->import_bytes_max >> 20);
    }
    return err;
}
