/* geo/index_memory_avx2.h - how vectors are read and written in AVX2: 8 lanes of 32 bits. */
#ifndef GEO_INDEX_MEMORY_AVX2_H
#define GEO_INDEX_MEMORY_AVX2_H

#include "index_mask_avx2.h"

static inline lanes lanes_all(uint32_t value)
{
    return _mm256_set1_epi32((int)value);
}

static inline lanes lanes_iota(void)
{
    return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}

/* Write the numbers of some lanes, the first of which is `first`, as bytes; 8 bytes are written. */
static inline void lanes_store_numbers(uint8_t *to, lanes_mask some, uint32_t first)
{
    const uint64_t keep = _pdep_u64(mask_bits(some), 0x0101010101010101u) * 0xff;
    const uint64_t numbers = 0x0706050403020100u + first * 0x0101010101010101u;
    const uint64_t packed = _pext_u64(numbers, keep);
    memcpy(to, &packed, sizeof packed);
}

/* Read them again; what is read beyond them becomes 0. */
static inline lanes lanes_load_numbers(const uint8_t *from, lanes_mask valid)
{
    return _mm256_and_si256(valid, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
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

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    return _mm256_i32gather_epi32((const int *)base, places, 4);
}

/* Nothing is read for the other lanes, which are those of `otherwise`. */
static inline lanes lanes_gather_some(lanes_mask some, lanes otherwise, const uint32_t *base,
                                      lanes places)
{
    return _mm256_mask_i32gather_epi32(otherwise, (const int *)base, places, some, 4);
}

#endif
