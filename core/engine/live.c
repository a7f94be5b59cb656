/* engine/live.c - pull queries over the partitions' devices, one partition's lock at a time. */
#include "engine/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "internal.h"

/* Metres of a degree of latitude on the mean sphere, and of the radius itself. */
#define EARTH_RADIUS_M 6371008.8
#define RADIANS_PER_E7 (M_PI / 180 * 1e-7)
#define E7_PER_METRE (1e7 * 180 / M_PI / EARTH_RADIUS_M)

void engine_answer_init(engine_answer *answer)
{
    *answer = (engine_answer){.count = 0};
}

void engine_answer_fini(engine_answer *answer)
{
    free(answer->devices);
    *answer = (engine_answer){.count = 0};
}

static void begin(engine *engine, engine_answer *answer)
{
    answer->count = 0;
    answer->is_cut = false;
    answer->partition_count = engine->partition_count;
}

/* A place for one more device; NULL when there is no more room, and then *err says why. */
static engine_device *add(engine_answer *answer, hr_err *err)
{
    if (answer->count == ENGINE_ANSWER_DEVICES_MAX) {
        answer->is_cut = true;
        return NULL;
    }
    if (answer->count == answer->capacity) {
        size_t capacity = answer->capacity > 0 ? answer->capacity * 2 : 16;
        engine_device *devices = realloc(answer->devices, capacity * sizeof *devices);
        if (devices == NULL) {
            *err = HR_NO_MEMORY;
            return NULL;
        }
        answer->devices = devices;
        answer->capacity = capacity;
    }
    return &answer->devices[answer->count++];
}

static void fill(const engine_devices *devices, uint32_t index, engine_device *device)
{
    const engine_device_entry *entry = &devices->entries[index];
    device->fix = entry->latest;
    device->append_ms = entry->latest_append_ms;
    device->distance_m = 0;
    device->since_ms = 0;
    const char *id = engine_device_id(devices, index);
    size_t size = strnlen(id, HR_DEVICE_ID_MAX);
    memcpy(device->id, id, size);
    device->id[size] = '\0';
}

/* ---- within ---- */

typedef struct within_search {
    const geo_area *area;
    engine_answer *answer;
    hr_err err;
} within_search;

static void visit_within(const engine_devices *devices, uint32_t index, void *context)
{
    within_search *search = context;
    const hr_fix *fix = &devices->entries[index].latest;
    if (!geo_area_contains(search->area, (geo_point){fix->lon_e7, fix->lat_e7})) {
        return;
    }
    engine_device *device = add(search->answer, &search->err);
    if (device != NULL) {
        fill(devices, index, device);
    }
}

/* Every partition's devices in the box, under its lock, and what offset they reflect. */
static void each_in_box(engine *engine, geo_box box, engine_answer *answer,
                        engine_device_visit *visit, void *context)
{
    for (uint32_t p = 0; p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        pthread_rwlock_rdlock(&partition->lock);
        answer->as_of[p] = atomic_load_explicit(&partition->offset, memory_order_relaxed);
        engine_devices_in_box(&partition->devices, box, visit, context);
        pthread_rwlock_unlock(&partition->lock);
    }
}

hr_err engine_within(engine *engine, const geo_area *area, engine_answer *answer)
{
    within_search search = {.area = area, .answer = answer, .err = HR_OK};
    begin(engine, answer);
    each_in_box(engine, area->box, answer, visit_within, &search);
    return search.err;
}

/* ---- nearby ---- */

typedef struct nearby_search {
    geo_point center;
    double radius_m;
    engine_answer *answer;
    hr_err err;
} nearby_search;

/* Great-circle distance: exact enough for an order of nearness, and short. */
static double distance_m(geo_point a, geo_point b)
{
    double lat_a = a.lat_e7 * RADIANS_PER_E7;
    double lat_b = b.lat_e7 * RADIANS_PER_E7;
    double half_lat = sin((lat_b - lat_a) / 2);
    double half_lon = sin(((double)b.lon_e7 - a.lon_e7) * RADIANS_PER_E7 / 2);
    double h = half_lat * half_lat + cos(lat_a) * cos(lat_b) * half_lon * half_lon;
    return 2 * EARTH_RADIUS_M * asin(fmin(1, sqrt(h)));
}

static void visit_nearby(const engine_devices *devices, uint32_t index, void *context)
{
    nearby_search *search = context;
    const hr_fix *fix = &devices->entries[index].latest;
    double here_m = distance_m(search->center, (geo_point){fix->lon_e7, fix->lat_e7});
    if (here_m > search->radius_m) {
        return;
    }
    engine_device *device = add(search->answer, &search->err);
    if (device != NULL) {
        fill(devices, index, device);
        device->distance_m = here_m;
    }
}

static int32_t clamp(double value, int32_t max)
{
    return value < -max ? -max : value > max ? max : (int32_t)value;
}

