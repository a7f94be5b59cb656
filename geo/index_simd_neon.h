/* geo/index_simd_neon.h - the words of index_vector.c in NEON: 4 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_NEON_H
#define GEO_INDEX_SIMD_NEON_H

#include "index_memory_neon.h"

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

static inline lanes_mask lanes_equal(lanes a, lanes b)
{
    return vceqq_u32(a, b);
}

/* Numbers with a sign. */
static inline lanes_mask lanes_greater(lanes a, lanes b)
{
    return vcgtq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b));
}

/* a in some lanes, else b. */
static inline lanes lanes_choose(lanes_mask some, lanes a, lanes b)
{
    return vbslq_u32(some, a, b);
}

static inline lanes lanes_or_some(lanes_mask some, lanes a, lanes b)
{
    return vorrq_u32(a, vandq_u32(b, some));
}

static inline lanes lanes_negate_some(lanes_mask some, lanes a)
{
    return vsubq_u32(veorq_u32(a, some), some);
}

/* Is the number of ones odd? In the lowest bit; the others are of no use. */
static inline lanes lanes_parity(lanes a)
{
    return vpaddlq_u16(vpaddlq_u8(vcntq_u8(vreinterpretq_u8_u32(a))));
}

/* Each lane as two numbers of 16 bits: the sum of both products. */
static inline lanes lanes_multiply_pairs(lanes a, lanes b)
{
    const int16x8_t x = vreinterpretq_s16_u32(a);
    const int16x8_t y = vreinterpretq_s16_u32(b);
    return vreinterpretq_u32_s32(
        vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}

/* Each lane as two numbers of 16 bits, the lower one x and the upper one y: y and -x. */
static inline lanes lanes_turn_pairs(lanes a)
{
    const lanes turned = vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(a)));
    const lanes upper = vdupq_n_u32(0xffff0000u);
    const int16x8_t negated = vnegq_s16(vreinterpretq_s16_u32(turned));
    return vbslq_u32(upper, vreinterpretq_u32_s16(negated), turned);
}

/* a * b > c * d in 64 bits, or equal; the difference fits. */
static inline lanes_mask lanes_product_greater(lanes a, lanes b, lanes c, lanes d,
                                               lanes_mask *equal)
{
    const int32x4_t e = vreinterpretq_s32_u32(a);
    const int32x4_t f = vreinterpretq_s32_u32(b);
    const int32x4_t g = vreinterpretq_s32_u32(c);
    const int32x4_t h = vreinterpretq_s32_u32(d);
    const int64x2_t low = vsubq_s64(vmull_s32(vget_low_s32(e), vget_low_s32(f)),
                                    vmull_s32(vget_low_s32(g), vget_low_s32(h)));
    const int64x2_t high = vsubq_s64(vmull_high_s32(e, f), vmull_high_s32(g, h));
    *equal = vcombine_u32(vmovn_u64(vceqzq_s64(low)), vmovn_u64(vceqzq_s64(high)));
    return vcombine_u32(vmovn_u64(vcgtzq_s64(low)), vmovn_u64(vcgtzq_s64(high)));
}

/* Some of the lanes, moved together. */
static inline lanes lanes_pack(lanes a, lanes_mask some)
{
    const uint32_t bits = mask_bits(some);
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
