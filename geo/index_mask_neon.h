/* geo/index_mask_neon.h - vectors and choices among their lanes in NEON: 4 lanes of 32 bits. */
#ifndef GEO_INDEX_MASK_NEON_H
#define GEO_INDEX_MASK_NEON_H

#include <arm_neon.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANES 4
typedef uint32x4_t lanes;
typedef uint32x4_t lanes_mask; /* some of the lanes: all ones there, else zeros */

/* One bit per lane. */
static inline uint32_t mask_bits(lanes_mask mask)
{
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(mask, vld1q_u32(bits)));
}

static inline lanes_mask mask_none(void)
{
    return vdupq_n_u32(0);
}

static inline lanes_mask mask_and(lanes_mask a, lanes_mask b)
{
    return vandq_u32(a, b);
}

/* a, but not b. */
static inline lanes_mask mask_without(lanes_mask a, lanes_mask b)
{
    return vbicq_u32(a, b);
}

static inline lanes_mask mask_or(lanes_mask a, lanes_mask b)
{
    return vorrq_u32(a, b);
}

static inline lanes_mask mask_xor(lanes_mask a, lanes_mask b)
{
    return veorq_u32(a, b);
}

static inline uint32_t mask_count(lanes_mask a)
{
    return vaddvq_u32(vshrq_n_u32(a, 31));
}

static inline bool mask_is_any(lanes_mask a)
{
    return vmaxvq_u32(a) != 0;
}

#endif
