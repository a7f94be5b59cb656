/* core/engine/history_chunk.c - columns of a track as Rice-coded residuals; see history_chunk.h. */
#include "history_chunk.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"

#define CHUNK_VERSION 1
#define HEAD_BYTES 5
#define COLUMNS 8
#define ORDERS 3
#define K_MAX 40
#define K_STILL 63 /* all residuals are zero */
#define UNARY_MAX 24
#define WIDTHS 65

static uint64_t zigzag(uint64_t value)
{
    return value << 1 ^ (0 - (value >> 63));
}

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

static unsigned width_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

static uint64_t get_column(const hr_fix *fix, unsigned column)
{
    switch (column) {
    case 0:
        return (uint64_t)fix->time_ms;
    case 1:
        return (uint64_t)(int64_t)fix->lon_e7;
    case 2:
        return (uint64_t)(int64_t)fix->lat_e7;
    case 3:
        return fix->accuracy_dm;
    case 4:
        return fix->speed_cm_s;
    case 5:
        return fix->heading_cdeg;
    case 6:
        return fix->battery_pct;
    default:
        return fix->flags;
    }
}

/* False: the value is none that the column can have. */
static bool set_column(hr_fix *fix, unsigned column, uint64_t value)
{
    int64_t place = (int64_t)value;
    switch (column) {
    case 0:
        fix->time_ms = place;
        return true;
    case 1:
        fix->lon_e7 = (int32_t)place;
        return place >= INT32_MIN && place <= INT32_MAX;
    case 2:
        fix->lat_e7 = (int32_t)place;
        return place >= INT32_MIN && place <= INT32_MAX;
    case 3:
        fix->accuracy_dm = (uint16_t)value;
        return value <= UINT16_MAX;
    case 4:
        fix->speed_cm_s = (uint16_t)value;
        return value <= UINT16_MAX;
    case 5:
        fix->heading_cdeg = (uint16_t)value;
        return value <= UINT16_MAX;
    case 6:
        fix->battery_pct = (uint8_t)value;
        return value <= UINT8_MAX;
    default:
        fix->flags = (uint8_t)value;
        return value <= UINT8_MAX;
    }
}

/* ---- bits out ---- */

typedef struct bit_writer {
    uint8_t *out;
    size_t size;
    uint64_t bits; /* fewer than 8 */
    unsigned count;
} bit_writer;

/* width <= 32 */
static void put_bits(bit_writer *w, uint64_t value, unsigned width)
{
    w->bits |= (value & ((UINT64_C(1) << width) - 1)) << w->count;
    w->count += width;
    while (w->count >= 8) {
        w->out[w->size++] = (uint8_t)w->bits;
        w->bits >>= 8;
        w->count -= 8;
    }
}

static void put_wide(bit_writer *w, uint64_t value, unsigned width)
{
    if (width > 32) {
        put_bits(w, value, 32);
        value >>= 32;
        width -= 32;
    }
    put_bits(w, value, width);
}

static void put_residual(bit_writer *w, uint64_t value, unsigned k)
{
    uint64_t high = value >> k;
    if (high < UNARY_MAX) {
        put_bits(w, (UINT64_C(1) << high) - 1, (unsigned)high + 1);
        put_wide(w, value, k);
        return;
    }
    unsigned width = width_of(value);
    put_bits(w, (UINT64_C(1) << UNARY_MAX) - 1, UNARY_MAX);
    put_bits(w, width - 1, 6);
    put_wide(w, value, width);
}

static void put_varint(bit_writer *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        w->out[w->size++] = (uint8_t)(value | 0x80);
    }
    w->out[w->size++] = (uint8_t)value;
}

/* ---- choosing ---- */

typedef struct column_plan {
    unsigned order;
    unsigned k;
    uint64_t base;
    uint64_t step; /* order 2 */
} column_plan;

/* What a plan leaves to be written: residuals of values[order] to values[count - 1]. */
static void make_residuals(const uint64_t *values, uint32_t count, const column_plan *plan,
                           uint64_t *residuals)
{
    switch (plan->order) {
    case 0:
        for (uint32_t i = 0; i < count; i++) {
            residuals[i] = values[i] - plan->base;
        }
        break;
    case 1:
        for (uint32_t i = 1; i < count; i++) {
            residuals[i - 1] = zigzag(values[i] - values[i - 1]);
        }
        break;
    default:
        for (uint32_t i = 2; i < count; i++) {
            residuals[i - 2] = zigzag(values[i] - 2 * values[i - 1] + values[i - 2]);
        }
        break;
    }
}

