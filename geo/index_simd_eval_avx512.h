/* geo/index_simd_eval_avx512.h - what a record says about a point, in AVX-512. */
#ifndef GEO_INDEX_SIMD_EVAL_AVX512_H
#define GEO_INDEX_SIMD_EVAL_AVX512_H

#include "index_eval.h"
#include "index_simd_avx512.h"

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
