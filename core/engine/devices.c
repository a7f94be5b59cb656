/* engine/devices.c - hash table, names and grid of one partition's devices. */
#include "devices.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64
#define NAMES_CAPACITY_MIN 1024

static uint32_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(key >> 32);
}

hr_err engine_devices_init(engine_devices *devices)
{
    *devices = (engine_devices){.capacity = CAPACITY_MIN,
                                .slot_mask = CAPACITY_MIN * 2 - 1,
                                .cell_mask = CAPACITY_MIN * 2 - 1,
                                .names_size = 1,
                                .names_capacity = NAMES_CAPACITY_MIN};
    devices->entries = malloc(CAPACITY_MIN * sizeof *devices->entries);
    devices->shown = malloc(CAPACITY_MIN * sizeof *devices->shown);
    devices->spots = malloc(CAPACITY_MIN * sizeof *devices->spots);
    devices->wake_ms = malloc(CAPACITY_MIN * sizeof *devices->wake_ms);
    devices->stirred = malloc(CAPACITY_MIN * sizeof *devices->stirred);
    devices->slots = calloc(CAPACITY_MIN * 2, sizeof *devices->slots);
    devices->cells = calloc(CAPACITY_MIN * 2, sizeof *devices->cells);
    devices->names = calloc(1, NAMES_CAPACITY_MIN);
    if (devices->entries == NULL || devices->shown == NULL || devices->spots == NULL ||
        devices->wake_ms == NULL || devices->stirred == NULL || devices->slots == NULL ||
        devices->cells == NULL || devices->names == NULL) {
        engine_devices_fini(devices);
        return HR_NO_MEMORY;
    }
    return HR_OK;
}

static void forget_inside(engine_shown *shown)
{
    if (shown->inside_slot == ENGINE_INSIDE_MANY) {
        free(shown->inside.many);
    }
    shown->inside_slot = ENGINE_INSIDE_NONE;
}

void engine_devices_fini(engine_devices *devices)
{
    for (uint32_t i = 0; i < devices->count; i++) {
        geo_tracker_state_fini(&devices->entries[i].state);
        forget_inside(&devices->shown[i]);
    }
    free(devices->entries);
    free(devices->shown);
    free(devices->spots);
    free(devices->wake_ms);
    free(devices->stirred);
    free(devices->slots);
    free(devices->cells);
    free(devices->names);
    *devices = (engine_devices){.count = 0};
}

uint32_t engine_devices_find(const engine_devices *devices, uint64_t key)
{
    for (uint32_t at = mix(key);; at++) {
        uint32_t slot = devices->slots[at & devices->slot_mask];
        if (slot == 0) {
            return ENGINE_NO_DEVICE;
        }
        if (devices->entries[slot - 1].key == key) {
            return slot - 1;
        }
    }
}

void engine_devices_fetch_slot(const engine_devices *devices, uint64_t key)
{
    __builtin_prefetch(&devices->slots[mix(key) & devices->slot_mask]);
}

void engine_devices_fetch_entry(const engine_devices *devices, uint64_t key)
{
    uint32_t slot = devices->slots[mix(key) & devices->slot_mask];
    if (slot != 0) {
        /* Mostly it is the device itself. */
        const char *entry = (const char *)&devices->entries[slot - 1];
        for (size_t at = 0; at < sizeof(engine_device_entry) + 48; at += 64) {
            __builtin_prefetch(entry + at, 1);
        }
        __builtin_prefetch(&devices->spots[slot - 1], 1);
        __builtin_prefetch(&devices->shown[slot - 1], 1);
        __builtin_prefetch(&devices->shown[slot - 1].name, 1);
    }
}

static void insert_slot(uint32_t *slots, uint32_t mask, uint64_t key, uint32_t value)
{
    uint32_t at = mix(key);
    while (slots[at & mask] != 0) {
        at++;
    }
    slots[at & mask] = value;
}

