/* geo/index_simd_eval_neon.h - what a record says about a point, in NEON. */
#ifndef GEO_INDEX_SIMD_EVAL_NEON_H
#define GEO_INDEX_SIMD_EVAL_NEON_H

#include "index_eval.h"
#include "index_simd_neon.h"

/* The bits of four edges from vertex i on; room is a multiple of 4, so that the own vertices are
 * there, and what is read of the successors beyond them lies in the record and is masked. */
static inline void simd_edges(const index_narrow *record, int32_t px, int32_t py, uint32_t *crossed,
                              uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    const int32x4_t qx = vdupq_n_s32(px);
    const int32x4_t qy = vdupq_n_s32(py);
    *crossed = 0;
    *on_line = 0;
    for (unsigned i = 0; i + 1 < record->vertex_count; i += 4) {
        int32x4_t ax = vmovl_s16(vld1_s16(x + i));
        int32x4_t ay = vmovl_s16(vld1_s16(y + i));
        int32x4_t bx = vmovl_s16(vld1_s16(x + i + 1));
        int32x4_t by = vmovl_s16(vld1_s16(y + i + 1));
        int32x4_t cross = vsubq_s32(vmulq_s32(vsubq_s32(bx, ax), vsubq_s32(qy, ay)),
                                    vmulq_s32(vsubq_s32(qx, ax), vsubq_s32(by, ay)));
        lanes a_above = vcgtq_s32(ay, qy);
        lanes b_above = vcgtq_s32(by, qy);
        lanes zero = vceqzq_s32(cross);
        lanes hit = vandq_u32(veorq_u32(a_above, b_above), veorq_u32(vcgtzq_s32(cross), b_above));
        *crossed |= lanes_bits(vbicq_u32(hit, zero)) << i;
        *on_line |= lanes_bits(zero) << i;
    }
    const uint32_t edges = (uint32_t)((1ull << (record->vertex_count - 1)) - 1);
    *crossed &= edges;
    *on_line &= edges;
}

#define simd_long_edges index_long_edges

#endif
