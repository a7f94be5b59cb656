/* stream/moment.c - an exact tally that grows into rows of signed counters. */
#include "stream/moment.h"

#include <stdlib.h>

#include "base/hash.h"

#define CELLS (STREAM_MOMENT_ROWS * STREAM_MOMENT_COLUMNS)

void stream_moment_init(stream_moment *sketch, uint64_t seed)
{
    *sketch = (stream_moment){.seed = seed};
}

void stream_moment_fini(stream_moment *sketch)
{
    stream_tally_fini(&sketch->exact);
    free(sketch->cells);
    stream_moment_init(sketch, sketch->seed);
}

/* Each row hashes anew, so that rows are independent; one bit gives the sign. */
static void count_in_cells(stream_moment *sketch, uint64_t hash, uint64_t count)
{
    for (uint32_t row = 0; row < STREAM_MOMENT_ROWS; row++) {
        uint64_t mixed = hr_hash64_seeded(&hash, sizeof hash, sketch->seed + row);
        int64_t *cell = &sketch->cells[row * STREAM_MOMENT_COLUMNS +
                                       (uint32_t)(mixed >> 8) % STREAM_MOMENT_COLUMNS];
        /* Unsigned, so that no input can overflow. */
        *cell = (int64_t)((mixed & 1) != 0 ? (uint64_t)*cell + count : (uint64_t)*cell - count);
    }
}

static hr_err spill(stream_moment *sketch)
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

static hr_err add_many(stream_moment *sketch, uint64_t hash, uint64_t count)
{
    if (sketch->cells == NULL) {
        hr_err err = stream_tally_add(&sketch->exact, hash, count);
        if (err == HR_TOO_BIG) {
            err = spill(sketch);
        } else {
            return err;
        }
        if (err != HR_OK) {
            return err;
        }
    }
    count_in_cells(sketch, hash, count);
    return HR_OK;
}

hr_err stream_moment_add(stream_moment *sketch, uint64_t hash)
{
    return add_many(sketch, hash, 1);
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

double stream_moment_f2(const stream_moment *sketch)
{
    double sums[STREAM_MOMENT_ROWS] = {0};
    if (sketch->cells == NULL) {
        for (uint32_t i = 0; i < sketch->exact.used; i++) {
            double count = (double)sketch->exact.entries[i].count;
            sums[0] += count * count;
        }
        return sums[0];
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        double cell = (double)sketch->cells[i];
        sums[i / STREAM_MOMENT_COLUMNS] += cell * cell;
    }
    qsort(sums, STREAM_MOMENT_ROWS, sizeof sums[0], compare_doubles);
    return sums[STREAM_MOMENT_ROWS / 2];
}

hr_err stream_moment_merge(stream_moment *into, const stream_moment *from)
{
    hr_err err = into->seed == from->seed ? HR_OK : HR_INVALID;
    if (err == HR_OK && from->cells != NULL && into->cells == NULL) {
        err = spill(into);
    }
    for (uint32_t i = 0; err == HR_OK && i < from->exact.used; i++) {
        err = add_many(into, from->exact.entries[i].hash, from->exact.entries[i].count);
    }
    for (uint32_t i = 0; err == HR_OK && from->cells != NULL && i < CELLS; i++) {
        into->cells[i] = (int64_t)((uint64_t)into->cells[i] + (uint64_t)from->cells[i]);
    }
    return err;
}

size_t stream_moment_bytes(const stream_moment *sketch)
{
    return sizeof *sketch + stream_tally_bytes(&sketch->exact) +
           (sketch->cells != NULL ? CELLS * sizeof *sketch->cells : 0);
}

void stream_moment_write(const stream_moment *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->cells != NULL);
    if (sketch->cells == NULL) {
        stream_tally_write(&sketch->exact, out);
        return;
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        hr_buf_put_u64(out, (uint64_t)sketch->cells[i]);
    }
}

hr_err stream_moment_read(stream_moment *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    if (kind > 1 || in->short_read) {
        return HR_CORRUPT;
    }
    if (kind == 0) {
        return stream_tally_read(&sketch->exact, in);
    }
    if (hr_cursor_left(in) < CELLS * 8) {
        return HR_CORRUPT;
    }
    hr_err err = spill(sketch);
    for (uint32_t i = 0; err == HR_OK && i < CELLS; i++) {
        sketch->cells[i] = (int64_t)hr_cursor_u64(in);
    }
    return err;
}