static hr_err grow(engine_devices *devices)
{
    uint32_t capacity = devices->capacity * 2;
    if (capacity > ENGINE_DEVICES_MAX) {
        return HR_TOO_BIG;
    }
    engine_device_entry *entries =
        realloc(devices->entries, (size_t)capacity * sizeof *devices->entries);
    if (entries == NULL) {
        return HR_NO_MEMORY;
    }
    devices->entries = entries;
    engine_shown *shown = realloc(devices->shown, (size_t)capacity * sizeof *shown);
    if (shown == NULL) {
        return HR_NO_MEMORY;
    }
    devices->shown = shown;
    engine_device_spot *spots = realloc(devices->spots, (size_t)capacity * sizeof *spots);
    if (spots == NULL) {
        return HR_NO_MEMORY;
    }
    devices->spots = spots;
    int64_t *wake_ms = realloc(devices->wake_ms, (size_t)capacity * sizeof *wake_ms);
    if (wake_ms == NULL) {
        return HR_NO_MEMORY;
    }
    devices->wake_ms = wake_ms;
    uint32_t *stirred = realloc(devices->stirred, (size_t)capacity * sizeof *stirred);
    if (stirred == NULL) {
        return HR_NO_MEMORY;
    }
    devices->stirred = stirred;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (slots == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < devices->count; i++) {
        insert_slot(slots, capacity * 2 - 1, devices->entries[i].key, i + 1);
    }
    free(devices->slots);
    devices->slots = slots;
    devices->slot_mask = capacity * 2 - 1;
    devices->capacity = capacity;
    return HR_OK;
}

hr_err engine_devices_get(engine_devices *devices, uint64_t key, uint32_t *index)
{
    uint32_t found = engine_devices_find(devices, key);
    if (found == ENGINE_NO_DEVICE) {
        if (devices->count == devices->capacity) {
            hr_err err = grow(devices);
            if (err != HR_OK) {
                return err;
            }
        }
        found = devices->count++;
        engine_device_entry *entry = &devices->entries[found];
        memset(entry, 0, sizeof *entry);
        entry->key = key;
        entry->tick_ms = INT64_MIN;
        devices->shown[found] =
            (engine_shown){.time_ms = INT64_MIN, .inside_slot = ENGINE_INSIDE_NONE};
        devices->spots[found] = (engine_device_spot){.next = ENGINE_NO_DEVICE};
        geo_tracker_state_init(&entry->state);
        devices->wake_ms[found] = INT64_MAX;
        insert_slot(devices->slots, devices->slot_mask, key, found + 1);
    }
    *index = found;
    return HR_OK;
}

hr_err engine_devices_name(engine_devices *devices, uint32_t index, const char *id, size_t size)
{
    engine_shown *shown = &devices->shown[index];
    if (shown->name != 0) {
        return HR_OK;
    }
    size_t needed = devices->names_size + size + 1;
    if (needed > UINT32_MAX) {
        return HR_TOO_BIG;
    }
    if (needed > devices->names_capacity) {
        size_t capacity = devices->names_capacity * 2;
        char *names = realloc(devices->names, capacity);
        if (names == NULL) {
            return HR_NO_MEMORY;
        }
        devices->names = names;
        devices->names_capacity = capacity;
    }
    shown->name = (uint32_t)devices->names_size;
    memcpy(devices->names + devices->names_size, id, size);
    devices->names[devices->names_size + size] = '\0';
    devices->names_size = needed;
    return HR_OK;
}

static uint64_t cell_key(int32_t column, int32_t row)
{
    return (uint64_t)(uint32_t)column << 32 | (uint32_t)row;
}

/* Cells are told apart by this alone; whoever looks for devices of one looks where they are. */
static uint32_t cell_tag(uint64_t key)
{
    return mix(key) | 1u << 31;
}

static uint32_t find_cell(const engine_cell *cells, uint32_t mask, uint32_t tag)
{
    uint32_t at = tag & mask;
    while (cells[at].tag != 0 && cells[at].tag != tag) {
        at = (at + 1) & mask;
    }
    return at;
}

/* Twice the room; cells that have become empty are left behind. */
static hr_err grow_cells(engine_devices *devices)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i <= devices->cell_mask; i++) {
        live += devices->cells[i].tag != 0 && devices->cells[i].first != ENGINE_NO_DEVICE;
    }
    uint32_t size = devices->cell_mask + 1;
    if (live * 4 > size) {
        size *= 2;
    }
    engine_cell *cells = calloc(size, sizeof *cells);
    if (cells == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i <= devices->cell_mask; i++) {
        const engine_cell *old = &devices->cells[i];
        if (old->tag != 0 && old->first != ENGINE_NO_DEVICE) {
            cells[find_cell(cells, size - 1, old->tag)] = *old;
        }
    }
    free(devices->cells);
    devices->cells = cells;
    devices->cell_mask = size - 1;
    devices->cell_count = live;
    return HR_OK;
}

