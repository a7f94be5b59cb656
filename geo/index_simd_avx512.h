/* geo/index_simd_avx512.h - the words of index_vector.c in AVX-512: 16 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_AVX512_H
#define GEO_INDEX_SIMD_AVX512_H

#include <immintrin.h>

#include <stdint.h>

#define LANES 16
typedef __m512i lanes;

/* A mask as a number. What looks like a plain conversion is not safe: gcc 12 may keep a mask's 16
 * bits in memory and read 32 of them back, so that whatever lies behind becomes the upper half. An
 * instruction of our own leaves it no such choice. */
static inline uint32_t mask_bits(__mmask16 mask)
{
    uint32_t bits;
    __asm__("kmovw %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

static inline uint32_t mask8_bits(__mmask8 mask)
{
    uint32_t bits;
    __asm__("kmovb %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

static inline lanes lanes_all(uint32_t value)
{
    return _mm512_set1_epi32((int)value);
}

static inline lanes lanes_iota(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
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

static inline lanes lanes_gather(const uint32_t *base, lanes places)
{
    return _mm512_i32gather_epi32(places, base, 4);
}

/* One bit per lane. */
static inline uint32_t lanes_equal(lanes a, lanes b)
{
    return mask_bits(_mm512_cmpeq_epi32_mask(a, b));
}

/* a where the bit is set, else b. */
static inline lanes lanes_choose(uint32_t bits, lanes a, lanes b)
{
    return _mm512_mask_blend_epi32((__mmask16)bits, b, a);
}

/* The lanes whose bit is set, moved together. */
static inline lanes lanes_pack(lanes a, uint32_t bits)
{
    return _mm512_maskz_compress_epi32((__mmask16)bits, a);
}

#endif
