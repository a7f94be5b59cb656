/* stream/quantile.c - a sorted list that grows into logarithmic buckets. */
#include "stream/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stream/bytes.h"

#define GAMMA ((1 + STREAM_QUANTILE_ERROR) / (1 - STREAM_QUANTILE_ERROR))
#define ZERO_BELOW 1e-9
/* Buckets of 1e-9 and of the greatest double. */
#define BUCKET_MIN (-1100)
#define BUCKET_MAX 36000

static void side_fini(stream_quantile_side *side)
{
    free(side->counts);
    *side = (stream_quantile_side){.used = 0};
}

void stream_quantile_fini(stream_quantile *sketch)
{
    free(sketch->exact);
    side_fini(&sketch->above);
    side_fini(&sketch->below);
    *sketch = (stream_quantile){.zeros = 0};
}

/* Make [first, last] part of the side, or what of it the limit leaves: the lowest buckets run
 * together in the lowest one kept. */
static hr_err side_cover(stream_quantile_side *side, int32_t first, int32_t last)
{
    if (side->used > 0) {
        int32_t end = side->first + (int32_t)side->used - 1;
        first = first < side->first ? first : side->first;
        last = last > end ? last : end;
    }
    if (last - first >= STREAM_QUANTILE_BUCKETS_MAX) {
        first = last - STREAM_QUANTILE_BUCKETS_MAX + 1;
    }
    uint32_t used = (uint32_t)(last - first + 1);
    if (side->used == used && side->first == first) {
        return HR_OK;
    }
    uint64_t *counts = calloc(used, sizeof *counts);
    if (counts == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < side->used; i++) {
        int32_t bucket = side->first + (int32_t)i;
        counts[bucket > first ? bucket - first : 0] += side->counts[i];
    }
    free(side->counts);
    *side = (stream_quantile_side){.first = first, .used = used, .counts = counts};
    return HR_OK;
}

static hr_err side_add(stream_quantile_side *side, int32_t bucket, uint64_t count)
{
    hr_err err = side_cover(side, bucket, bucket);
    if (err == HR_OK) {
        side->counts[bucket > side->first ? bucket - side->first : 0] += count;
    }
    return err;
}

static uint64_t side_count(const stream_quantile_side *side)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < side->used; i++) {
        count += side->counts[i];
    }
    return count;
}

/* The middle of the bucket that holds rank, counted from its lowest: at most 1 % off either end. */
static double side_at(const stream_quantile_side *side, uint64_t rank)
{
    uint32_t i = 0;
    while (i + 1 < side->used && rank >= side->counts[i]) {
        rank -= side->counts[i];
        i++;
    }
    return 2 * pow(GAMMA, side->first + (int32_t)i) / (GAMMA + 1);
}

static hr_err add_to_buckets(stream_quantile *sketch, double value)
{
    if (fabs(value) < ZERO_BELOW) {
        sketch->zeros++;
        return HR_OK;
    }
    int32_t bucket = (int32_t)ceil(log(fabs(value)) / log(GAMMA));
    return side_add(value > 0 ? &sketch->above : &sketch->below, bucket, 1);
}

static hr_err spill(stream_quantile *sketch)
{
    stream_quantile grown = {.is_sketch = true};
    for (uint32_t i = 0; i < sketch->exact_count; i++) {
        hr_err err = add_to_buckets(&grown, sketch->exact[i]);
        if (err != HR_OK) {
            stream_quantile_fini(&grown);
            return err;
        }
    }
    free(sketch->exact);
    *sketch = grown;
    return HR_OK;
}

hr_err stream_quantile_add(stream_quantile *sketch, double value)
{
    if (!sketch->is_sketch && sketch->exact_count == STREAM_QUANTILE_EXACT_MAX) {
        hr_err err = spill(sketch);
        if (err != HR_OK) {
            return err;
        }
    }
    if (sketch->is_sketch) {
        return add_to_buckets(sketch, value);
    }
    if (sketch->exact == NULL) {
        sketch->exact = malloc(STREAM_QUANTILE_EXACT_MAX * sizeof *sketch->exact);
        if (sketch->exact == NULL) {
            return HR_NO_MEMORY;
        }
    }
    uint32_t at = sketch->exact_count;
    while (at > 0 && sketch->exact[at - 1] > value) {
        sketch->exact[at] = sketch->exact[at - 1];
        at--;
    }
    sketch->exact[at] = value;
    sketch->exact_count++;
    return HR_OK;
}

uint64_t stream_quantile_count(const stream_quantile *sketch)
{
    return sketch->exact_count + sketch->zeros + side_count(&sketch->above) +
           side_count(&sketch->below);
}