static void leave_cell(engine_devices *devices, uint32_t index, uint64_t key)
{
    engine_device_spot *spots = devices->spots;
    const engine_device_spot *spot = &spots[index];
    if (spot->previous != ENGINE_NO_DEVICE) {
        spots[spot->previous].next = spot->next;
    } else {
        uint32_t at = find_cell(devices->cells, devices->cell_mask, cell_tag(key));
        devices->cells[at].first = spot->next;
    }
    if (spot->next != ENGINE_NO_DEVICE) {
        spots[spot->next].previous = spot->previous;
    }
}

/* Put a device into the cell of that key. */
static void enter_cell(engine_devices *devices, uint32_t index, uint64_t key)
{
    uint32_t tag = cell_tag(key);
    engine_cell *cell = &devices->cells[find_cell(devices->cells, devices->cell_mask, tag)];
    if (cell->tag == 0) {
        *cell = (engine_cell){.tag = tag, .first = ENGINE_NO_DEVICE};
        devices->cell_count++;
    }
    devices->spots[index].previous = ENGINE_NO_DEVICE;
    devices->spots[index].next = cell->first;
    if (cell->first != ENGINE_NO_DEVICE) {
        devices->spots[cell->first].previous = index;
    }
    cell->first = index;
}

hr_err engine_devices_show(engine_devices *devices, uint32_t index, const hr_fix *fix,
                           int64_t append_ms, uint64_t *moved)
{
    engine_shown *shown = &devices->shown[index];
    if (fix->time_ms <= shown->time_ms) {
        return HR_OK;
    }
    engine_device_spot *spot = &devices->spots[index];
    bool has_cell = shown->time_ms != INT64_MIN;
    uint64_t before = engine_cell_key(spot->at);
    shown->time_ms = fix->time_ms;
    shown->append_ms = append_ms;
    spot->at = (geo_point){fix->lon_e7, fix->lat_e7};
    shown->accuracy_dm = fix->accuracy_dm;
    shown->speed_cm_s = fix->speed_cm_s;
    shown->heading_cdeg = fix->heading_cdeg;
    shown->battery_pct = fix->battery_pct;
    shown->flags = fix->flags;
    shown->moved = ++*moved;
    /* Mostly it is still in its cell. */
    uint64_t key = engine_cell_key(spot->at);
    if (has_cell && key == before) {
        return HR_OK;
    }
    if (has_cell) {
        leave_cell(devices, index, before);
    }
    if (devices->cell_count * 2 > devices->cell_mask) {
        hr_err err = grow_cells(devices);
        if (err != HR_OK) {
            return err;
        }
    }
    enter_cell(devices, index, key);
    return HR_OK;
}

hr_err engine_devices_show_inside(engine_devices *devices, uint32_t index)
{
    engine_shown *shown = &devices->shown[index];
    const geo_tracker_state *state = &devices->entries[index].state;
    engine_inside_of one = {.slot = 0};
    uint32_t count = 0;
    for (size_t at = 0; geo_tracker_state_inside(state, &at, &one.slot, &one.since_ms);) {
        count++;
    }
    engine_inside_many *many = NULL;
    if (count > 1) {
        many = malloc(sizeof *many + count * sizeof *many->of);
        if (many == NULL) {
            return HR_NO_MEMORY;
        }
        many->count = 0;
        for (size_t at = 0; geo_tracker_state_inside(state, &at, &one.slot, &one.since_ms);) {
            many->of[many->count++] = one;
        }
    }
    forget_inside(shown);
    if (many != NULL) {
        shown->inside_slot = ENGINE_INSIDE_MANY;
        shown->inside.many = many;
    } else {
        shown->inside_slot = count == 1 ? one.slot : ENGINE_INSIDE_NONE;
        shown->inside.since_ms = one.since_ms;
    }
    return HR_OK;
}

