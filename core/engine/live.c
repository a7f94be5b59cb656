/* engine/live.c - pull queries over the partitions' devices, one partition's lock at a time.
 *
 * No lock is held for longer than it takes to look at some hundred devices: new devices wait for
 * it. What is slow (exact tests, distances, sorting) is done with copies. */
#include "engine/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "geo/metric.h"
#include "internal.h"

#define RADIANS_PER_E7 (M_PI / 180 * 1e-7)
/* Of the sphere on which a degree is as long as in the metric that decides events. */
#define EARTH_RADIUS_M (GEO_METRIC_M_PER_E7 / RADIANS_PER_E7)
/* Room for what is cut off in the end. */
#define ANSWER_SPARE 8192
#define E7_PER_METRE (1 / GEO_METRIC_M_PER_E7)

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
    if (answer->count == ENGINE_ANSWER_DEVICES_MAX + ANSWER_SPARE) {
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
    device->fix = engine_device_fix(devices, index);
    device->append_ms = devices->shown[index].append_ms;
    device->distance_m = 0;
    device->since_ms = 0;
    const char *id = engine_device_id(devices, index);
    size_t size = strnlen(id, HR_DEVICE_ID_MAX);
    memcpy(device->id, id, size);
    device->id[size] = '\0';
}

static void cut(engine_answer *answer, size_t limit)
{
    if (answer->count > limit) {
        answer->count = limit;
        answer->is_cut = true;
    }
}

static void sort(engine_answer *answer, int (*compare)(const void *a, const void *b))
{
    if (answer->count > 1) {
        qsort(answer->devices, answer->count, sizeof *answer->devices, compare);
    }
}

/* ---- looking through partitions ---- */

/* What is looked for, and where it goes. */
typedef struct search search;
struct search {
    engine_answer *answer;
    hr_err err;
    /* Under the lock, at each of its steps: is there anything to look for in this partition? May
     * be NULL: there is. */
    bool (*begin)(search *search, const engine_partition *partition, bool is_first);
    /* Under the lock: shall the answer have this device? May set since_ms. */
    bool (*wants)(search *search, const engine_devices *devices, uint32_t index);
    /* Without the lock, after each step: is what it added, from `first` on, what was asked for? May
     * be NULL: it is. */
    void (*sift)(search *search, size_t first);
    size_t limit; /* list, nearby: how many are asked for */
    geo_box box;
    const geo_area *area; /* within */
    geo_point center;     /* nearby */
    double radius_m;
    int64_t since_ms;         /* of the device that was just wanted */
    const char *after;        /* list: ids after this one */
    const char *fence_id;     /* fence */
    uint32_t slot;            /* its slot in the partition's rules */
    bool is_known;            /* some partition's rules have it */
    uint64_t moved_since;     /* moved: what the looker has seen of the partition */
    engine_moved_mark *marks; /* and where that is kept */
};

static void take(search *search, const engine_devices *devices, uint32_t index)
{
    engine_device *device = add(search->answer, &search->err);
    if (device != NULL) {
        fill(devices, index, device);
        device->since_ms = search->since_ms;
    }
}

/* All devices of a partition, by their numbers, some at a time: each device once, as it is at its
 * step. is_begun: the search has begun in this partition already. */
static void look_through(engine *engine, uint32_t p, search *search, bool is_begun)
{
    engine_partition *partition = &engine->partitions[p];
    const engine_devices *devices = &partition->devices;
    uint32_t from = 0;
    for (bool is_more = true; is_more && search->err == HR_OK;) {
        size_t before = search->answer->count;
        pthread_rwlock_rdlock(&partition->lock);
        if (from == 0) {
            search->answer->as_of[p] = partition->shown;
        }
        is_more = search->begin == NULL || search->begin(search, partition, from == 0 && !is_begun);
        uint32_t end =
            devices->count - from > ENGINE_LOOKS_MAX ? from + ENGINE_LOOKS_MAX : devices->count;
        for (; is_more && from < end; from++) {
            if (search->wants(search, devices, from)) {
                take(search, devices, from);
            }
        }
        is_more = is_more && end < devices->count;
        pthread_rwlock_unlock(&partition->lock);
        if (search->sift != NULL) {
            search->sift(search, before);
        }
    }
}

static void visit_box(const engine_devices *devices, uint32_t index, void *context)
{
    search *search = context;
    if (search->wants(search, devices, index)) {
        take(search, devices, index);
    }
}

