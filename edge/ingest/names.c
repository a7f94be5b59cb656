/* ingest/names.c - a hash set of keys, each with a second hash of its id, which tells two ids of
 * one key apart without keeping either. */
#include "ingest/names.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/hash.h"

#define CAPACITY_MIN 1024
#define CHECK_SEED 1

/* Values of check that are no hash. */
#define CHECK_FREE 0
#define CHECK_FORGOTTEN 1
#define CHECK_FIRST 2

typedef struct name_slot {
    uint64_t key;
    uint64_t check;
} name_slot;

hr_err names_init(names *set, size_t count_max)
{
    *set = (names){.capacity = CAPACITY_MIN, .count_max = count_max};
    set->slots = calloc(set->capacity, sizeof *set->slots);
    return set->slots != NULL ? HR_OK : HR_NO_MEMORY;
}

void names_fini(names *set)
{
    free(set->slots);
    *set = (names){.capacity = 0};
}

static uint64_t check_of(const char *id, size_t id_size)
{
    uint64_t check = hr_hash64_seeded(id, id_size, CHECK_SEED);
    return check < CHECK_FIRST ? CHECK_FIRST : check;
}

/* The key's slot, or the free one where it belongs. The key is a hash itself. */
static name_slot *find(name_slot *slots, size_t capacity, uint64_t key)
{
    size_t at = (size_t)(key >> 7) & (capacity - 1);
    while (slots[at].check != CHECK_FREE && slots[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static bool grow(names *set)
{
    size_t capacity = set->capacity * 2;
    name_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].check != CHECK_FREE) {
            *find(slots, capacity, set->slots[i].key) = set->slots[i];
        }
    }
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return true;
}

names_answer names_meet(names *set, uint64_t key, const char *id, size_t id_size)
{
    uint64_t check = check_of(id, id_size);
    name_slot *slot = find(set->slots, set->capacity, key);
    if (slot->check == check) {
        return NAMES_KNOWN;
    }
    if (slot->check >= CHECK_FIRST) {
        return NAMES_CLASH;
    }
    if (slot->check == CHECK_FREE) {
        if (set->count >= set->count_max) {
            return NAMES_FULL;
        }
        if (set->count * 2 >= set->capacity && !grow(set)) {
            return NAMES_NO_MEMORY;
        }
        slot = find(set->slots, set->capacity, key);
        set->count++;
    }
    *slot = (name_slot){.key = key, .check = check};
    return NAMES_NEW;
}

void names_forget(names *set, uint64_t key)
{
    name_slot *slot = find(set->slots, set->capacity, key);
    if (slot->check != CHECK_FREE) {
        slot->check = CHECK_FORGOTTEN;
    }
}
