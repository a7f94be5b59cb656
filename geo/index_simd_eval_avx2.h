/* geo/index_simd_eval_avx2.h - what a record says about a point, in AVX2. */
#ifndef GEO_INDEX_SIMD_EVAL_AVX2_H
#define GEO_INDEX_SIMD_EVAL_AVX2_H

#include "index_eval.h"
#include "index_simd_avx2.h"

/* 8 vertices from number i on, and their successors; past the last edge anything may come, but
 * never from beyond the record, whose ids follow the vertices. */
static inline void vertices_load(const int16_t *from, unsigned i, bool is_last, lanes *a, lanes *b)
{
    __m128i own = _mm_loadu_si128((const __m128i *)(from + i));
    __m128i next =
        is_last ? _mm_srli_si128(own, 2) : _mm_loadu_si128((const __m128i *)(from + i + 1));
    *a = _mm256_cvtepi16_epi32(own);
    *b = _mm256_cvtepi16_epi32(next);
}

static inline void simd_edges(const index_narrow *record, int32_t px, int32_t py, uint32_t *crossed,
                              uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    const lanes qx = lanes_all((uint32_t)px);
    const lanes qy = lanes_all((uint32_t)py);
    const unsigned count = record->vertex_count;
    *crossed = 0;
    *on_line = 0;
    for (unsigned i = 0; i + 1 < count; i += 8) {
        lanes ax, ay, bx, by;
        vertices_load(x, i, i + 8 >= count, &ax, &bx);
        vertices_load(y, i, i + 8 >= count, &ay, &by);
        lanes cross = lanes_sub(_mm256_mullo_epi32(lanes_sub(bx, ax), lanes_sub(qy, ay)),
                                _mm256_mullo_epi32(lanes_sub(qx, ax), lanes_sub(by, ay)));
        uint32_t a_above = lanes_bits(_mm256_cmpgt_epi32(ay, qy));
        uint32_t b_above = lanes_bits(_mm256_cmpgt_epi32(by, qy));
        uint32_t positive = lanes_bits(_mm256_cmpgt_epi32(cross, _mm256_setzero_si256()));
        uint32_t zero = lanes_equal(cross, _mm256_setzero_si256());
        *crossed |= ((a_above ^ b_above) & (positive ^ b_above) & ~zero) << i;
        *on_line |= zero << i;
    }
    const uint32_t edges = (uint32_t)((1ull << (count - 1)) - 1);
    *crossed &= edges;
    *on_line &= edges;
}

#define simd_long_edges index_long_edges

#endif