static bool wants_in_box(search *search, const engine_devices *devices, uint32_t index)
{
    return engine_device_in_box(devices, index, &search->box);
}

/* Add what is wanted of the devices in the search's box: by the grid, where few have to be looked
 * at. */
static void look_in_box(engine *engine, search *search)
{
    for (uint32_t p = 0; search->err == HR_OK && p < engine->partition_count; p++) {
        engine_partition *partition = &engine->partitions[p];
        size_t before = search->answer->count;
        pthread_rwlock_rdlock(&partition->lock);
        search->answer->as_of[p] = partition->shown;
        bool is_done = (search->begin != NULL && !search->begin(search, partition, true)) ||
                       engine_devices_in_box(&partition->devices, search->box, visit_box, search);
        pthread_rwlock_unlock(&partition->lock);
        if (!is_done) {
            search->answer->count = before;
            look_through(engine, p, search, true);
        } else if (search->sift != NULL) {
            search->sift(search, before);
        }
    }
}

static hr_err look_everywhere(engine *engine, search *search)
{
    begin(engine, search->answer);
    for (uint32_t p = 0; search->err == HR_OK && p < engine->partition_count; p++) {
        look_through(engine, p, search, false);
    }
    return search->err;
}

static size_t limit_of(const search *search)
{
    return search->limit < ENGINE_ANSWER_DEVICES_MAX ? search->limit : ENGINE_ANSWER_DEVICES_MAX;
}

/* What is far beyond the page stays beyond it; the others need the room. */
static void keep_first(search *search, int (*compare)(const void *a, const void *b))
{
    if (search->answer->count > limit_of(search) + ANSWER_SPARE / 2) {
        sort(search->answer, compare);
        cut(search->answer, limit_of(search));
    }
}

static void finish(search *search, int (*compare)(const void *a, const void *b))
{
    sort(search->answer, compare);
    cut(search->answer, limit_of(search));
}

/* ---- within ---- */

static void sift_within(search *search, size_t first)
{
    engine_answer *answer = search->answer;
    size_t kept = first;
    for (size_t i = first; i < answer->count; i++) {
        const hr_fix *fix = &answer->devices[i].fix;
        if (geo_area_contains(search->area, (geo_point){fix->lon_e7, fix->lat_e7})) {
            if (kept != i) {
                answer->devices[kept] = answer->devices[i];
            }
            kept++;
        }
    }
    answer->count = kept;
}

hr_err engine_within(engine *engine, const geo_area *area, engine_answer *answer)
{
    search search = {.answer = answer,
                     .box = area->box,
                     .area = area,
                     .wants = wants_in_box,
                     .sift = sift_within};
    begin(engine, answer);
    look_in_box(engine, &search);
    cut(answer, ENGINE_ANSWER_DEVICES_MAX);
    return search.err;
}

/* ---- nearby ---- */

/* Great-circle distance. The plane of geo/metric.h would be the same within 0.02 % as far as a farm
 * reaches, but it is bent beyond, and the question may be about half the world. */
