/* geo/index_simd_avx2.h - the words of index_vector.c in AVX2: 8 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_AVX2_H
#define GEO_INDEX_SIMD_AVX2_H

#include <immintrin.h>

#include <stdint.h>

#define LANES 8
typedef __m256i lanes;

static inline lanes lanes_all(uint32_t value)
{
    return _mm256_set1_epi32((int)value);
}

static inline lanes lanes_iota(void)
{
    return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}

static inline lanes lanes_load(const uint32_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

static inline void lanes_store(uint32_t *to, lanes a)
{
    _mm256_storeu_si256((__m256i *)to, a);
}

static inline void lanes_load_pairs(const void *from, lanes *firsts, lanes *seconds)
{
    const lanes order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    lanes a = _mm256_permutevar8x32_epi32(lanes_load(from), order);
    lanes b = _mm256_permutevar8x32_epi32(lanes_load((const uint32_t *)from + 8), order);
    *firsts = _mm256_permute2x128_si256(a, b, 0x20);
    *seconds = _mm256_permute2x128_si256(a, b, 0x31);
}

static inline void lanes_store_pairs(void *to, lanes firsts, lanes seconds)
{
    lanes low = _mm256_unpacklo_epi32(firsts, seconds);
    lanes high = _mm256_unpackhi_epi32(firsts, seconds);
    lanes_store(to, _mm256_permute2x128_si256(low, high, 0x20));
    lanes_store((uint32_t *)to + 8, _mm256_permute2x128_si256(low, high, 0x31));
}

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

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    return _mm256_i32gather_epi32((const int *)base, places, 4);
}

static inline uint32_t lanes_bits(lanes a)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(a));
}

static inline uint32_t lanes_equal(lanes a, lanes b)
{
    return lanes_bits(_mm256_cmpeq_epi32(a, b));
}

/* Bits to lanes of all ones or none. */
static inline lanes lanes_of_bits(uint32_t bits)
{
    const lanes own = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(lanes_all(bits), own), own);
}

static inline lanes lanes_choose(uint32_t bits, lanes a, lanes b)
{
    return _mm256_blendv_epi8(b, a, lanes_of_bits(bits));
}

static inline lanes lanes_pack(lanes a, uint32_t bits)
{
    /* The numbers 0 to 7 as bytes, those with a set bit moved together. */
    uint64_t keep = _pdep_u64(bits, 0x0101010101010101u) * 0xff;
    uint64_t order = _pext_u64(0x0706050403020100u, keep);
    return _mm256_permutevar8x32_epi32(a,
                                       _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)order)));
}

#endif
