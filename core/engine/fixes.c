/* engine/fixes.c - fixes in blocks: fetch ahead, ask the index once, then track one by one.
 *
 * Where memory is slow, most of a fix's time would be waiting for its device; so each step goes
 * over the whole block and begins the loads of the next one. */
#include "fixes.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/change.h"

/* Long enough that steps do not get in each other's way, short enough that the block stays in the
 * nearest cache, and that a query waits for what it shows for some microseconds at the most. */
#define BLOCK (4 * GEO_INDEX_BLOCK_POINTS)
/* What a step crosses is four accuracies long at least (rule 8), so a step of fewer units than this
 * for each decimetre crosses nothing, and the tracker sees that by itself. */
#define UNITS_PER_ACCURACY_DM 35
#define HITS_MIN (BLOCK * 4)

struct partition_block {
    hr_fix fixes[BLOCK];
    uint32_t devices[BLOCK];
    geo_point points[BLOCK];
    geo_hit *hits;   /* as the index gives them */
    uint32_t *areas; /* the same, gathered point by point */
    size_t hits_max;
    uint32_t starts[BLOCK + 1];                     /* where each point's areas begin */
    geo_point from[BLOCK];                          /* the last deciding fix of each one's device */
    uint64_t clear[BLOCK / GEO_INDEX_BLOCK_POINTS]; /* whose way from there meets no boundary */
    uint8_t views[BLOCK];                           /* what queries shall see of each, VIEW_* */
};

enum {
    VIEW_FIX = 1,
    VIEW_INSIDE = 2, /* something was told of it: the device may be in other fences now */
};

static hr_err grow_hits(struct partition_block *block, size_t hits_max)
{
    geo_hit *hits = realloc(block->hits, hits_max * sizeof *hits);
    if (hits == NULL) {
        return HR_NO_MEMORY;
    }
    block->hits = hits;
    uint32_t *areas = realloc(block->areas, hits_max * sizeof *areas);
    if (areas == NULL) {
        return HR_NO_MEMORY;
    }
    block->areas = areas;
    block->hits_max = hits_max;
    return HR_OK;
}

hr_err engine_fixes_new(struct partition_block **out)
{
    struct partition_block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        return HR_NO_MEMORY;
    }
    if (grow_hits(block, HITS_MIN) != HR_OK) {
        engine_fixes_free(block);
        return HR_NO_MEMORY;
    }
    *out = block;
    return HR_OK;
}

void engine_fixes_free(struct partition_block *block)
{
    if (block != NULL) {
        free(block->hits);
        free(block->areas);
        free(block);
    }
}

/* All hits of the block's points, however many. */
static hr_err ask_index(struct partition_block *block, const geo_index_version *index,
                        uint32_t count, size_t *hit_count)
{
    for (;;) {
        size_t done = 0;
        geo_err err = geo_index_query(index, block->points, count, block->hits, block->hits_max,
                                      hit_count, &done);
        if (err == GEO_OK && done == count) {
            return HR_OK;
        }
        if (err != GEO_OK && err != GEO_TOO_BIG) {
            return engine_err_from_geo(err);
        }
        hr_err grown = grow_hits(block, block->hits_max * 2);
        if (grown != HR_OK) {
            return grown;
        }
    }
}

/* The index tells a block's hits in an order of its own: a counting sort gathers each point's. */
static void gather(struct partition_block *block, uint32_t count, size_t hit_count)
{
    uint32_t next[BLOCK] = {0};
    for (size_t i = 0; i < hit_count; i++) {
        next[block->hits[i].point]++;
    }
    uint32_t start = 0;
    for (uint32_t i = 0; i < count; i++) {
        block->starts[i] = start;
        start += next[i];
        next[i] = block->starts[i];
    }
    block->starts[count] = start;
    for (size_t i = 0; i < hit_count; i++) {
        block->areas[next[block->hits[i].point]++] = block->hits[i].id;
    }
}

/* What became of a block's fixes; added to the shared counters once. */
typedef struct fates {
    uint32_t of[(GEO_FIX_INACCURATE + 1)];
} fates;

static void count_fates(const engine_partition *partition, const fates *fates, uint32_t count)
{
    const engine_counters *counters = partition->counters;
    hr_counter_add(counters->fixes, count);
    if (fates->of[GEO_FIX_DECIDED] == count) {
        return;
    }
    hr_counter_add(counters->repeated, fates->of[GEO_FIX_REPEATED]);
    hr_counter_add(counters->out_of_order, fates->of[GEO_FIX_OUT_OF_ORDER]);
    hr_counter_add(counters->inaccurate, fates->of[GEO_FIX_INACCURATE]);
}