static double distance_m(geo_point a, geo_point b)
{
    double lat_a = a.lat_e7 * RADIANS_PER_E7;
    double lat_b = b.lat_e7 * RADIANS_PER_E7;
    double half_lat = sin((lat_b - lat_a) / 2);
    double half_lon = sin(((double)b.lon_e7 - a.lon_e7) * RADIANS_PER_E7 / 2);
    double h = half_lat * half_lat + cos(lat_a) * cos(lat_b) * half_lon * half_lon;
    return 2 * EARTH_RADIUS_M * asin(fmin(1, sqrt(h)));
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

/* Keep those within the radius, and say how far away they are. */
static void sift_near(search *search, size_t first)
{
    engine_answer *answer = search->answer;
    size_t kept = first;
    for (size_t i = first; i < answer->count; i++) {
        engine_device *device = &answer->devices[i];
        device->distance_m =
            distance_m(search->center, (geo_point){device->fix.lon_e7, device->fix.lat_e7});
        if (device->distance_m <= search->radius_m) {
            if (kept != i) {
                answer->devices[kept] = *device;
            }
            kept++;
        }
    }
    answer->count = kept;
    keep_first(search, compare_distance);
}

hr_err engine_nearby(engine *engine, geo_point center, double radius_m, size_t limit,
                     engine_answer *answer)
{
    search search = {.answer = answer,
                     .limit = limit,
                     .center = center,
                     .radius_m = radius_m,
                     .wants = wants_in_box,
                     .sift = sift_near};
    geo_box boxes[2];
    size_t box_count = boxes_around(center, radius_m, boxes);
    begin(engine, answer);
    for (size_t i = 0; i < box_count; i++) {
        search.box = boxes[i];
        look_in_box(engine, &search);
    }
    finish(&search, compare_distance);
    return search.err;
}

/* ---- moved ---- */

/* What moves while the partition is looked through is shown once more the next time. */
static bool begin_moved(search *search, const engine_partition *partition, bool is_first)
{
    if (is_first) {
        uint64_t *seen = &search->marks->seen[partition->number];
        search->moved_since = *seen;
        *seen = partition->moved;
    }
    return search->moved_since < partition->moved;
}

static bool wants_moved(search *search, const engine_devices *devices, uint32_t index)
{
    return devices->shown[index].moved > search->moved_since &&
           engine_device_in_box(devices, index, &search->box);
}

hr_err engine_moved(engine *engine, geo_box box, engine_moved_mark *mark, engine_answer *answer)
{
    search search = {
        .answer = answer, .box = box, .marks = mark, .begin = begin_moved, .wants = wants_moved};
    begin(engine, answer);
    look_in_box(engine, &search);
    cut(answer, ENGINE_ANSWER_DEVICES_MAX);
    return search.err;
}

/* ---- inside ---- */

/* At each step anew: the rules may have changed since the one before. */
static bool begin_fence(search *search, const engine_partition *partition, bool is_first)
{
    (void)is_first;
    search->slot = geo_rules_find(partition->world->rules, search->fence_id);
    search->is_known = search->is_known || search->slot != GEO_NO_SLOT;
    return search->slot != GEO_NO_SLOT;
}

static bool wants_inside(search *search, const engine_devices *devices, uint32_t index)
{
    engine_inside_of inside;
    const engine_shown *shown = &devices->shown[index];
    for (uint32_t n = 0; engine_device_inside(shown, n, &inside); n++) {
        if (inside.slot == search->slot) {
            search->since_ms = inside.since_ms;
            return true;
        }
    }
    return false;
}

hr_err engine_fence_devices(engine *engine, const char *fence_id, engine_answer *answer)
{
    search search = {
        .answer = answer, .fence_id = fence_id, .begin = begin_fence, .wants = wants_inside};
    hr_err err = look_everywhere(engine, &search);
    cut(answer, ENGINE_ANSWER_DEVICES_MAX);
    return err == HR_OK && !search.is_known ? HR_NOT_FOUND : err;
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
    if (index == ENGINE_NO_DEVICE || partition->devices.shown[index].time_ms == INT64_MIN ||
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
    engine_inside_of inside;
    for (uint32_t n = 0; index != ENGINE_NO_DEVICE &&
                         engine_device_inside(&partition->devices.shown[index], n, &inside);
         n++) {
        const geo_fence *fence = geo_rules_fence(partition->world->rules, inside.slot);
        if (fence != NULL && found++ < room) {
            engine_stay *stay = &stays[found - 1];
            size_t size = strnlen(fence->id, HR_FENCE_ID_MAX);
            memcpy(stay->fence_id, fence->id, size);
            stay->fence_id[size] = '\0';
            stay->since_ms = inside.since_ms;
        }
    }
    as_of->partition = hr_device_partition(key, engine->partition_count);
    as_of->offset = partition->shown;
    pthread_rwlock_unlock(&partition->lock);
    *count = found;
    return index != ENGINE_NO_DEVICE ? HR_OK : HR_NOT_FOUND;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const engine_device *)a)->id, ((const engine_device *)b)->id);
}

static bool wants_listed(search *search, const engine_devices *devices, uint32_t index)
{
    return devices->shown[index].time_ms != INT64_MIN &&
           (search->after == NULL || strcmp(engine_device_id(devices, index), search->after) > 0);
}

static void sift_list(search *search, size_t first)
{
    (void)first;
    keep_first(search, compare_ids);
}

hr_err engine_devices_list(engine *engine, const char *after, size_t limit, engine_answer *answer)
{
    search search = {
        .answer = answer, .limit = limit, .after = after, .wants = wants_listed, .sift = sift_list};
    hr_err err = look_everywhere(engine, &search);
    finish(&search, compare_ids);
    return err;
}
