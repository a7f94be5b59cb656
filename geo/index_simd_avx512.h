/* geo/index_simd_avx512.h - the words of index_vector.c in AVX-512: 16 lanes of 32 bits. */
#ifndef GEO_INDEX_SIMD_AVX512_H
#define GEO_INDEX_SIMD_AVX512_H

#include <immintrin.h>

#include "index_layout.h"

#define LANES 16
typedef __m512i lanes;

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
    return _mm512_cmpeq_epi32_mask(a, b);
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

/* The bits of index_narrow_edges(). Loads are masked, so that nothing beyond the record is read. */
static inline void simd_edges(const index_narrow *record, int32_t px, int32_t py, uint32_t *crossed,
                              uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    const lanes qx = lanes_all((uint32_t)px);
    const lanes qy = lanes_all((uint32_t)py);
    const uint32_t edges = (uint32_t)((1ull << (record->vertex_count - 1)) - 1);
    *crossed = 0;
    *on_line = 0;
    for (unsigned i = 0; i + 1 < record->vertex_count; i += 16) {
        const __mmask16 m = (__mmask16)(edges >> i);
        lanes ax = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(m, x + i));
        lanes ay = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(m, y + i));
        lanes bx = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(m, x + i + 1));
        lanes by = _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(m, y + i + 1));
        lanes left = _mm512_mullo_epi32(lanes_sub(bx, ax), lanes_sub(qy, ay));
        lanes right = _mm512_mullo_epi32(lanes_sub(qx, ax), lanes_sub(by, ay));
        uint32_t a_above = _mm512_cmpgt_epi32_mask(ay, qy);
        uint32_t b_above = _mm512_cmpgt_epi32_mask(by, qy);
        uint32_t less = _mm512_cmplt_epi32_mask(left, right);
        uint32_t equal = _mm512_mask_cmpeq_epi32_mask(m, left, right);
        *crossed |= ((b_above & ~a_above & less) | (a_above & ~b_above & ~less & ~equal)) << i;
        *on_line |= equal << i;
    }
}

/* The bits of index_long_edges(), eight edges at a time. */
static inline void simd_long_edges(const index_narrow *record, int32_t px, int32_t py,
                                   uint32_t *crossed, uint32_t *on_line)
{
    const int32_t *x = (const int32_t *)record->coords;
    const int32_t *y = x + record->vertex_room;
    const lanes qx = _mm512_set1_epi64(px);
    const lanes qy = _mm512_set1_epi64(py);
    const uint32_t edges = (uint32_t)((1ull << (record->vertex_count - 1)) - 1);
    *crossed = 0;
    *on_line = 0;
    for (unsigned i = 0; i + 1 < record->vertex_count; i += 8) {
        const __mmask8 m = (__mmask8)(edges >> i);
        lanes ax = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(m, x + i));
        lanes ay = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(m, y + i));
        lanes bx = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(m, x + i + 1));
        lanes by = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(m, y + i + 1));
        lanes left = _mm512_mul_epi32(_mm512_sub_epi64(bx, ax), _mm512_sub_epi64(qy, ay));
        lanes right = _mm512_mul_epi32(_mm512_sub_epi64(qx, ax), _mm512_sub_epi64(by, ay));
        uint32_t a_above = _mm512_cmpgt_epi64_mask(ay, qy);
        uint32_t b_above = _mm512_cmpgt_epi64_mask(by, qy);
        uint32_t more = _mm512_cmpgt_epi64_mask(left, right);
        uint32_t equal = _mm512_mask_cmpeq_epi64_mask(m, left, right);
        *crossed |= ((a_above ^ b_above) & (more ^ b_above) & ~equal) << i;
        *on_line |= equal << i;
    }
}

/* The hits of index_narrow_hits() when the point is on no edge; writes up to 8 too many. */
static inline size_t simd_hits(const index_narrow *record, const uint32_t *ids, uint32_t crossed,
                               uint32_t point, geo_hit *hits)
{
    const unsigned count = (unsigned)record->entry_count + record->cover_count;
    const __m256i bits = _mm256_set1_epi32((int)crossed);
    const __m256i one = _mm256_set1_epi32(1);
    size_t n = 0;
    for (unsigned i = 0; i < count; i += 8) {
        const __mmask8 m = (__mmask8)(count - i >= 8 ? 0xff : (1u << (count - i)) - 1);
        __m256i id = _mm256_maskz_loadu_epi32(m, ids + i);
        __m256i mask = _mm256_maskz_loadu_epi32(m, ids + count + i);
        __m256i parity = _mm256_xor_si256(_mm256_popcnt_epi32(_mm256_and_si256(mask, bits)),
                                          _mm256_srli_epi32(id, 31));
        __mmask8 inside = _mm256_mask_test_epi32_mask(m, parity, one);
        id = _mm256_maskz_compress_epi32(inside, id);
        id = _mm256_and_si256(id, _mm256_set1_epi32(0x7fffffff));
        __m512i pair = _mm512_slli_epi64(_mm512_cvtepu32_epi64(id), 32);
        _mm512_storeu_si512(hits + n, _mm512_or_si512(pair, _mm512_set1_epi64(point)));
        n += (unsigned)__builtin_popcount(inside);
    }
    return n;
}

#endif
