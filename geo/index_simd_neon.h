/* geo/index_simd_neon.h - the words of index_vector.c in NEON: 4 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_NEON_H
#define GEO_INDEX_SIMD_NEON_H

#include <arm_neon.h>

#include "index_layout.h"

#define LANES 4
typedef uint32x4_t lanes;

static inline lanes lanes_all(uint32_t value)
{
    return vdupq_n_u32(value);
}

static inline lanes lanes_iota(void)
{
    const uint32_t numbers[4] = {0, 1, 2, 3};
    return vld1q_u32(numbers);
}

static inline lanes lanes_load(const uint32_t *from)
{
    return vld1q_u32(from);
}

static inline void lanes_store(uint32_t *to, lanes a)
{
    vst1q_u32(to, a);
}

static inline void lanes_load_pairs(const void *from, lanes *firsts, lanes *seconds)
{
    uint32x4x2_t pairs = vld2q_u32(from);
    *firsts = pairs.val[0];
    *seconds = pairs.val[1];
}

static inline void lanes_store_pairs(void *to, lanes firsts, lanes seconds)
{
    uint32x4x2_t pairs = {{firsts, seconds}};
    vst2q_u32(to, pairs);
}

static inline lanes lanes_and(lanes a, lanes b)
{
    return vandq_u32(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return vorrq_u32(a, b);
}

static inline lanes lanes_xor(lanes a, lanes b)
{
    return veorq_u32(a, b);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return vaddq_u32(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return vsubq_u32(a, b);
}

#define lanes_left(a, count) vshlq_n_u32((a), (count))
#define lanes_right(a, count) vshrq_n_u32((a), (count))

static inline lanes lanes_left_by(lanes a, lanes counts)
{
    return vshlq_u32(a, vreinterpretq_s32_u32(counts));
}

static inline lanes lanes_right_by(lanes a, lanes counts)
{
    return vshlq_u32(a, vnegq_s32(vreinterpretq_s32_u32(counts)));
}

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    lanes a = vdupq_n_u32(base[vgetq_lane_u32(places, 0)]);
    a = vsetq_lane_u32(base[vgetq_lane_u32(places, 1)], a, 1);
    a = vsetq_lane_u32(base[vgetq_lane_u32(places, 2)], a, 2);
    return vsetq_lane_u32(base[vgetq_lane_u32(places, 3)], a, 3);
}

static inline lanes lane_bit(void)
{
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vld1q_u32(bits);
}

static inline uint32_t lanes_bits(lanes a)
{
    return vaddvq_u32(vandq_u32(a, lane_bit()));
}

static inline uint32_t lanes_equal(lanes a, lanes b)
{
    return lanes_bits(vceqq_u32(a, b));
}

static inline lanes lanes_choose(uint32_t bits, lanes a, lanes b)
{
    return vbslq_u32(vtstq_u32(vdupq_n_u32(bits), lane_bit()), a, b);
}

static inline lanes lanes_pack(lanes a, uint32_t bits)
{
    uint32_t from[4];
    uint32_t to[8] = {0};
    unsigned n = 0;
    vst1q_u32(from, a);
    for (unsigned i = 0; i < 4; i++) {
        to[n] = from[i];
        n += bits >> i & 1;
    }
    return vld1q_u32(to);
}

/* The bits of four edges from vertex i on; room is a multiple of 4, so that the own vertices are
 * there, and what is read of the successors beyond them lies in the record and is masked. */
static inline void simd_edges(const index_narrow *record, int32_t px, int32_t py, uint32_t *crossed,
                              uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    const int32x4_t qx = vdupq_n_s32(px);
    const int32x4_t qy = vdupq_n_s32(py);
    *crossed = 0;
    *on_line = 0;
    for (unsigned i = 0; i + 1 < record->vertex_count; i += 4) {
        int32x4_t ax = vmovl_s16(vld1_s16(x + i));
        int32x4_t ay = vmovl_s16(vld1_s16(y + i));
        int32x4_t bx = vmovl_s16(vld1_s16(x + i + 1));
        int32x4_t by = vmovl_s16(vld1_s16(y + i + 1));
        int32x4_t cross = vsubq_s32(vmulq_s32(vsubq_s32(bx, ax), vsubq_s32(qy, ay)),
                                    vmulq_s32(vsubq_s32(qx, ax), vsubq_s32(by, ay)));
        lanes a_above = vcgtq_s32(ay, qy);
        lanes b_above = vcgtq_s32(by, qy);
        lanes zero = vceqzq_s32(cross);
        lanes hit = vandq_u32(veorq_u32(a_above, b_above), veorq_u32(vcgtzq_s32(cross), b_above));
        *crossed |= lanes_bits(vbicq_u32(hit, zero)) << i;
        *on_line |= lanes_bits(zero) << i;
    }
    const uint32_t edges = (uint32_t)((1ull << (record->vertex_count - 1)) - 1);
    *crossed &= edges;
    *on_line &= edges;
}

#define simd_long_edges index_long_edges

static inline size_t simd_hits(const index_narrow *record, const uint32_t *ids, uint32_t crossed,
                               uint32_t point, geo_hit *hits)
{
    return index_narrow_hits(record, ids, crossed, 0, point, hits);
}

#endif
