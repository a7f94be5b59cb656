/* engine/partition.c - rules, ticks and names; and what tells events. */
#include "partition.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/logline.h"
#include "base/record.h"
#include "engine/change.h"
#include "engine/told.h"
#include "fixes.h"
#include "geo/rules_diff.h"

/* Room for the names of every device that a partition may have. */
#define NEW_NAMES_BYTES_MAX ((size_t)ENGINE_DEVICES_MAX * (HR_DEVICE_ID_MAX + 18))

hr_err engine_partition_init(engine_partition *partition, uint32_t number, engine_worlds *worlds,
                             const engine_counters *counters, hr_why *why)
{
    *partition = (engine_partition){.number = number,
                                    .worlds = worlds,
                                    .counters = counters,
                                    .tick_ms = INT64_MIN,
                                    .told = {.offset = -1}};
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    /* A stream of queries must not keep the worker out. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&partition->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    hr_buf_init(&partition->events, ENGINE_EVENTS_BYTES_MAX);
    hr_buf_init(&partition->new_names, NEW_NAMES_BYTES_MAX);
    hr_buf_init(&partition->taken_names, NEW_NAMES_BYTES_MAX);
    hr_buf_init(&partition->dead.records, ENGINE_DEAD_BYTES_MAX);
    atomic_init(&partition->wake_ms, INT64_MAX);
    hr_err err = engine_devices_init(&partition->devices);
    if (err == HR_OK && geo_tracker_new(&partition->tracker) != GEO_OK) {
        err = HR_NO_MEMORY;
    }
    if (err == HR_OK) {
        err = engine_fixes_new(&partition->block);
    }
    if (err != HR_OK) {
        engine_partition_fini(partition);
        return hr_why_set(why, err, "no memory for partition %u", number);
    }
    return HR_OK;
}

void engine_partition_fini(engine_partition *partition)
{
    engine_world_release(partition->worlds, partition->world);
    engine_devices_fini(&partition->devices);
    geo_tracker_free(partition->tracker);
    engine_fixes_free(partition->block);
    hr_buf_fini(&partition->events);
    hr_buf_fini(&partition->new_names);
    hr_buf_fini(&partition->taken_names);
    hr_buf_fini(&partition->dead.records);
    engine_notes_fini(&partition->notes);
    pthread_rwlock_destroy(&partition->lock);
}

static void judge_by(engine_partition *partition, const engine_world *world)
{
    geo_tracker_use(partition->tracker, world->rules, &world->areas);
    atomic_store_explicit(&partition->rules_version, world->version, memory_order_release);
}

hr_err engine_partition_use(engine_partition *partition, uint64_t version, hr_why *why)
{
    const engine_world *world;
    hr_err err = engine_world_acquire(partition->worlds, version, &world, why);
    if (err == HR_OK) {
        engine_world_release(partition->worlds, partition->world);
        partition->world = world;
        judge_by(partition, world);
    }
    return err;
}

static bool is_told(const engine_partition *partition, const engine_source *source)
{
    const engine_source *told = &partition->told;
    return source->offset < told->offset ||
           (source->offset == told->offset && source->index <= told->index);
}

hr_err engine_partition_tell(engine_partition *partition, uint32_t device_index,
                             engine_source *source, int64_t append_ms)
{
    size_t count;
    const geo_event *said = geo_tracker_events(partition->tracker, &count);
    if (count == 0) {
        return HR_OK;
    }
    uint64_t key = partition->devices.entries[device_index].key;
    uint64_t version = atomic_load_explicit(&partition->rules_version, memory_order_relaxed);
    for (size_t i = 0; i < count; i++, source->index++) {
        if (is_told(partition, source)) {
            hr_counter_add(partition->counters->suppressed, 1);
            continue;
        }
        hr_event event =
            engine_event_of(&said[i], key, engine_device_id(&partition->devices, device_index));
        event.rules_version = version;
        event.received_ms = append_ms;
        event.source_partition = (uint16_t)partition->number;
        event.source_offset = source->offset;
        event.source_index = source->index;
        size_t start = partition->events.size;
        hr_buf_put_u32(&partition->events, 0);
        hr_event_store(&partition->events, &event);
        if (hr_buf_err(&partition->events) != HR_OK) {
            return hr_buf_err(&partition->events);
        }
        hr_store_u32(partition->events.data + start,
                     (uint32_t)(partition->events.size - start - 4));
    }
    hr_counter_add(partition->counters->events, count);
    if (partition->events.size >= ENGINE_EVENTS_BYTES_AIM && partition->flush != NULL) {
        return partition->flush(partition->flush_context, partition);
    }
    return HR_OK;
}

/* Queries shall see in which fences the device is now. */
static hr_err note_inside(engine_partition *partition, uint32_t index)
{
    engine_note *note = engine_note_add(&partition->notes);
    if (note == NULL) {
        return HR_NO_MEMORY;
    }
    *note = (engine_note){.device = index, .is_inside_changed = true};
    return HR_OK;
}

hr_err engine_partition_catch_up(engine_partition *partition, uint32_t index, engine_source *source,
                                 int64_t append_ms)
{
    engine_device_entry *entry = &partition->devices.entries[index];
    if (entry->tick_ms >= partition->tick_ms) {
        return HR_OK;
    }
    /* Ticks without anything to tell were left out; the newest of them still moves its time on. */
    entry->tick_ms = partition->tick_ms;
    geo_err err =
        geo_tracker_tick(partition->tracker, &entry->state, entry->key, partition->tick_ms);
    if (err == GEO_NO_MEMORY) {
        return HR_NO_MEMORY;
    }
    if (err != GEO_OK) {
        return HR_OK;
    }
    uint32_t told_before = source->index;
    hr_err told = engine_partition_tell(partition, index, source, append_ms);
    return told == HR_OK && source->index > told_before ? note_inside(partition, index) : told;
}

void engine_partition_set_wake(engine_partition *partition, uint32_t index)
{
    const engine_device_entry *entry = &partition->devices.entries[index];
    int64_t wake_ms = geo_tracker_wake_ms(partition->tracker, &entry->state, entry->key);
    partition->devices.wake_ms[index] = wake_ms;
    if (wake_ms < atomic_load_explicit(&partition->wake_ms, memory_order_relaxed)) {
        atomic_store_explicit(&partition->wake_ms, wake_ms, memory_order_relaxed);
    }
}

void engine_partition_set_wakes(engine_partition *partition)
{
    engine_devices *devices = &partition->devices;
    for (uint32_t i = 0; i < devices->stirred_count; i++) {
        engine_partition_set_wake(partition, devices->stirred[i]);
    }
    devices->stirred_count = 0;
}

/* Devices by key, because that is the order of their events. */
typedef struct keyed {
    uint64_t key;
    uint32_t index;
} keyed;

static int compare_keyed(const void *a, const void *b)
{
    const keyed *left = a;
    const keyed *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

/* The devices that wake at or before limit_ms; the caller frees *out. */
static hr_err list_due(const engine_devices *devices, int64_t limit_ms, keyed **out,
                       uint32_t *count)
{
    uint32_t due = 0;
    for (uint32_t i = 0; i < devices->count; i++) {
        due += devices->wake_ms[i] <= limit_ms;
    }
    keyed *list = malloc(((size_t)due + 1) * sizeof *list);
    if (list == NULL) {
        return HR_NO_MEMORY;
    }
    *count = 0;
    for (uint32_t i = 0; i < devices->count; i++) {
        if (devices->wake_ms[i] <= limit_ms) {
            list[(*count)++] = (keyed){.key = devices->entries[i].key, .index = i};
        }
    }
    qsort(list, due, sizeof *list, compare_keyed);
    *out = list;
    return HR_OK;
}

/* Ticks that were left out must be told before new rules come, or earlier ticks. */
static hr_err finish_ticks(engine_partition *partition, const keyed *all, uint32_t count,
                           engine_source *source, int64_t append_ms)
{
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = engine_partition_catch_up(partition, all[i].index, source, append_ms);
    }
    return err;
}

/* A tick before the last one: the clock was ahead, and has been set right. Each tick counts by its
 * own time, so devices must hear of this one too. */
static hr_err turn_back(engine_partition *partition, engine_source *source, int64_t append_ms)
{
    keyed *all;
    uint32_t count;
    hr_err err = list_due(&partition->devices, INT64_MAX, &all, &count);
    if (err == HR_OK) {
        err = finish_ticks(partition, all, count, source, append_ms);
        free(all);
    }
    for (uint32_t i = 0; i < partition->devices.count; i++) {
        partition->devices.entries[i].tick_ms = INT64_MIN;
    }
    return err;
}

static hr_err apply_tick(engine_partition *partition, int64_t tick_ms, engine_source *source,
                         int64_t append_ms)
{
    hr_err err = HR_OK;
    if (tick_ms < partition->tick_ms) {
        err = turn_back(partition, source, append_ms);
    }
    partition->tick_ms = tick_ms;
    engine_partition_set_wakes(partition);
    if (partition->tick_ms < atomic_load_explicit(&partition->wake_ms, memory_order_relaxed)) {
        return err;
    }
    keyed *due;
    uint32_t due_count;
    err = err == HR_OK ? list_due(&partition->devices, partition->tick_ms, &due, &due_count) : err;
    if (err != HR_OK) {
        return err;
    }
    for (uint32_t i = 0; err == HR_OK && i < due_count; i++) {
        err = engine_partition_catch_up(partition, due[i].index, source, append_ms);
        engine_partition_set_wake(partition, due[i].index);
    }
    free(due);
    int64_t wake_ms = INT64_MAX;
    for (uint32_t i = 0; i < partition->devices.count; i++) {
        if (partition->devices.wake_ms[i] < wake_ms) {
            wake_ms = partition->devices.wake_ms[i];
        }
    }
    atomic_store_explicit(&partition->wake_ms, wake_ms, memory_order_relaxed);
    return err;
}

/* Every device meets the new rules, in the order of keys. */
static hr_err meet_rules(engine_partition *partition, const geo_rules *before,
                         const geo_rules_diff *diff, const keyed *all, uint32_t count,
                         engine_source *source, int64_t append_ms)
{
    bool is_same = geo_rules_diff_empty(diff);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = all[i].index;
        engine_device_entry *entry = &partition->devices.entries[index];
        if (!is_same) {
            geo_err geo = geo_tracker_rules(partition->tracker, &entry->state, entry->key, before,
                                            diff, append_ms);
            if (geo != GEO_OK) {
                return engine_err_from_geo(geo);
            }
            hr_err err = engine_partition_tell(partition, index, source, append_ms);
            if (err != HR_OK) {
                return err;
            }
        }
        engine_partition_set_wake(partition, index);
    }
    return HR_OK;
}