/* The boxes (two across the antimeridian) that hold everything within the radius. */
static size_t boxes_around(geo_point center, double radius_m, geo_box boxes[2])
{
    double reach_lat = radius_m * E7_PER_METRE + 1;
    double north = center.lat_e7 + reach_lat;
    double south = center.lat_e7 - reach_lat;
    double widest = fmax(fabs(north), fabs(south));
    int32_t lat_min = clamp(south, GEO_LAT_E7_MAX);
    int32_t lat_max = clamp(north, GEO_LAT_E7_MAX);
    double narrow = widest >= GEO_LAT_E7_MAX ? 0 : cos(widest * RADIANS_PER_E7);
    double reach_lon = narrow > 0 ? reach_lat / narrow : 2.0 * GEO_LON_E7_MAX;
    double west = center.lon_e7 - reach_lon;
    double east = center.lon_e7 + reach_lon;
    boxes[0] =
        (geo_box){{clamp(west, GEO_LON_E7_MAX), lat_min}, {clamp(east, GEO_LON_E7_MAX), lat_max}};
    if (reach_lon >= GEO_LON_E7_MAX) {
        boxes[0].min.lon_e7 = -GEO_LON_E7_MAX;
        boxes[0].max.lon_e7 = GEO_LON_E7_MAX;
        return 1;
    }
    if (west < -GEO_LON_E7_MAX) {
        boxes[1] = boxes[0];
        boxes[1].min.lon_e7 = clamp(west + 2.0 * GEO_LON_E7_MAX, GEO_LON_E7_MAX);
        boxes[1].max.lon_e7 = GEO_LON_E7_MAX;
        return 2;
    }
    if (east > GEO_LON_E7_MAX) {
        boxes[1] = boxes[0];
        boxes[1].min.lon_e7 = -GEO_LON_E7_MAX;
        boxes[1].max.lon_e7 = clamp(east - 2.0 * GEO_LON_E7_MAX, GEO_LON_E7_MAX);
        return 2;
    }
    return 1;
}