double stream_quantile_at(const stream_quantile *sketch, double part)
{
    uint64_t count = stream_quantile_count(sketch);
    if (count == 0) {
        return NAN;
    }
    uint64_t rank = (uint64_t)(part * (double)(count - 1));
    if (!sketch->is_sketch) {
        return sketch->exact[rank];
    }
    uint64_t below = side_count(&sketch->below);
    if (rank < below) {
        /* The lowest of all is the highest by absolute value. */
        return -side_at(&sketch->below, below - 1 - rank);
    }
    rank -= below;
    return rank < sketch->zeros ? 0 : side_at(&sketch->above, rank - sketch->zeros);
}

static hr_err side_merge(stream_quantile_side *into, const stream_quantile_side *from)
{
    if (from->used == 0) {
        return HR_OK;
    }
    hr_err err = side_cover(into, from->first, from->first + (int32_t)from->used - 1);
    for (uint32_t i = 0; err == HR_OK && i < from->used; i++) {
        if (from->counts[i] > 0) {
            err = side_add(into, from->first + (int32_t)i, from->counts[i]);
        }
    }
    return err;
}

hr_err stream_quantile_merge(stream_quantile *into, const stream_quantile *from)
{
    hr_err err = HR_OK;
    if (from->is_sketch && !into->is_sketch) {
        err = spill(into);
    }
    for (uint32_t i = 0; err == HR_OK && i < from->exact_count; i++) {
        err = stream_quantile_add(into, from->exact[i]);
    }
    if (err == HR_OK && from->is_sketch) {
        into->zeros += from->zeros;
        err = side_merge(&into->above, &from->above);
    }
    if (err == HR_OK && from->is_sketch) {
        err = side_merge(&into->below, &from->below);
    }
    return err;
}

size_t stream_quantile_bytes(const stream_quantile *sketch)
{
    return sizeof *sketch +
           (sketch->exact != NULL ? STREAM_QUANTILE_EXACT_MAX * sizeof *sketch->exact : 0) +
           (sketch->above.used + sketch->below.used) * sizeof(uint64_t);
}

static void side_write(const stream_quantile_side *side, hr_buf *out)
{
    hr_buf_put_u32(out, (uint32_t)side->first);
    hr_buf_put_u16(out, (uint16_t)side->used);
    for (uint32_t i = 0; i < side->used; i++) {
        hr_buf_put_u64(out, side->counts[i]);
    }
}

void stream_quantile_write(const stream_quantile *sketch, hr_buf *out)
{
    hr_buf_put_u8(out, sketch->is_sketch);
    if (!sketch->is_sketch) {
        hr_buf_put_u8(out, (uint8_t)sketch->exact_count);
        for (uint32_t i = 0; i < sketch->exact_count; i++) {
            stream_put_double(out, sketch->exact[i]);
        }
        return;
    }
    hr_buf_put_u64(out, sketch->zeros);
    side_write(&sketch->above, out);
    side_write(&sketch->below, out);
}

static hr_err side_read(stream_quantile_side *side, hr_cursor *in)
{
    int32_t first = (int32_t)hr_cursor_u32(in);
    uint16_t used = hr_cursor_u16(in);
    if (in->short_read || used > STREAM_QUANTILE_BUCKETS_MAX || hr_cursor_left(in) < used * 8u) {
        return HR_CORRUPT;
    }
    if (used == 0) {
        return HR_OK;
    }
    if (first < BUCKET_MIN || first > BUCKET_MAX) {
        return HR_CORRUPT;
    }
    hr_err err = side_cover(side, first, first + used - 1);
    for (uint32_t i = 0; err == HR_OK && i < used; i++) {
        side->counts[i] = hr_cursor_u64(in);
    }
    return err;
}

static hr_err read_exact(stream_quantile *sketch, hr_cursor *in)
{
    uint8_t count = hr_cursor_u8(in);
    double before = -INFINITY;
    if (count > STREAM_QUANTILE_EXACT_MAX) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        double value = stream_get_double(in);
        if (in->short_read || !isfinite(value) || value < before) {
            return HR_CORRUPT;
        }
        hr_err err = stream_quantile_add(sketch, value);
        if (err != HR_OK) {
            return err;
        }
        before = value;
    }
    return in->short_read ? HR_CORRUPT : HR_OK;
}

hr_err stream_quantile_read(stream_quantile *sketch, hr_cursor *in)
{
    uint8_t kind = hr_cursor_u8(in);
    if (kind > 1) {
        return HR_CORRUPT;
    }
    if (kind == 0) {
        return read_exact(sketch, in);
    }
    sketch->is_sketch = true;
    sketch->zeros = hr_cursor_u64(in);
    hr_err err = side_read(&sketch->above, in);
    return err == HR_OK ? side_read(&sketch->below, in) : err;
}