hr_fix engine_device_fix(const engine_devices *devices, uint32_t index)
{
    const engine_shown *shown = &devices->shown[index];
    return (hr_fix){.device = devices->entries[index].key,
                    .time_ms = shown->time_ms,
                    .lon_e7 = devices->spots[index].at.lon_e7,
                    .lat_e7 = devices->spots[index].at.lat_e7,
                    .accuracy_dm = shown->accuracy_dm,
                    .speed_cm_s = shown->speed_cm_s,
                    .heading_cdeg = shown->heading_cdeg,
                    .battery_pct = shown->battery_pct,
                    .flags = shown->flags};
}

/* Cells of the grid, both ends included. */
typedef struct cell_range {
    int32_t west;
    int32_t east;
    int32_t south;
    int32_t north;
} cell_range;

/* Where the lists of those cells begin; their first spots are on the way when it returns. */
static void find_cells(const engine_devices *devices, const cell_range *range, uint32_t *firsts)
{
    uint32_t n = 0;
    for (int32_t row = range->south; row <= range->north; row++) {
        for (int32_t column = range->west; column <= range->east; column++) {
            uint32_t tag = cell_tag(cell_key(column, row));
            __builtin_prefetch(&devices->cells[tag & devices->cell_mask]);
        }
    }
    for (int32_t row = range->south; row <= range->north; row++) {
        for (int32_t column = range->west; column <= range->east; column++) {
            uint32_t tag = cell_tag(cell_key(column, row));
            const engine_cell *cell =
                &devices->cells[find_cell(devices->cells, devices->cell_mask, tag)];
            firsts[n] = cell->tag != 0 ? cell->first : ENGINE_NO_DEVICE;
            if (firsts[n] != ENGINE_NO_DEVICE) {
                __builtin_prefetch(&devices->spots[firsts[n]]);
            }
            n++;
        }
    }
}

static void fetch_shown(const engine_devices *devices, uint32_t index)
{
    const engine_shown *shown = &devices->shown[index];
    __builtin_prefetch(shown);
    __builtin_prefetch(&shown->name);
    __builtin_prefetch(&devices->entries[index].key);
}

/* The numbers of the devices of those cells that lie in the box; what is shown of them is on the
 * way when it returns. A list may have devices of another cell with the same tag, which may be one
 * of these, too. False: it would take too many looks. */
static bool list_box(const engine_devices *devices, const geo_box *box, const cell_range *range,
                     const uint32_t *firsts, uint32_t cell_count, uint32_t *found, uint32_t *count)
{
    const uint32_t width = (uint32_t)(range->east - range->west) + 1;
    uint32_t looks = cell_count;
    for (uint32_t n = 0; n < cell_count; n++) {
        const uint64_t key =
            cell_key(range->west + (int32_t)(n % width), range->south + (int32_t)(n / width));
        for (uint32_t d = firsts[n]; d != ENGINE_NO_DEVICE; d = devices->spots[d].next) {
            if (++looks > ENGINE_LOOKS_MAX) {
                return false;
            }
            const geo_point at = devices->spots[d].at;
            if (geo_box_has(box, at) && engine_cell_key(at) == key) {
                fetch_shown(devices, d);
                found[(*count)++] = d;
            }
        }
    }
    return true;
}

/* In steps, each of which asks for the memory that the next one needs: waiting for one device after
 * the other would be most of what a query costs. */
bool engine_devices_in_box(const engine_devices *devices, geo_box box, engine_device_visit *visit,
                           void *context)
{
    cell_range range = {.west = box.min.lon_e7 >> ENGINE_CELL_SHIFT,
                        .east = box.max.lon_e7 >> ENGINE_CELL_SHIFT,
                        .south = box.min.lat_e7 >> ENGINE_CELL_SHIFT,
                        .north = box.max.lat_e7 >> ENGINE_CELL_SHIFT};
    uint64_t cell_count =
        (uint64_t)(range.east - range.west + 1) * (uint64_t)(range.north - range.south + 1);
    uint32_t firsts[ENGINE_LOOKS_MAX];
    uint32_t found[ENGINE_LOOKS_MAX];
    uint32_t count = 0;
    if (cell_count > ENGINE_LOOKS_MAX) {
        return false;
    }
    find_cells(devices, &range, firsts);
    if (!list_box(devices, &box, &range, firsts, (uint32_t)cell_count, found, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        __builtin_prefetch(devices->names + devices->shown[found[i]].name);
    }
    for (uint32_t i = 0; i < count; i++) {
        visit(devices, found[i], context);
    }
    return true;
}