/* About how many bits a column takes with k, from how many residuals there are of each width from
 * low to high. */
static uint64_t cost_of(const uint32_t widths[WIDTHS], unsigned low, unsigned high, unsigned k)
{
    uint64_t bits = 0;
    for (unsigned width = low; width <= high; width++) {
        unsigned over = width > k ? width - k : 0;
        uint64_t each = over == 0  ? 1 + k
                        : over < 5 ? 1 + k + (UINT64_C(3) << over) / 4
                                   : UNARY_MAX + 6 + width;
        bits += widths[width] * each;
    }
    return bits;
}

static uint64_t choose_k(const uint64_t *residuals, uint32_t count, unsigned *k)
{
    uint32_t widths[WIDTHS] = {0};
    unsigned low = WIDTHS - 1;
    unsigned high = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned width = width_of(residuals[i]);
        widths[width]++;
        low = width < low ? width : low;
        high = width > high ? width : high;
    }
    *k = K_STILL;
    if (high == 0) {
        return 0;
    }
    uint64_t best = UINT64_MAX;
    low = low > 1 ? low - 1 : 0;
    for (unsigned each = low < K_MAX ? low : K_MAX; each <= high && each <= K_MAX; each++) {
        uint64_t cost = cost_of(widths, low, high, each);
        if (cost < best) {
            best = cost;
            *k = each;
        }
    }
    return best;
}

static bool is_still(const uint64_t *values, uint32_t count)
{
    uint64_t differs = 0;
    for (uint32_t i = 1; i < count; i++) {
        differs |= values[i] ^ values[0];
    }
    return differs == 0;
}

/* The order and k that take fewest bits; what a head's varints take is counted roughly. */
static column_plan plan_column(const uint64_t *values, uint32_t count)
{
    uint64_t residuals[HISTORY_CHUNK_FIXES_MAX];
    column_plan best = {.order = 1, .k = K_STILL, .base = values[0]};
    uint64_t best_cost = UINT64_MAX;
    int64_t least = (int64_t)values[0];
    if (is_still(values, count)) {
        return best;
    }
    for (uint32_t i = 1; i < count; i++) {
        least = (int64_t)values[i] < least ? (int64_t)values[i] : least;
    }
    for (unsigned order = 0; order < ORDERS; order++) {
        column_plan plan = {.order = order, .base = order == 0 ? (uint64_t)least : values[0]};
        if (order == 2) {
            plan.step = values[1] - values[0];
        }
        make_residuals(values, count, &plan, residuals);
        uint64_t cost = choose_k(residuals, count - order, &plan.k) + width_of(zigzag(plan.base)) +
                        width_of(zigzag(plan.step)) + (order == 2 ? 8 : 0);
        if (cost < best_cost) {
            best_cost = cost;
            best = plan;
        }
    }
    return best;
}

size_t history_chunk_write(const hr_fix *fixes, uint32_t count,
                           uint8_t out[HISTORY_CHUNK_BYTES_MAX])
{
    uint64_t values[COLUMNS][HISTORY_CHUNK_FIXES_MAX];
    uint64_t residuals[HISTORY_CHUNK_FIXES_MAX];
    column_plan plans[COLUMNS];
    bit_writer w = {.out = out, .size = HEAD_BYTES};
    assert(count >= 1 && count <= HISTORY_CHUNK_FIXES_MAX);
    put_varint(&w, count);
    for (unsigned c = 0; c < COLUMNS; c++) {
        for (uint32_t i = 0; i < count; i++) {
            values[c][i] = get_column(&fixes[i], c);
        }
        plans[c] = plan_column(values[c], count);
        out[w.size++] = (uint8_t)(plans[c].k | plans[c].order << 6);
        put_varint(&w, zigzag(plans[c].base));
        if (plans[c].order == 2) {
            put_varint(&w, zigzag(plans[c].step));
        }
    }
    for (unsigned c = 0; c < COLUMNS; c++) {
        if (plans[c].k == K_STILL) {
            continue;
        }
        make_residuals(values[c], count, &plans[c], residuals);
        for (uint32_t i = 0; i < count - plans[c].order; i++) {
            put_residual(&w, residuals[i], plans[c].k);
        }
    }
    put_bits(&w, 0, (8 - w.count) % 8);
    out[0] = CHUNK_VERSION;
    hr_store_u32(out + 1, hr_crc32c(0, out + HEAD_BYTES, w.size - HEAD_BYTES));
    return w.size;
}