static int compare_distance(const void *a, const void *b)
{
    const engine_device *left = a;
    const engine_device *right = b;
    if (left->distance_m != right->distance_m) {
        return left->distance_m < right->distance_m ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

hr_err engine_nearby(engine *engine, geo_point center, double radius_m, size_t limit,
                     engine_answer *answer)
{
    nearby_search search = {.center = center, .radius_m = radius_m, .answer = answer, .err = HR_OK};
    geo_box boxes[2];
    size_t box_count = boxes_around(center, radius_m, boxes);
    begin(engine, answer);
    for (size_t i = 0; i < box_count; i++) {
        each_in_box(engine, boxes[i], answer, visit_nearby, &search);
    }
    if (answer->count > 1) {
        qsort(answer->devices, answer->count, sizeof *answer->devices, compare_distance);
    }
    if (answer->count > limit) {
        answer->count = limit;
        answer->is_cut = true;
    }
    return search.err;
}

/* ---- moved ---- */

typedef struct moved_search {
    uint64_t seen;
    engine_answer *answer;
    hr_err err;
} moved_search;

static void visit_moved(const engine_devices *devices, uint32_t index, void *context)
{
    moved_search *search = context;
    if (devices->entries[index].moved > search->seen) {
        engine_device *device = add(search->answer, &search->err);
        if (device != NULL) {
            fill(devices, index, device);
        }
    }
}

hr_err engine_moved(engine *engine, geo_box box, engine_moved_mark *mark, engine_answer *answer)
{
    moved_search search = {.answer = answer, .err = HR_OK};
    begin(engine, answer);
    for (uint32_t p = 0; search.err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        pthread_rwlock_rdlock(&partition->lock);
        answer->as_of[p] = atomic_load_explicit(&partition->offset, memory_order_relaxed);
        /* A quiet partition is not looked through at all. */
        if (partition->moved > mark->seen[p]) {
            search.seen = mark->seen[p];
            engine_devices_in_box(&partition->devices, box, visit_moved, &search);
            mark->seen[p] = partition->moved;
        }
        pthread_rwlock_unlock(&partition->lock);
    }
    return search.err;
}

/* ---- the tracker's state ---- */

hr_err engine_fence_devices(engine *engine, const char *fence_id, engine_answer *answer)
{
    hr_err err = HR_OK;
    bool is_known = false;
    begin(engine, answer);
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        pthread_rwlock_rdlock(&partition->lock);
        answer->as_of[p] = atomic_load_explicit(&partition->offset, memory_order_relaxed);
        uint32_t slot = geo_rules_find(partition->world->rules, fence_id);
        is_known = is_known || slot != GEO_NO_SLOT;
        const engine_devices *devices = &partition->devices;
        for (uint32_t i = 0; err == HR_OK && slot != GEO_NO_SLOT && i < devices->count; i++) {
            uint32_t inside;
            int64_t since_ms;
            for (uint32_t n = 0;
                 geo_tracker_state_inside(&devices->entries[i].state, n, &inside, &since_ms); n++) {
                engine_device *device = inside == slot ? add(answer, &err) : NULL;
                if (device != NULL) {
                    fill(devices, i, device);
                    device->since_ms = since_ms;
                }
            }
        }
        pthread_rwlock_unlock(&partition->lock);
    }
    return err == HR_OK && !is_known ? HR_NOT_FOUND : err;
}

static engine_partition *partition_of(engine *engine, const char *id, uint64_t *key)
{
    *key = hr_device_key(id, strlen(id));
    return &engine->partitions[hr_device_partition(*key, engine->partition_count)];
}

/* A device that has been heard of, and by that very id. */
static uint32_t find_device(const engine_partition *partition, uint64_t key, const char *id)
{
    uint32_t index = engine_devices_find(&partition->devices, key);
    if (index == ENGINE_NO_DEVICE ||
        partition->devices.entries[index].latest.time_ms == INT64_MIN ||
        strcmp(engine_device_id(&partition->devices, index), id) != 0) {
        return ENGINE_NO_DEVICE;
    }
    return index;
}

hr_err engine_device_name(engine *engine, uint64_t key, char id[HR_DEVICE_ID_MAX + 1])
{
    engine_partition *partition =
        &engine->partitions[hr_device_partition(key, engine->partition_count)];
    pthread_rwlock_rdlock(&partition->lock);
    uint32_t index = engine_devices_find(&partition->devices, key);
    const char *name =
        index != ENGINE_NO_DEVICE ? engine_device_id(&partition->devices, index) : "";
    size_t size = strnlen(name, HR_DEVICE_ID_MAX);
    memcpy(id, name, size);
    id[size] = 0;
    pthread_rwlock_unlock(&partition->lock);
    return size > 0 ? HR_OK : HR_NOT_FOUND;
}

hr_err engine_device_get(engine *engine, const char *id, engine_device *device)
{
    uint64_t key;
    engine_partition *partition = partition_of(engine, id, &key);
    pthread_rwlock_rdlock(&partition->lock);
    uint32_t index = find_device(partition, key, id);
    if (index != ENGINE_NO_DEVICE) {
        fill(&partition->devices, index, device);
    }
    pthread_rwlock_unlock(&partition->lock);
    return index != ENGINE_NO_DEVICE ? HR_OK : HR_NOT_FOUND;
}

hr_err engine_inside(engine *engine, const char *device_id, engine_stay *stays, size_t *count,
                     engine_as_of *as_of)
{
    uint64_t key;
    size_t room = *count;
    size_t found = 0;
    engine_partition *partition = partition_of(engine, device_id, &key);
    pthread_rwlock_rdlock(&partition->lock);
    uint32_t index = find_device(partition, key, device_id);
    uint32_t slot;
    int64_t since_ms;
    for (uint32_t n = 0;
         index != ENGINE_NO_DEVICE &&
         geo_tracker_state_inside(&partition->devices.entries[index].state, n, &slot, &since_ms);
         n++) {
        const geo_fence *fence = geo_rules_fence(partition->world->rules, slot);
        if (fence != NULL && found++ < room) {
            engine_stay *stay = &stays[found - 1];
            size_t size = strnlen(fence->id, HR_FENCE_ID_MAX);
            memcpy(stay->fence_id, fence->id, size);
            stay->fence_id[size] = '\0';
            stay->since_ms = since_ms;
        }
    }
    as_of->partition = hr_device_partition(key, engine->partition_count);
    as_of->offset = atomic_load_explicit(&partition->offset, memory_order_relaxed);
    pthread_rwlock_unlock(&partition->lock);
    *count = found;
    return index != ENGINE_NO_DEVICE ? HR_OK : HR_NOT_FOUND;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const engine_device *)a)->id, ((const engine_device *)b)->id);
}

hr_err engine_devices_list(engine *engine, const char *after, size_t limit, engine_answer *answer)
{
    hr_err err = HR_OK;
    begin(engine, answer);
    for (uint32_t p = 0; err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        pthread_rwlock_rdlock(&partition->lock);
        answer->as_of[p] = atomic_load_explicit(&partition->offset, memory_order_relaxed);
        const engine_devices *devices = &partition->devices;
        for (uint32_t i = 0; err == HR_OK && i < devices->count; i++) {
            if (devices->entries[i].latest.time_ms == INT64_MIN ||
                (after != NULL && strcmp(engine_device_id(devices, i), after) <= 0)) {
                continue;
            }
            engine_device *device = add(answer, &err);
            if (device != NULL) {
                fill(devices, i, device);
            }
        }
        pthread_rwlock_unlock(&partition->lock);
    }
    if (answer->count > 1) {
        qsort(answer->devices, answer->count, sizeof *answer->devices, compare_ids);
    }
    if (answer->count > limit) {
        answer->count = limit;
        answer->is_cut = true;
    }
    return err;
}
