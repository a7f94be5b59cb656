/* stream/distinct.c - a sorted list that grows into HyperLogLog registers. */
#include "stream/distinct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void stream_distinct_fini(stream_distinct *sketch)
{
    free(sketch->exact);
    *sketch = (stream_distinct){.exact_count = 0};
}

/* The register takes the rank of the highest set bit below those that choose it. */
static void raise_register(uint8_t *registers, uint64_t hash)
{
    uint32_t index = (uint32_t)(hash >> (64 - STREAM_DISTINCT_BITS));
    /* A bit beyond the last keeps the rank defined when all others are zero. */
    uint64_t rest = hash << STREAM_DISTINCT_BITS | UINT64_C(1) << (STREAM_DISTINCT_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > registers[index]) {
        registers[index] = rank;
    }
}

static hr_err spill(stream_distinct *sketch)
{
    uint8_t *registers = calloc(STREAM_DISTINCT_REGISTERS, 1);
    if (registers == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < sketch->exact_count; i++) {
        raise_register(registers, sketch->exact[i]);
    }
    free(sketch->exact);
    *sketch = (stream_distinct){.registers = registers, .is_sketch = true};
    return HR_OK;
}

static uint32_t lower_bound(const stream_distinct *sketch, uint64_t hash)
{
    uint32_t low = 0;
    uint32_t high = sketch->exact_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (sketch->exact[middle] < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The room doubles: 1, 2, 4 .. hashes. */
static uint32_t room_of(uint32_t count)
{
    return count <= 1 ? count : 1u << (32 - __builtin_clz(count - 1));
}

hr_err stream_distinct_add(stream_distinct *sketch, uint64_t hash)
{
    if (sketch->is_sketch) {
        raise_register(sketch->registers, hash);
        return HR_OK;
    }
    uint32_t at = lower_bound(sketch, hash);
    if (at < sketch->exact_count && sketch->exact[at] == hash) {
        return HR_OK;
    }
    if (sketch->exact_count == STREAM_DISTINCT_EXACT_MAX) {
        hr_err err = spill(sketch);
        if (err == HR_OK) {
            raise_register(sketch->registers, hash);
        }
        return err;
    }
    if ((sketch->exact_count & (sketch->exact_count - 1)) == 0) {
        uint64_t *exact = realloc(sketch->exact, room_of(sketch->exact_count + 1) * sizeof *exact);
        if (exact == NULL) {
            return HR_NO_MEMORY;
        }
        sketch->exact = exact;
    }
    memmove(sketch->exact + at + 1, sketch->exact + at,
            (sketch->exact_count - at) * sizeof *sketch->exact);
    sketch->exact[at] = hash;
    sketch->exact_count++;
    return HR_OK;
}

/* sigma() and tau() of Ertl's estimator: unbiased over the whole range, without tables. */
static double sigma(double x)
{
    double power = 1;
    double sum = x;
    if (x == 1) {
        return INFINITY;
    }
    for (double before = -1; sum != before;) {
        x *= x;
        before = sum;
        sum += x * power;
        power += power;
    }
    return sum;
}

static double tau(double x)
{
    if (x == 0 || x == 1) {
        return 0;
    }
    double power = 1;
    double sum = 1 - x;
    for (double before = -1; sum != before;) {
        x = sqrt(x);
        before = sum;
        power /= 2;
        sum -= (1 - x) * (1 - x) * power;
    }
    return sum / 3;
}

double stream_distinct_count(const stream_distinct *sketch)
{
    enum {
        RANK_MAX = 64 - STREAM_DISTINCT_BITS + 1
    };
    if (!sketch->is_sketch) {
        return sketch->exact_count;
    }
    uint32_t ranks[RANK_MAX + 1] = {0};
    double m = STREAM_DISTINCT_REGISTERS;
    for (uint32_t i = 0; i < STREAM_DISTINCT_REGISTERS; i++) {
        ranks[sketch->registers[i]]++;
    }
    double z = m * tau(1 - ranks[RANK_MAX] / m);
    for (int rank = RANK_MAX - 1; rank >= 1; rank--) {
        z = (z + ranks[rank]) / 2;
    }
    z += m * sigma(ranks[0] / m);
    return m * m / (2 * M_LN2 * z);
}

hr_err stream_distinct_merge(stream_distinct *into, const stream_distinct *from)
{
    hr_err err = HR_OK;
    if (from->is_sketch && !into->is_sketch) {
        err = spill(into);
    }
    for (uint32_t i = 0; err == HR_OK && i < from->exact_count; i++) {
        err = stream_distinct_add(into, from->exact[i]);
    }
    for (uint32_t i = 0; err == HR_OK && from->is_sketch && i < STREAM_DISTINCT_REGISTERS; i++) {
        if (from->registers[i] > into->registers[i]) {
            into->registers[i] = from->registers[i];
        }
    }
    return err;
}

size_t stream_distinct_bytes(const stream_distinct *sketch)
{
    return sizeof *sketch + (sketch->is_sketch
                                 ? STREAM_DISTINCT_REGISTERS
                                 : room_of(sketch->exact_count) * sizeof *sketch->exact);
}

void stream_distinct_write(const stream_distinct *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->is_sketch);
    if (sketch->is_sketch) {
        hr_buf_put(out, sketch->registers, STREAM_DISTINCT_REGISTERS);
        return;
    }
    hr_buf_put_u8(out, (uint8_t)sketch->exact_count);
    for (uint32_t i = 0; i < sketch->exact_count; i++) {
        hr_buf_put_u64(out, sketch->exact[i]);
    }
}

static hr_err read_registers(stream_distinct *sketch, hr_cursor *in)
{
    const uint8_t *bytes = hr_cursor_take(in, STREAM_DISTINCT_REGISTERS);
    if (bytes == NULL) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < STREAM_DISTINCT_REGISTERS; i++) {
        if (bytes[i] > 64 - STREAM_DISTINCT_BITS + 1) {
            return HR_CORRUPT;
        }
    }
    hr_err err = spill(sketch);
    if (err == HR_OK) {
        memcpy(sketch->registers, bytes, STREAM_DISTINCT_REGISTERS);
    }
    return err;
}

hr_err stream_distinct_read(stream_distinct *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    if (kind > 1) {
        return HR_CORRUPT;
    }
    if (kind == 1) {
        return read_registers(sketch, in);
    }
    uint8_t count = hr_cursor_u8(in);
    if (count > STREAM_DISTINCT_EXACT_MAX) {
        return HR_CORRUPT;
    }
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        err = stream_distinct_add(sketch, hr_cursor_u64(in));
    }
    if (err == HR_OK && (in->short_read || sketch->exact_count != count)) {
        err = HR_CORRUPT;
    }
    return err;
}