/* A fence's slot is another one in other rules, so that queries see both at once. */
static hr_err show_rules(engine_partition *partition, const engine_world *world, int64_t offset,
                         bool is_same)
{
    pthread_rwlock_wrlock(&partition->lock);
    partition->world = world;
    atomic_store_explicit(&partition->offset, offset + 1, memory_order_release);
    hr_err err = engine_partition_show_locked(partition);
    for (uint32_t i = 0; !is_same && err == HR_OK && i < partition->devices.count; i++) {
        err = engine_devices_show_inside(&partition->devices, i);
    }
    pthread_rwlock_unlock(&partition->lock);
    return err;
}

static hr_err change_rules(engine_partition *partition, const engine_world *world,
                           const geo_rules_diff *diff, engine_source *source, int64_t append_ms)
{
    keyed *all;
    uint32_t count;
    hr_err err = list_due(&partition->devices, INT64_MAX, &all, &count);
    if (err != HR_OK) {
        return err;
    }
    err = finish_ticks(partition, all, count, source, append_ms);
    partition->devices.stirred_count = 0; /* all wakes are set below */
    judge_by(partition, world);
    if (err == HR_OK) {
        err = meet_rules(partition, partition->world->rules, diff, all, count, source, append_ms);
    }
    free(all);
    return err == HR_OK ? show_rules(partition, world, source->offset, geo_rules_diff_empty(diff))
                        : err;
}