/* ---- reading ---- */

typedef struct bit_reader {
    const uint8_t *bytes;
    size_t size;
    size_t at; /* next byte */
    uint64_t bits;
    unsigned count;
    bool is_short;
} bit_reader;

/* width <= 32 */
static uint64_t get_bits(bit_reader *r, unsigned width)
{
    while (r->count < width) {
        if (r->at == r->size) {
            r->is_short = true;
            return 0;
        }
        r->bits |= (uint64_t)r->bytes[r->at++] << r->count;
        r->count += 8;
    }
    uint64_t value = r->bits & ((UINT64_C(1) << width) - 1);
    r->bits >>= width;
    r->count -= width;
    return value;
}

static uint64_t get_wide(bit_reader *r, unsigned width)
{
    if (width <= 32) {
        return get_bits(r, width);
    }
    uint64_t low = get_bits(r, 32);
    return low | get_bits(r, width - 32) << 32;
}

static uint64_t get_residual(bit_reader *r, unsigned k)
{
    unsigned high = 0;
    while (high < UNARY_MAX && get_bits(r, 1) == 1) {
        high++;
    }
    if (high < UNARY_MAX) {
        return (uint64_t)high << k | get_wide(r, k);
    }
    unsigned width = (unsigned)get_bits(r, 6) + 1;
    return get_wide(r, width);
}

static uint64_t get_varint(bit_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->size; shift += 7) {
        uint8_t byte = r->bytes[r->at++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    r->is_short = true;
    return 0;
}

static bool read_plan(bit_reader *r, column_plan *plan)
{
    uint8_t code = r->at < r->size ? r->bytes[r->at++] : UINT8_MAX;
    plan->order = code >> 6;
    plan->k = code & 0x3f;
    plan->base = unzigzag(get_varint(r));
    plan->step = plan->order == 2 ? unzigzag(get_varint(r)) : 0;
    return plan->order < ORDERS && (plan->k <= K_MAX || plan->k == K_STILL) && !r->is_short;
}

static bool read_column(bit_reader *r, const column_plan *plan, unsigned column, hr_fix *fixes,
                        uint32_t count)
{
    uint64_t before = plan->base;
    uint64_t last = plan->base;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = plan->base + (i == 1 ? plan->step : 0);
        if (i >= plan->order) {
            uint64_t residual = plan->k == K_STILL ? 0 : get_residual(r, plan->k);
            value = plan->order == 0   ? plan->base + residual
                    : plan->order == 1 ? last + unzigzag(residual)
                                       : 2 * last - before + unzigzag(residual);
        }
        if (!set_column(&fixes[i], column, value)) {
            return false;
        }
        before = last;
        last = value;
    }
    return !r->is_short;
}

hr_err history_chunk_read(const uint8_t *bytes, size_t size, uint64_t device,
                          hr_fix fixes[HISTORY_CHUNK_FIXES_MAX], uint32_t *count)
{
    column_plan plans[COLUMNS];
    if (size < HEAD_BYTES || bytes[0] == 0) {
        return HR_CORRUPT;
    }
    if (bytes[0] > CHUNK_VERSION) {
        return HR_TOO_NEW;
    }
    if (hr_load_u32(bytes + 1) != hr_crc32c(0, bytes + HEAD_BYTES, size - HEAD_BYTES)) {
        return HR_CORRUPT;
    }
    bit_reader r = {.bytes = bytes, .size = size, .at = HEAD_BYTES};
    uint64_t found = get_varint(&r);
    if (found == 0 || found > HISTORY_CHUNK_FIXES_MAX) {
        return HR_CORRUPT;
    }
    for (unsigned c = 0; c < COLUMNS; c++) {
        if (!read_plan(&r, &plans[c])) {
            return HR_CORRUPT;
        }
    }
    for (uint32_t i = 0; i < found; i++) {
        fixes[i].device = device;
    }
    for (unsigned c = 0; c < COLUMNS; c++) {
        if (!read_column(&r, &plans[c], c, fixes, (uint32_t)found)) {
            return HR_CORRUPT;
        }
    }
    if (r.at != r.size || r.bits != 0) {
        return HR_CORRUPT; /* more than its own bytes */
    }
    *count = (uint32_t)found;
    return HR_OK;
}
