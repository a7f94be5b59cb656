/* stream/frequency.c - a tally whose cells are a count-min sketch. */
#include "stream/frequency.h"

#include "base/hash.h"

/* Where a thing is counted in each row: ten bits of one seeded hash for each. */
static void places(const stream_tally *tally, uint64_t hash, uint32_t at[STREAM_FREQUENCY_ROWS])
{
    uint64_t mixed = hr_hash64_seeded(&hash, sizeof hash, tally->seed);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        at[row] = row * STREAM_FREQUENCY_COLUMNS +
                  (uint32_t)(mixed >> (16 * row)) % STREAM_FREQUENCY_COLUMNS;
    }
}

static void count_in_cells(stream_tally *tally, uint64_t hash, uint64_t count)
{
    uint32_t at[STREAM_FREQUENCY_ROWS];
    places(tally, hash, at);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        tally->cells[at[row]] += count;
    }
}

static const stream_tally_law law = {.cells = STREAM_FREQUENCY_ROWS * STREAM_FREQUENCY_COLUMNS,
                                     .count = count_in_cells};

void stream_frequency_init(stream_frequency *sketch, uint64_t seed)
{
    stream_tally_init(&sketch->tally, seed);
    sketch->total = 0;
}

void stream_frequency_fini(stream_frequency *sketch)
{
    stream_tally_fini(&sketch->tally);
    sketch->total = 0;
}

hr_err stream_frequency_add(stream_frequency *sketch, uint64_t hash, uint64_t count)
{
    hr_err err = stream_tally_add(&law, &sketch->tally, hash, count);
    sketch->total += err == HR_OK ? count : 0;
    return err;
}

uint64_t stream_frequency_count(const stream_frequency *sketch, uint64_t hash)
{
    if (sketch->tally.cells == NULL) {
        return stream_tally_count(&sketch->tally, hash);
    }
    uint32_t at[STREAM_FREQUENCY_ROWS];
    uint64_t least = UINT64_MAX;
    places(&sketch->tally, hash, at);
    for (uint32_t row = 0; row < STREAM_FREQUENCY_ROWS; row++) {
        if (sketch->tally.cells[at[row]] < least) {
            least = sketch->tally.cells[at[row]];
        }
    }
    return least;
}

hr_err stream_frequency_merge(stream_frequency *into, const stream_frequency *from)
{
    hr_err err = stream_tally_merge(&law, &into->tally, &from->tally);
    into->total += err == HR_OK ? from->total : 0;
    return err;
}

size_t stream_frequency_bytes(const stream_frequency *sketch)
{
    return sizeof *sketch + stream_tally_bytes(&law, &sketch->tally);
}

void stream_frequency_write(const stream_frequency *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->tally.cells != NULL);
    hr_buf_put_u64(out, sketch->total);
    stream_tally_write(&law, &sketch->tally, out);
}

/* The list, or every row, has counted everything once. */
static bool sums_agree(const stream_frequency *sketch)
{
    const stream_tally *tally = &sketch->tally;
    uint64_t sums[STREAM_FREQUENCY_ROWS] = {0};
    uint32_t rows = tally->cells != NULL ? STREAM_FREQUENCY_ROWS : 1;
    for (uint32_t i = 0; i < tally->used; i++) {
        sums[0] += tally->entries[i].count;
    }
    for (uint32_t i = 0; tally->cells != NULL && i < law.cells; i++) {
        sums[i / STREAM_FREQUENCY_COLUMNS] += tally->cells[i];
    }
    bool agree = true;
    for (uint32_t row = 0; row < rows; row++) {
        agree = agree && sums[row] == sketch->total;
    }
    return agree;
}

hr_err stream_frequency_read(stream_frequency *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    sketch->total = hr_cursor_u64(in);
    if (kind > 1 || in->short_read) {
        return HR_CORRUPT;
    }
    hr_err err = stream_tally_read(&law, &sketch->tally, kind == 1, in);
    return err == HR_OK && !sums_agree(sketch) ? HR_CORRUPT : err;
}
