/* geo/index_mask_avx512.h - vectors and choices among their lanes in AVX-512: 16 lanes of 32 bits.
 */
#ifndef GEO_INDEX_MASK_AVX512_H
#define GEO_INDEX_MASK_AVX512_H

#include <immintrin.h>

#include <stdbool.h>
#include <stdint.h>

#define LANES 16
typedef __m512i lanes;
typedef __mmask16 lanes_mask; /* some of the lanes */

/* A mask as a number. What looks like a plain conversion is not safe: gcc 12 may keep a mask's 16
 * bits in memory and read 32 of them back, so that whatever lies behind becomes the upper half. An
 * instruction of our own leaves it no such choice. */
static inline uint32_t mask_bits(lanes_mask mask)
{
    uint32_t bits;
    __asm__("kmovw %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

static inline lanes_mask mask_none(void)
{
    return 0;
}

static inline lanes_mask mask_and(lanes_mask a, lanes_mask b)
{
    return _kand_mask16(a, b);
}

/* a, but not b. */
static inline lanes_mask mask_without(lanes_mask a, lanes_mask b)
{
    return _kandn_mask16(b, a);
}

static inline lanes_mask mask_or(lanes_mask a, lanes_mask b)
{
    return _kor_mask16(a, b);
}

static inline lanes_mask mask_xor(lanes_mask a, lanes_mask b)
{
    return _kxor_mask16(a, b);
}

static inline uint32_t mask_count(lanes_mask a)
{
    return (uint32_t)__builtin_popcount(mask_bits(a));
}

static inline bool mask_is_any(lanes_mask a)
{
    return mask_bits(a) != 0;
}

#endif
