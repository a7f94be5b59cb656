/* stream/frequency.c - an exact tally that grows into a count-min sketch. */
#include "stream/frequency.h"

#include <stdlib.h>

#include "base/hash.h"

#define CELLS (STREAM_FREQUENCY_ROWS * STREAM_FREQUENCY_COLUMNS)

void stream_frequency_init(stream_frequency *sketch, uint64_t seed)
{
    *sketch = (stream_frequency){.seed = seed};
}

void stream_frequency_fini(stream_frequency *sketch)
{
    stream_tally_fini(&sketch->exact);
    free(sketch->cells);
    stream_frequency_init(sketch, sketch->seed);
}

/* Where a thing is counted in each row: ten bits of one seeded hash for each. */
static void places(const stream_frequency *sketch, uint64_t hash,
                   uint32_t at[STREAM_FREQUENCY_ROWS])
{
    uint64_t mixed = hr_hash64_seeded(&hash, sizeof hash, sketch->seed);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        at[row] = row * STREAM_FREQUENCY_COLUMNS +
                  (uint32_t)(mixed >> (16 * row)) % STREAM_FREQUENCY_COLUMNS;
    }
}

static void count_in_cells(stream_frequency *sketch, uint64_t hash, uint64_t count)
{
    uint32_t at[STREAM_FREQUENCY_ROWS];
    places(sketch, hash, at);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        sketch->cells[at[row]] += count;
    }
}

static hr_err spill(stream_frequency *sketch)
{
    sketch->cells = calloc(CELLS, sizeof *sketch->cells);
    if (sketch->cells == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < sketch->exact.used; i++) {
        count_in_cells(sketch, sketch->exact.entries[i].hash, sketch->exact.entries[i].count);
    }
    stream_tally_fini(&sketch->exact);
    return HR_OK;
}

hr_err stream_frequency_add(stream_frequency *sketch, uint64_t hash, uint64_t count)
{
    if (sketch->cells == NULL) {
        hr_err err = stream_tally_add(&sketch->exact, hash, count);
        if (err == HR_OK) {
            sketch->total += count;
        }
        if (err != HR_TOO_BIG) {
            return err;
        }
        err = spill(sketch);
        if (err != HR_OK) {
            return err;
        }
    }
    sketch->total += count;
    count_in_cells(sketch, hash, count);
    return HR_OK;
}

uint64_t stream_frequency_count(const stream_frequency *sketch, uint64_t hash)
{
    if (sketch->cells == NULL) {
        return stream_tally_count(&sketch->exact, hash);
    }
    uint32_t at[STREAM_FREQUENCY_ROWS];
    uint64_t least = UINT64_MAX;
    places(sketch, hash, at);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        if (sketch->cells[at[row]] < least) {
            least = sketch->cells[at[row]];
        }
    }
    return least;
}

hr_err stream_frequency_merge(stream_frequency *into, const stream_frequency *from)
{
    hr_err err = into->seed == from->seed ? HR_OK : HR_INVALID;
    if (err == HR_OK && from->cells != NULL && into->cells == NULL) {
        err = spill(into);
    }
    for (uint32_t i = 0; err == HR_OK && i < from->exact.used; i++) {
        err = stream_frequency_add(into, from->exact.entries[i].hash, from->exact.entries[i].count);
    }
    if (err == HR_OK && from->cells != NULL) {
        for (uint32_t i = 0; i < CELLS; i++) {
            into->cells[i] += from->cells[i];
        }
        into->total += from->total;
    }
    return err;
}

size_t stream_frequency_bytes(const stream_frequency *sketch)
{
    return sizeof *sketch + stream_tally_bytes(&sketch->exact) +
           (sketch->cells != NULL ? CELLS * sizeof *sketch->cells : 0);
}

void stream_frequency_write(const stream_frequency *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->cells != NULL);
    hr_buf_put_u64(out, sketch->total);
    if (sketch->cells == NULL) {
        stream_tally_write(&sketch->exact, out);
        return;
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        hr_buf_put_u64(out, sketch->cells[i]);
    }
}

/* Every row has counted everything once. */
static bool rows_agree(const stream_frequency *sketch)
{
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < STREAM_FREQUENCY_COLUMNS; i++) {
            sum += sketch->cells[row * STREAM_FREQUENCY_COLUMNS + i];
        }
        if (sum != sketch->total) {
            return false;
        }
    }
    return true;
}

hr_err stream_frequency_read(stream_frequency *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    sketch->total = hr_cursor_u64(in);
    if (kind > 1 || in->short_read) {
        return HR_CORRUPT;
    }
    if (kind == 0) {
        uint64_t sum = 0;
        hr_err err = stream_tally_read(&sketch->exact, in);
        for (uint32_t i = 0; i < sketch->exact.used; i++) {
            sum += sketch->exact.entries[i].count;
        }
        return err == HR_OK && sum != sketch->total ? HR_CORRUPT : err;
    }
    if (hr_cursor_left(in) < CELLS * 8) {
        return HR_CORRUPT;
    }
    hr_err err = spill(sketch);
    if (err != HR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        sketch->cells[i] = hr_cursor_u64(in);
    }
    return rows_agree(sketch) ? HR_OK : HR_CORRUPT;
}
