/* geo/index_simd_avx2.h - the words of index_vector.c in AVX2: 8 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_AVX2_H
#define GEO_INDEX_SIMD_AVX2_H

#include "index_memory_avx2.h"

static inline lanes lanes_and(lanes a, lanes b)
{
    return _mm256_and_si256(a, b);
}

static inline lanes lanes_or(lanes a, lanes b)
{
    return _mm256_or_si256(a, b);
}

static inline lanes lanes_xor(lanes a, lanes b)
{
    return _mm256_xor_si256(a, b);
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm256_add_epi32(a, b);
}

static inline lanes lanes_sub(lanes a, lanes b)
{
    return _mm256_sub_epi32(a, b);
}

#define lanes_left(a, count) _mm256_slli_epi32((a), (count))
#define lanes_right(a, count) _mm256_srli_epi32((a), (count))

static inline lanes lanes_left_by(lanes a, lanes counts)
{
    return _mm256_sllv_epi32(a, counts);
}

static inline lanes lanes_right_by(lanes a, lanes counts)
{
    return _mm256_srlv_epi32(a, counts);
}

static inline lanes_mask lanes_equal(lanes a, lanes b)
{
    return _mm256_cmpeq_epi32(a, b);
}

/* Numbers with a sign. */
static inline lanes_mask lanes_greater(lanes a, lanes b)
{
    return _mm256_cmpgt_epi32(a, b);
}

/* a in some lanes, else b. */
static inline lanes lanes_choose(lanes_mask some, lanes a, lanes b)
{
    return _mm256_blendv_epi8(b, a, some);
}

static inline lanes lanes_or_some(lanes_mask some, lanes a, lanes b)
{
    return _mm256_or_si256(a, _mm256_and_si256(b, some));
}

static inline lanes lanes_negate_some(lanes_mask some, lanes a)
{
    return _mm256_sub_epi32(_mm256_xor_si256(a, some), some);
}

/* Some of the lanes, moved together. */
static inline lanes lanes_pack(lanes a, lanes_mask some)
{
    /* The numbers 0 to 7 as bytes, those of the lanes moved together. */
    uint64_t keep = _pdep_u64(mask_bits(some), 0x0101010101010101u) * 0xff;
    uint64_t order = _pext_u64(0x0706050403020100u, keep);
    return _mm256_permutevar8x32_epi32(a,
                                       _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)order)));
}

/* Is the number of ones odd? In the lowest bit; the others are of no use. */
static inline lanes lanes_parity(lanes a)
{
    a = _mm256_xor_si256(a, _mm256_srli_epi32(a, 16));
    a = _mm256_xor_si256(a, _mm256_srli_epi32(a, 8));
    a = _mm256_xor_si256(a, _mm256_srli_epi32(a, 4));
    a = _mm256_xor_si256(a, _mm256_srli_epi32(a, 2));
    return _mm256_xor_si256(a, _mm256_srli_epi32(a, 1));
}

/* Each lane as two numbers of 16 bits: the sum of both products. */
static inline lanes lanes_multiply_pairs(lanes a, lanes b)
{
    return _mm256_madd_epi16(a, b);
}

/* Each lane as two numbers of 16 bits, the lower one x and the upper one y: y and -x. */
static inline lanes lanes_turn_pairs(lanes a)
{
    const lanes signs = _mm256_set1_epi32((int)0xffff0001);
    const lanes turned = _mm256_or_si256(_mm256_slli_epi32(a, 16), _mm256_srli_epi32(a, 16));
    return _mm256_sign_epi16(turned, signs);
}

/* a * b > c * d in 64 bits, or equal; the difference fits. */
static inline lanes_mask lanes_product_greater(lanes a, lanes b, lanes c, lanes d,
                                               lanes_mask *equal)
{
    const lanes zero = _mm256_setzero_si256();
    const lanes even = _mm256_sub_epi64(_mm256_mul_epi32(a, b), _mm256_mul_epi32(c, d));
    const lanes odd =
        _mm256_sub_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)),
                         _mm256_mul_epi32(_mm256_srli_epi64(c, 32), _mm256_srli_epi64(d, 32)));
    *equal =
        _mm256_blend_epi32(_mm256_cmpeq_epi64(even, zero), _mm256_cmpeq_epi64(odd, zero), 0xaa);
    return _mm256_blend_epi32(_mm256_cmpgt_epi64(even, zero), _mm256_cmpgt_epi64(odd, zero), 0xaa);
}

#endif
