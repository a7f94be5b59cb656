/* stream/moment.c - a tally whose cells are rows of signed counters. */
#include "stream/moment.h"

#include <stdlib.h>

#include "base/hash.h"

/* Each row hashes anew, so that rows are independent; one bit gives the sign. Cells are unsigned,
 * so that no input can overflow, and read as two's complement. */
static void count_in_cells(stream_tally *tally, uint64_t hash, uint64_t count)
{
    for (uint32_t row = 0; row < STREAM_MOMENT_ROWS; row++) {
        uint64_t mixed = hr_hash64_seeded(&hash, sizeof hash, tally->seed + row);
        uint64_t *cell = &tally->cells[row * STREAM_MOMENT_COLUMNS +
                                       (uint32_t)(mixed >> 8) % STREAM_MOMENT_COLUMNS];
        *cell += (mixed & 1) != 0 ? count : -count;
    }
}

static const stream_tally_law law = {.cells = STREAM_MOMENT_ROWS * STREAM_MOMENT_COLUMNS,
                                     .count = count_in_cells};

void stream_moment_init(stream_moment *sketch, uint64_t seed)
{
    stream_tally_init(&sketch->tally, seed);
}

void stream_moment_fini(stream_moment *sketch)
{
    stream_tally_fini(&sketch->tally);
}

hr_err stream_moment_add(stream_moment *sketch, uint64_t hash)
{
    return stream_tally_add(&law, &sketch->tally, hash, 1);
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

double stream_moment_f2(const stream_moment *sketch)
{
    const stream_tally *tally = &sketch->tally;
    double sums[STREAM_MOMENT_ROWS] = {0};
    if (tally->cells == NULL) {
        for (uint32_t i = 0; i < tally->used; i++) {
            double count = (double)tally->entries[i].count;
            sums[0] += count * count;
        }
        return sums[0];
    }
    for (uint32_t i = 0; i < law.cells; i++) {
        double cell = (double)(int64_t)tally->cells[i];
        sums[i / STREAM_MOMENT_COLUMNS] += cell * cell;
    }
    qsort(sums, STREAM_MOMENT_ROWS, sizeof sums[0], compare_doubles);
    return sums[STREAM_MOMENT_ROWS / 2];
}

hr_err stream_moment_merge(stream_moment *into, const stream_moment *from)
{
    return stream_tally_merge(&law, &into->tally, &from->tally);
}

size_t stream_moment_bytes(const stream_moment *sketch)
{
    return sizeof *sketch + stream_tally_bytes(&law, &sketch->tally);
}

void stream_moment_write(const stream_moment *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->tally.cells != NULL);
    stream_tally_write(&law, &sketch->tally, out);
}

hr_err stream_moment_read(stream_moment *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    return kind > 1 || in->short_read ? HR_CORRUPT
                                      : stream_tally_read(&law, &sketch->tally, kind == 1, in);
}
