/* geo/index_simd_eval_avx512.h - what a record says about a point, in AVX-512. */
#ifndef GEO_INDEX_SIMD_EVAL_AVX512_H
#define GEO_INDEX_SIMD_EVAL_AVX512_H

#include "index_eval.h"
#include "index_simd_avx512.h"

/* Up to 8 vertices and their successors, in 32 bits. */
static inline void simd_vertices(const int16_t *from, __m256i *a, __m256i *b)
{
    __m128i own = _mm_loadu_si128((const __m128i *)from);
    *a = _mm256_cvtepi16_epi32(own);
    *b = _mm256_cvtepi16_epi32(_mm_srli_si128(own, 2));
}

/* The bits of index_narrow_edges() of a small record, whose 8 vertices are read in any case. */
static inline void simd_edges_few(const index_narrow *record, int32_t px, int32_t py,
                                  uint32_t *crossed, uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    const __m256i qx = _mm256_set1_epi32(px);
    const __m256i qy = _mm256_set1_epi32(py);
    const uint32_t edges = (1u << (record->vertex_count - 1)) - 1;
    __m256i ax, ay, bx, by;
    simd_vertices(x, &ax, &bx);
    simd_vertices(y, &ay, &by);
    __m256i left = _mm256_mullo_epi32(_mm256_sub_epi32(bx, ax), _mm256_sub_epi32(qy, ay));
    __m256i right = _mm256_mullo_epi32(_mm256_sub_epi32(qx, ax), _mm256_sub_epi32(by, ay));
    uint32_t a_above = mask8_bits(_mm256_cmpgt_epi32_mask(ay, qy));
    uint32_t b_above = mask8_bits(_mm256_cmpgt_epi32_mask(by, qy));
    uint32_t less = mask8_bits(_mm256_cmplt_epi32_mask(left, right));
    uint32_t equal = mask8_bits(_mm256_cmpeq_epi32_mask(left, right));
    *crossed = ((b_above & ~a_above & less) | (a_above & ~b_above & ~less & ~equal)) & edges;
    *on_line = equal & edges;
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
    if (record->vertex_count <= 8) {
        simd_edges_few(record, px, py, crossed, on_line);
        return;
    }
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
        uint32_t a_above = mask_bits(_mm512_cmpgt_epi32_mask(ay, qy));
        uint32_t b_above = mask_bits(_mm512_cmpgt_epi32_mask(by, qy));
        uint32_t less = mask_bits(_mm512_cmplt_epi32_mask(left, right));
        uint32_t equal = mask_bits(_mm512_mask_cmpeq_epi32_mask(m, left, right));
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
        uint32_t a_above = mask8_bits(_mm512_cmpgt_epi64_mask(ay, qy));
        uint32_t b_above = mask8_bits(_mm512_cmpgt_epi64_mask(by, qy));
        uint32_t more = mask8_bits(_mm512_cmpgt_epi64_mask(left, right));
        uint32_t equal = mask8_bits(_mm512_mask_cmpeq_epi64_mask(m, left, right));
        *crossed |= ((a_above ^ b_above) & (more ^ b_above) & ~equal) << i;
        *on_line |= equal << i;
    }
}

#endif
