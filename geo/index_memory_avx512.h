/* geo/index_memory_avx512.h - how vectors are read and written in AVX-512: 16 lanes of 32 bits. */
#ifndef GEO_INDEX_MEMORY_AVX512_H
#define GEO_INDEX_MEMORY_AVX512_H

#include "index_mask_avx512.h"

static inline lanes lanes_all(uint32_t value)
{
    return _mm512_set1_epi32((int)value);
}

static inline lanes lanes_iota(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Write the numbers of some lanes, the first of which is `first`, as bytes; 16 bytes are written.
 */
static inline void lanes_store_numbers(uint8_t *to, lanes_mask some, uint32_t first)
{
    const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i numbers = _mm_add_epi8(iota, _mm_set1_epi8((char)first));
    _mm_storeu_si128((__m128i *)to, _mm_maskz_compress_epi8(some, numbers));
}

/* Read them again; what is read beyond them becomes 0. */
static inline lanes lanes_load_numbers(const uint8_t *from, lanes_mask valid)
{
    return _mm512_maskz_cvtepu8_epi32(valid, _mm_loadu_si128((const __m128i *)from));
}

static inline lanes lanes_load(const uint32_t *from)
{
    return _mm512_loadu_si512(from);
}

static inline void lanes_store(uint32_t *to, lanes a)
{
    _mm512_storeu_si512(to, a);
}

/* Split pairs of 32 bits: the first halves and the second halves. */
static inline void lanes_load_pairs(const void *from, lanes *firsts, lanes *seconds)
{
    const lanes even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const lanes odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    lanes a = _mm512_loadu_si512(from);
    lanes b = _mm512_loadu_si512((const uint8_t *)from + 64);
    *firsts = _mm512_permutex2var_epi32(a, even, b);
    *seconds = _mm512_permutex2var_epi32(a, odd, b);
}

/* Join pairs again; all of them are written. */
static inline void lanes_store_pairs(void *to, lanes firsts, lanes seconds)
{
    const lanes low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const lanes high =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    _mm512_storeu_si512(to, _mm512_permutex2var_epi32(firsts, low, seconds));
    _mm512_storeu_si512((uint8_t *)to + 64, _mm512_permutex2var_epi32(firsts, high, seconds));
}

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    return _mm512_i32gather_epi32(places, base, 4);
}

/* Nothing is read for the other lanes, which are those of `otherwise`. */
static inline lanes lanes_gather_some(lanes_mask some, lanes otherwise, const uint32_t *base,
                                      lanes places)
{
    return _mm512_mask_i32gather_epi32(otherwise, some, places, base, 4);
}

#endif
