/* geo/index_mask_avx2.h - vectors and choices among their lanes in AVX2: 8 lanes of 32 bits. */
#ifndef GEO_INDEX_MASK_AVX2_H
#define GEO_INDEX_MASK_AVX2_H

#include <immintrin.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANES 8
typedef __m256i lanes;
typedef __m256i lanes_mask; /* some of the lanes: all ones there, else zeros */

/* One bit per lane, and back. */
static inline uint32_t mask_bits(lanes_mask mask)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(mask));
}

static inline lanes_mask mask_none(void)
{
    return _mm256_setzero_si256();
}

static inline lanes_mask mask_and(lanes_mask a, lanes_mask b)
{
    return _mm256_and_si256(a, b);
}

/* a, but not b. */
static inline lanes_mask mask_without(lanes_mask a, lanes_mask b)
{
    return _mm256_andnot_si256(b, a);
}

static inline lanes_mask mask_or(lanes_mask a, lanes_mask b)
{
    return _mm256_or_si256(a, b);
}

static inline lanes_mask mask_xor(lanes_mask a, lanes_mask b)
{
    return _mm256_xor_si256(a, b);
}

static inline uint32_t mask_count(lanes_mask a)
{
    return (uint32_t)__builtin_popcount(mask_bits(a));
}

static inline bool mask_is_any(lanes_mask a)
{
    return !_mm256_testz_si256(a, a);
}

#endif
