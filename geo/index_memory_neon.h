/* geo/index_memory_neon.h - how vectors are read and written in NEON: 4 lanes of 32 bits. */
#ifndef GEO_INDEX_MEMORY_NEON_H
#define GEO_INDEX_MEMORY_NEON_H

#include "index_mask_neon.h"

static inline lanes lanes_all(uint32_t value)
{
    return vdupq_n_u32(value);
}

static inline lanes lanes_iota(void)
{
    const uint32_t numbers[4] = {0, 1, 2, 3};
    return vld1q_u32(numbers);
}

/* Write the numbers of some lanes, the first of which is `first`, as bytes; 4 bytes are written. */
static inline void lanes_store_numbers(uint8_t *to, lanes_mask some, uint32_t first)
{
    const uint32_t bits = mask_bits(some);
    uint8_t numbers[8];
    unsigned n = 0;
    for (unsigned i = 0; i < 4; i++) {
        numbers[n] = (uint8_t)(first + i);
        n += bits >> i & 1;
    }
    memcpy(to, numbers, 4);
}

/* Read them again; what is read beyond them becomes 0. */
static inline lanes lanes_load_numbers(const uint8_t *from, lanes_mask valid)
{
    uint32_t numbers;
    memcpy(&numbers, from, sizeof numbers);
    const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(numbers));
    return vandq_u32(valid, vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
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

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    lanes a = vdupq_n_u32(base[vgetq_lane_u32(places, 0)]);
    a = vsetq_lane_u32(base[vgetq_lane_u32(places, 1)], a, 1);
    a = vsetq_lane_u32(base[vgetq_lane_u32(places, 2)], a, 2);
    return vsetq_lane_u32(base[vgetq_lane_u32(places, 3)], a, 3);
}

/* Nothing is read for the other lanes, which are those of `otherwise`. */
static inline lanes lanes_gather_some(lanes_mask some, lanes otherwise, const uint32_t *base,
                                      lanes places)
{
    /* The first word of the arena is always there to be read. */
    return vbslq_u32(some, lanes_gather(base, vandq_u32(places, some)), otherwise);
}

#endif
