/* geo/index_simd_neon.h - the words of index_vector.c in NEON: 4 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_NEON_H
#define GEO_INDEX_SIMD_NEON_H

#include <arm_neon.h>

#include <stdint.h>

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

#endif