static hr_err apply_rules(engine_partition *partition, uint64_t version, engine_source *source,
                          int64_t append_ms, hr_why *why)
{
    const engine_world *world;
    hr_err err = engine_world_acquire(partition->worlds, version, &world, why);
    if (err != HR_OK) {
        return err;
    }
    const engine_world *before = partition->world;
    geo_rules_diff *diff;
    geo_err geo = geo_rules_diff_new(before->rules, world->rules, &diff);
    if (geo == GEO_OK) {
        err = change_rules(partition, world, diff, source, append_ms);
        geo_rules_diff_free(diff);
    } else {
        err = engine_err_from_geo(geo);
    }
    engine_world_release(partition->worlds, partition->world == world ? before : world);
    return err;
}

void engine_partition_refuse(engine_partition *partition, int64_t offset, uint32_t count,
                             const char *reason, const uint8_t *bytes, size_t size)
{
    hr_counter_add(partition->counters->refused, count);
    if (partition->dead.records.size == 0) { /* one line a turn says enough */
        hr_logline(HR_LEVEL_ERROR, "engine.refused",
                   "partition=%u offset=%lld records=%u why=\"%s\"", partition->number,
                   (long long)offset, count, reason);
    }
    engine_dead_add(&partition->dead, partition->number, offset, reason, bytes, size);
}

