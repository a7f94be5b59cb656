/* core/log/producer.c - an open-addressed table, rebuilt when one has to go. */
#include "producer.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_AT_FIRST 64

void producer_fini(producer_table *table)
{
    free(table->slots);
    *table = (producer_table){0};
}

static uint32_t slot_of(const producer_table *table, uint64_t id, uint64_t epoch)
{
    uint64_t mixed = (id ^ (epoch >> 32 | epoch << 32)) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 29;
    uint32_t mask = table->slot_count - 1;
    uint32_t slot = (uint32_t)(mixed >> 16) & mask;
    while (table->slots[slot].id != 0 &&
           (table->slots[slot].id != id || table->slots[slot].epoch != epoch)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

const producer_entry *producer_find(const producer_table *table, uint64_t id, uint64_t epoch)
{
    if (table->slot_count == 0) {
        return NULL;
    }
    const producer_entry *entry = &table->slots[slot_of(table, id, epoch)];
    return entry->id != 0 ? entry : NULL;
}

producer_answer producer_judge(const producer_table *table, const log_producer *producer,
                               uint64_t *gap)
{
    const producer_entry *known = producer_find(table, producer->id, producer->epoch);
    uint64_t expected = known != NULL ? known->next_seq : producer->oldest_seq;
    if (producer->base_seq < expected) {
        return PRODUCER_REPEATED;
    }
    if (producer->base_seq > expected && producer->oldest_seq < producer->base_seq) {
        return PRODUCER_AHEAD;
    }
    *gap = producer->base_seq - expected;
    return PRODUCER_EXPECTED;
}

static hr_err rehash(producer_table *table, uint32_t slot_count)
{
    producer_table made = {.slots = calloc(slot_count, sizeof *made.slots),
                           .slot_count = slot_count,
                           .used = table->used};
    if (made.slots == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < table->slot_count; i++) {
        const producer_entry *entry = &table->slots[i];
        if (entry->id != 0) {
            made.slots[slot_of(&made, entry->id, entry->epoch)] = *entry;
        }
    }
    free(table->slots);
    *table = made;
    return HR_OK;
}

hr_err producer_reserve(producer_table *table)
{
    if (table->slot_count == 0) {
        return rehash(table, SLOTS_AT_FIRST);
    }
    if (table->used < LOG_PRODUCERS_MAX && (table->used + 1) * 4 > table->slot_count * 3) {
        return rehash(table, table->slot_count * 2);
    }
    return HR_OK;
}

/* Close the hole at slot, so that a search never stops too early (no marks for deleted ones). */
static void remove_slot(producer_table *table, uint32_t hole)
{
    uint32_t mask = table->slot_count - 1;
    table->slots[hole].id = 0;
    table->used--;
    for (uint32_t i = (hole + 1) & mask; table->slots[i].id != 0; i = (i + 1) & mask) {
        producer_entry moved = table->slots[i];
        table->slots[i].id = 0;
        table->slots[slot_of(table, moved.id, moved.epoch)] = moved;
    }
}

static void forget_longest_silent(producer_table *table)
{
    uint32_t oldest = UINT32_MAX;
    for (uint32_t i = 0; i < table->slot_count; i++) {
        const producer_entry *entry = &table->slots[i];
        if (entry->id != 0 &&
            (oldest == UINT32_MAX || entry->heard_at < table->slots[oldest].heard_at)) {
            oldest = i;
        }
    }
    remove_slot(table, oldest);
}

void producer_set(producer_table *table, producer_entry entry)
{
    assert(table->slot_count > 0);
    uint32_t slot = slot_of(table, entry.id, entry.epoch);
    if (table->slots[slot].id == 0) {
        if (table->used >= LOG_PRODUCERS_MAX) {
            forget_longest_silent(table);
            slot = slot_of(table, entry.id, entry.epoch);
        }
        table->used++;
    }
    table->slots[slot] = entry;
}

void producer_save(const producer_table *table, hr_buf *out)
{
    hr_buf_put_u32(out, table->used);
    for (uint32_t i = 0; i < table->slot_count; i++) {
        const producer_entry *entry = &table->slots[i];
        if (entry->id != 0) {
            hr_buf_put_u64(out, entry->id);
            hr_buf_put_u64(out, entry->epoch);
            hr_buf_put_u64(out, entry->next_seq);
            hr_buf_put_u64(out, entry->heard_at);
        }
    }
}

hr_err producer_load(producer_table *table, hr_cursor *in)
{
    uint32_t count = hr_cursor_u32(in);
    if (in->short_read || count > LOG_PRODUCERS_MAX) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        producer_entry entry = {.id = hr_cursor_u64(in)};
        entry.epoch = hr_cursor_u64(in);
        entry.next_seq = hr_cursor_u64(in);
        entry.heard_at = hr_cursor_u64(in);
        if (in->short_read || entry.id == 0) {
            return HR_CORRUPT;
        }
        hr_err err = producer_reserve(table);
        if (err != HR_OK) {
            return err;
        }
        producer_set(table, entry);
    }
    return HR_OK;
}