/* Under the lock. */
static hr_err show_block(engine_partition *partition, uint32_t count, int64_t append_ms)
{
    const struct partition_block *block = partition->block;
    hr_err err = engine_partition_show_locked(partition);
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = engine_devices_show_change(
            &partition->devices, block->devices[i],
            (block->views[i] & VIEW_FIX) != 0 ? &block->fixes[i] : NULL, append_ms,
            (block->views[i] & VIEW_INSIDE) != 0, &partition->moved);
    }
    return err;
}

static hr_err note_block(engine_partition *partition, uint32_t count, int64_t append_ms)
{
    const struct partition_block *block = partition->block;
    for (uint32_t i = 0; i < count; i++) {
        if ((block->views[i] & VIEW_FIX) == 0) {
            continue;
        }
        engine_note *note = engine_note_add(&partition->notes);
        if (note == NULL) {
            return HR_NO_MEMORY;
        }
        *note = (engine_note){.device = block->devices[i],
                              .has_fix = true,
                              .is_inside_changed = (block->views[i] & VIEW_INSIDE) != 0,
                              .append_ms = append_ms,
                              .fix = block->fixes[i]};
    }
    return HR_OK;
}

/* Ingest refuses such fixes at the door; this one came another way. */
static void refuse(engine_partition *partition, const hr_fix *fix, int64_t offset,
                   const char *reason)
{
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix_store(bytes, fix);
    engine_partition_refuse(partition, offset, 1, reason, bytes, sizeof bytes);
}

static hr_err track(engine_partition *partition, uint32_t i, int64_t offset, int64_t append_ms,
                    fates *fates)
{
    struct partition_block *block = partition->block;
    uint32_t index = block->devices[i];
    const hr_fix *fix = &block->fixes[i];
    block->views[i] = 0;
    engine_source source = {.offset = offset};
    if (index == ENGINE_NO_DEVICE) {
        refuse(partition, fix, offset, "too many devices");
        return HR_OK;
    }
    engine_device_entry *entry = &partition->devices.entries[index];
    if (entry->tick_ms < partition->tick_ms) {
        hr_err err = engine_partition_catch_up(partition, index, &source, append_ms);
        if (err != HR_OK) {
            return err;
        }
    }
    geo_fix input = {.time_ms = fix->time_ms,
                     .append_ms = append_ms,
                     .place = block->points[i],
                     .accuracy_dm = fix->accuracy_dm};
    if (block->clear[i / GEO_INDEX_BLOCK_POINTS] >> i % GEO_INDEX_BLOCK_POINTS & 1) {
        geo_tracker_clear_from(partition->tracker, block->from[i]);
    }
    geo_err geo =
        geo_tracker_fix(partition->tracker, &entry->state, entry->key, &input,
                        block->areas + block->starts[i], block->starts[i + 1] - block->starts[i]);
    if (geo == GEO_RANGE) {
        refuse(partition, fix, offset, "a time or a place out of range");
        return HR_OK;
    }
    if (geo != GEO_OK) {
        return engine_err_from_geo(geo);
    }
    fates->of[geo_tracker_fix_fate(partition->tracker)]++;
    uint32_t told_before = source.index;
    hr_err err = engine_partition_tell(partition, index, &source, append_ms);
    engine_devices_stir(&partition->devices, index);
    block->views[i] = source.index > told_before ? VIEW_FIX | VIEW_INSIDE : VIEW_FIX;
    return err;
}

/* The devices of the block's fixes. */
static void find_devices(engine_partition *partition, uint32_t count)
{
    struct partition_block *block = partition->block;
    for (uint32_t i = 0; i < count; i++) {
        block->devices[i] = engine_devices_find(&partition->devices, block->fixes[i].device);
    }
}

/* Those that are new are made under the lock, because queries look for devices, too. */
static hr_err make_devices(engine_partition *partition, uint32_t count)
{
    struct partition_block *block = partition->block;
    bool is_locked = false;
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        if (block->devices[i] != ENGINE_NO_DEVICE) {
            continue;
        }
        if (!is_locked) {
            pthread_rwlock_wrlock(&partition->lock);
            is_locked = true;
        }
        err = engine_devices_get(&partition->devices, block->fixes[i].device, &block->devices[i]);
        err = err == HR_TOO_BIG ? HR_OK : err;
    }
    if (is_locked) {
        pthread_rwlock_unlock(&partition->lock);
    }
    return err;
}