static hr_err apply_name(engine_partition *partition, int64_t offset, const uint8_t *bytes,
                         size_t size, int64_t append_ms)
{
    if (size <= 8 || size - 8 > HR_DEVICE_ID_MAX) {
        engine_partition_refuse(partition, offset, 1, "a name of a wrong size", bytes, size);
        return HR_OK;
    }
    uint32_t index;
    hr_err err = engine_devices_get(&partition->devices, hr_load_u64(bytes), &index);
    if (err == HR_TOO_BIG) {
        engine_partition_refuse(partition, offset, 1, "too many devices", bytes, size);
        return HR_OK;
    }
    if (err != HR_OK || partition->devices.shown[index].name != 0) {
        return err;
    }
    err = engine_devices_name(&partition->devices, index, (const char *)bytes + 8, size - 8);
    engine_names_note(partition, hr_load_u64(bytes), (const char *)bytes + 8, size - 8, append_ms);
    return err == HR_OK ? hr_buf_err(&partition->new_names) : err;
}

static hr_err apply_record(engine_partition *partition, const log_view *view, int64_t offset,
                           const uint8_t *bytes, size_t size, hr_why *why)
{
    engine_source source = {.offset = offset};
    switch (view->type) {
    case HR_RECORD_RULES:
        if (size == HR_RULES_BYTES) {
            return apply_rules(partition, hr_load_u64(bytes), &source, view->append_ms, why);
        }
        engine_partition_refuse(partition, offset, 1, "rules of a wrong size", bytes, size);
        return HR_OK;
    case HR_RECORD_TICK:
        if (size == HR_TICK_BYTES) {
            return apply_tick(partition, (int64_t)hr_load_u64(bytes), &source, view->append_ms);
        }
        engine_partition_refuse(partition, offset, 1, "a tick of a wrong size", bytes, size);
        return HR_OK;
    case HR_RECORD_NAME:
        return apply_name(partition, offset, bytes, size, view->append_ms);
    default:
        return hr_why_set(why, HR_TOO_NEW, "record type %u is not known to this version",
                          view->type);
    }
}

/* A name that is told again changes nothing that queries see. */
static bool is_new_name(const engine_partition *partition, const log_view *view,
                        const uint8_t *bytes, size_t size)
{
    uint32_t index = view->type == HR_RECORD_NAME && size > 8
                         ? engine_devices_find(&partition->devices, hr_load_u64(bytes))
                         : ENGINE_NO_DEVICE;
    return view->type == HR_RECORD_NAME &&
           (index == ENGINE_NO_DEVICE || partition->devices.shown[index].name == 0);
}

/* One record by itself, when nobody looks. */
static hr_err apply_locked(engine_partition *partition, const log_view *view, int64_t offset,
                           const uint8_t *bytes, size_t size, hr_why *why)
{
    pthread_rwlock_wrlock(&partition->lock);
    hr_err err = engine_partition_show_locked(partition);
    if (err == HR_OK) {
        err = apply_record(partition, view, offset, bytes, size, why);
    }
    atomic_store_explicit(&partition->offset, offset + 1, memory_order_release);
    if (err == HR_OK) {
        err = engine_partition_show_locked(partition);
    }
    pthread_rwlock_unlock(&partition->lock);
    return err;
}

static hr_err apply_controls(engine_partition *partition, const log_view *view, hr_why *why)
{
    const uint8_t *bytes;
    size_t size;
    size_t at = 0;
    hr_err err = HR_OK;
    int64_t offset = view->first_offset;
    for (; err == HR_OK && log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset < atomic_load_explicit(&partition->offset, memory_order_relaxed)) {
            continue;
        }
        if (is_new_name(partition, view, bytes, size)) {
            err = apply_locked(partition, view, offset, bytes, size, why);
            continue;
        }
        err = apply_record(partition, view, offset, bytes, size, why);
        atomic_store_explicit(&partition->offset, offset + 1, memory_order_release);
        err = err == HR_OK ? engine_partition_show(partition) : err;
    }
    return err;
}

hr_err engine_partition_apply(engine_partition *partition, const log_view *view, hr_why *why)
{
    if (why != NULL) {
        why->text[0] = '\0';
    }
    hr_err err = view->type == HR_RECORD_FIX ? engine_fixes_apply(partition, view)
                                             : apply_controls(partition, view, why);
    if (err != HR_OK && why != NULL && why->text[0] == '\0') {
        hr_why_set(why, err, "partition %u, offset %lld: %s", partition->number,
                   (long long)atomic_load(&partition->offset), hr_err_text(err));
    }
    return err;
}

void engine_partition_skip(engine_partition *partition, int64_t offset)
{
    if (offset > atomic_load_explicit(&partition->offset, memory_order_relaxed)) {
        atomic_store_explicit(&partition->offset, offset, memory_order_release);
    }
}

void engine_partition_begin_at(engine_partition *partition, int64_t offset)
{
    atomic_store(&partition->offset, offset);
    atomic_store(&partition->settled, offset);
    partition->shown = offset;
}
