/* geo/index_simd_avx512.h - the words of index_vector.c in AVX-512: 16 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_AVX512_H
#define GEO_INDEX_SIMD_AVX512_H

#include "index_memory_avx512.h"

static inline lanes lanes_and(lanes a, lanes b)
{
    return _mm512_and_si512(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return _mm512_or_si512(a, b);
}

static inline lanes lanes_xor(lanes a, lanes b)
{
    return _mm512_xor_si512(a, b);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_epi32(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm512_sub_epi32(a, b);
}

/* Shifts of all lanes by one count, and of every lane by its own. */
#define lanes_left(a, count) _mm512_slli_epi32((a), (count))
#define lanes_right(a, count) _mm512_srli_epi32((a), (count))

static inline lanes lanes_left_by(lanes a, lanes counts)
{
    return _mm512_sllv_epi32(a, counts);
}

static inline lanes lanes_right_by(lanes a, lanes counts)
{
    return _mm512_srlv_epi32(a, counts);
}

static inline lanes_mask lanes_equal(lanes a, lanes b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}

/* Numbers with a sign. */
static inline lanes_mask lanes_greater(lanes a, lanes b)
{
    return _mm512_cmpgt_epi32_mask(a, b);
}

/* a in some lanes, else b. */
static inline lanes lanes_choose(lanes_mask some, lanes a, lanes b)
{
    return _mm512_mask_blend_epi32(some, b, a);
}

static inline lanes lanes_or_some(lanes_mask some, lanes a, lanes b)
{
    return _mm512_mask_or_epi32(a, some, a, b);
}

static inline lanes lanes_negate_some(lanes_mask some, lanes a)
{
    return _mm512_mask_sub_epi32(a, some, _mm512_setzero_si512(), a);
}

/* Some of the lanes, moved together. */
static inline lanes lanes_pack(lanes a, lanes_mask some)
{
    return _mm512_maskz_compress_epi32(some, a);
}

/* Is the number of ones odd? In the lowest bit; the others are of no use. */
static inline lanes lanes_parity(lanes a)
{
    return _mm512_popcnt_epi32(a);
}

/* Each lane as two numbers of 16 bits: the sum of both products. */
static inline lanes lanes_multiply_pairs(lanes a, lanes b)
{
    return _mm512_madd_epi16(a, b);
}

/* Each lane as two numbers of 16 bits, the lower one x and the upper one y: y and -x. */
static inline lanes lanes_turn_pairs(lanes a)
{
    const lanes turned = _mm512_rol_epi32(a, 16);
    return _mm512_mask_sub_epi16(turned, 0xaaaaaaaau, _mm512_setzero_si512(), turned);
}

/* a * b > c * d in 64 bits, or equal; the difference fits. */
static inline lanes_mask lanes_product_greater(lanes a, lanes b, lanes c, lanes d,
                                               lanes_mask *equal)
{
    const lanes even = _mm512_sub_epi64(_mm512_mul_epi32(a, b), _mm512_mul_epi32(c, d));
    const lanes odd =
        _mm512_sub_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)),
                         _mm512_mul_epi32(_mm512_srli_epi64(c, 32), _mm512_srli_epi64(d, 32)));
    /* The sign of a difference is that of its upper half. */
    const lanes upper = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    const lanes lower = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
    const lanes zero = _mm512_setzero_si512();
    *equal = _mm512_cmpeq_epi32_mask(_mm512_or_si512(upper, lower), zero);
    return _kandn_mask16(*equal, _mm512_cmpge_epi32_mask(upper, zero));
}

#endif