/* Is the step longer than what the tracker needs to know that it crosses nothing? */
static bool is_step_long(geo_point from, geo_point to, uint16_t accuracy_dm)
{
    int64_t units =
        llabs((int64_t)to.lon_e7 - from.lon_e7) + llabs((int64_t)to.lat_e7 - from.lat_e7);
    return accuracy_dm == HR_FIX_U16_UNKNOWN ||
           units > (int64_t)accuracy_dm * UNITS_PER_ACCURACY_DM;
}

static bool is_on_globe(geo_point place)
{
    return place.lon_e7 >= -GEO_LON_E7_MAX && place.lon_e7 <= GEO_LON_E7_MAX &&
           place.lat_e7 >= -GEO_LAT_E7_MAX && place.lat_e7 <= GEO_LAT_E7_MAX;
}

/* Whether a step has crossed anything would be a question of its own for every fix that does not
 * say how accurate it is. For nearly all of a walk the index can answer 64 at once. */
static void ask_ways(engine_partition *partition, uint32_t first, uint32_t count)
{
    struct partition_block *block = partition->block;
    geo_point to[GEO_INDEX_BLOCK_POINTS];
    bool is_any_long = false;
    for (uint32_t i = 0; i < count; i++) {
        int64_t time_ms;
        uint32_t index = block->devices[first + i];
        geo_point *from = &block->from[first + i];
        to[i] = block->points[first + i];
        if (index == ENGINE_NO_DEVICE || !is_on_globe(to[i]) ||
            !geo_tracker_state_last(&partition->devices.entries[index].state, from, &time_ms)) {
            /* There is no way; the tracker heeds only one that begins where the device was. */
            *from = to[i] = (geo_point){0, 0};
            continue;
        }
        is_any_long |= is_step_long(*from, to[i], block->fixes[first + i].accuracy_dm);
    }
    block->clear[first / GEO_INDEX_BLOCK_POINTS] =
        is_any_long ? geo_index_clear(partition->world->index, block->from + first, to, count) : 0;
}

/* What is asked of many fixes at once. */
static hr_err prepare(engine_partition *partition, const uint8_t *bytes, uint32_t count)
{
    struct partition_block *block = partition->block;
    for (uint32_t i = 0; i < count; i++) {
        hr_fix_load(bytes + (size_t)i * HR_FIX_BYTES, &block->fixes[i]);
        block->points[i] = (geo_point){block->fixes[i].lon_e7, block->fixes[i].lat_e7};
        engine_devices_fetch_slot(&partition->devices, block->fixes[i].device);
    }
    size_t hit_count = 0;
    hr_err err = ask_index(block, partition->world->index, count, &hit_count);
    if (err != HR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        engine_devices_fetch_entry(&partition->devices, block->fixes[i].device);
    }
    gather(block, count, hit_count);
    find_devices(partition, count);
    for (uint32_t first = 0; first < count; first += GEO_INDEX_BLOCK_POINTS) {
        uint32_t left = count - first;
        ask_ways(partition, first, left < GEO_INDEX_BLOCK_POINTS ? left : GEO_INDEX_BLOCK_POINTS);
    }
    return HR_OK;
}

static hr_err apply_block(engine_partition *partition, uint32_t count, int64_t first_offset,
                          int64_t append_ms)
{
    fates fates = {{0}};
    hr_err err = make_devices(partition, count);
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = track(partition, i, first_offset + i, append_ms, &fates);
    }
    count_fates(partition, &fates, count);
    return err;
}

hr_err engine_fixes_apply(engine_partition *partition, const log_view *view)
{
    if (view->record_bytes != HR_FIX_BYTES || view->size != (size_t)view->count * HR_FIX_BYTES) {
        engine_partition_refuse(partition, view->first_offset, view->count, "fixes of a wrong size",
                                view->bytes, view->size);
        engine_partition_skip(partition, view->first_offset + view->count);
        return HR_OK;
    }
    int64_t begin = atomic_load_explicit(&partition->offset, memory_order_relaxed);
    uint32_t at = begin > view->first_offset ? (uint32_t)(begin - view->first_offset) : 0;
    hr_err err = HR_OK;
    while (err == HR_OK && at < view->count) {
        uint32_t count = view->count - at < BLOCK ? view->count - at : BLOCK;
        err = prepare(partition, view->bytes + (size_t)at * HR_FIX_BYTES, count);
        if (err != HR_OK) {
            break;
        }
        err = apply_block(partition, count, view->first_offset + at, view->append_ms);
        at += count;
        atomic_store_explicit(&partition->offset, view->first_offset + at, memory_order_release);
        if (err == HR_OK && engine_partition_lock_to_show(partition)) {
            err = show_block(partition, count, view->append_ms);
            pthread_rwlock_unlock(&partition->lock);
        } else if (err == HR_OK) {
            err = note_block(partition, count, view->append_ms);
        }
    }
    return err;
}
