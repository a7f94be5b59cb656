/* stream/tally.c - a sorted list of hashes and counts that spills into cells. */
#include "stream/tally.h"

#include <stdlib.h>
#include <string.h>

void stream_tally_init(stream_tally *tally, uint64_t seed)
{
    *tally = (stream_tally){.seed = seed};
}

void stream_tally_fini(stream_tally *tally)
{
    free(tally->entries);
    free(tally->cells);
    stream_tally_init(tally, tally->seed);
}

static uint32_t lower_bound(const stream_tally *tally, uint64_t hash)
{
    uint32_t low = 0;
    uint32_t high = tally->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (tally->entries[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static hr_err spill(const stream_tally_law *law, stream_tally *tally)
{
    tally->cells = calloc(law->cells, sizeof *tally->cells);
    if (tally->cells == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < tally->used; i++) {
        law->count(tally, tally->entries[i].hash, tally->entries[i].count);
    }
    free(tally->entries);
    tally->entries = NULL;
    tally->used = 0;
    return HR_OK;
}

/* HR_TOO_BIG: full, and hash is not among them; nothing was added. */
static hr_err add_exactly(stream_tally *tally, uint64_t hash, uint64_t count)
{
    uint32_t at = lower_bound(tally, hash);
    if (at < tally->used && tally->entries[at].hash == hash) {
        tally->entries[at].count += count;
        return HR_OK;
    }
    if (tally->used == STREAM_TALLY_MAX) {
        return HR_TOO_BIG;
    }
    if ((tally->used & (tally->used - 1)) == 0) {
        /* The room doubles: 1, 2, 4 .. entries. */
        size_t room = tally->used == 0 ? 1 : (size_t)tally->used * 2;
        stream_tally_entry *entries = realloc(tally->entries, room * sizeof *entries);
        if (entries == NULL) {
            return HR_NO_MEMORY;
        }
        tally->entries = entries;
    }
    memmove(tally->entries + at + 1, tally->entries + at,
            (tally->used - at) * sizeof *tally->entries);
    tally->entries[at] = (stream_tally_entry){.hash = hash, .count = count};
    tally->used++;
    return HR_OK;
}

hr_err stream_tally_add(const stream_tally_law *law, stream_tally *tally, uint64_t hash,
                        uint64_t count)
{
    if (tally->cells == NULL) {
        hr_err err = add_exactly(tally, hash, count);
        if (err != HR_TOO_BIG) {
            return err;
        }
        err = spill(law, tally);
        if (err != HR_OK) {
            return err;
        }
    }
    law->count(tally, hash, count);
    return HR_OK;
}

uint64_t stream_tally_count(const stream_tally *tally, uint64_t hash)
{
    uint32_t at = lower_bound(tally, hash);
    return at < tally->used && tally->entries[at].hash == hash ? tally->entries[at].count : 0;
}

hr_err stream_tally_merge(const stream_tally_law *law, stream_tally *into, const stream_tally *from)
{
    hr_err err = into->seed == from->seed ? HR_OK : HR_INVALID;
    if (err == HR_OK && from->cells != NULL && into->cells == NULL) {
        err = spill(law, into);
    }
    for (uint32_t i = 0; err == HR_OK && i < from->used; i++) {
        err = stream_tally_add(law, into, from->entries[i].hash, from->entries[i].count);
    }
    for (uint32_t i = 0; err == HR_OK && from->cells != NULL && i < law->cells; i++) {
        into->cells[i] += from->cells[i];
    }
    return err;
}

size_t stream_tally_bytes(const stream_tally_law *law, const stream_tally *tally)
{
    /* As if the room were full: at most twice what is in use. */
    return (size_t)tally->used * 2 * sizeof *tally->entries +
           (tally->cells != NULL ? law->cells * sizeof *tally->cells : 0);
}

void stream_tally_write(const stream_tally_law *law, const stream_tally *tally, hr_buf *out)
{
    for (uint32_t i = 0; tally->cells != NULL && i < law->cells; i++) {
        hr_buf_put_u64(out, tally->cells[i]);
    }
    if (tally->cells == NULL) {
        hr_buf_put_u8(out, (uint8_t)tally->used);
    }
    for (uint32_t i = 0; i < tally->used; i++) {
        hr_buf_put_u64(out, tally->entries[i].hash);
        hr_buf_put_u64(out, tally->entries[i].count);
    }
}

static hr_err read_exact(stream_tally *tally, hr_cursor *in)
{
    uint32_t used = hr_cursor_u8(in);
    uint64_t before = 0;
    if (used > STREAM_TALLY_MAX || in->short_read) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < used; i++) {
        uint64_t hash = hr_cursor_u64(in);
        uint64_t count = hr_cursor_u64(in);
        if (in->short_read || (i > 0 && hash <= before)) {
            return HR_CORRUPT;
        }
        hr_err err = add_exactly(tally, hash, count);
        if (err != HR_OK) {
            return err;
        }
        before = hash;
    }
    return HR_OK;
}

hr_err stream_tally_read(const stream_tally_law *law, stream_tally *tally, bool has_cells,
                         hr_cursor *in)
{
    if (!has_cells) {
        return read_exact(tally, in);
    }
    if (hr_cursor_left(in) < law->cells * sizeof *tally->cells) {
        return HR_CORRUPT;
    }
    hr_err err = spill(law, tally);
    for (uint32_t i = 0; err == HR_OK && i < law->cells; i++) {
        tally->cells[i] = hr_cursor_u64(in);
    }
    return err;
}
