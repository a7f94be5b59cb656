/* geo/index_edges.h - what the edges of one narrow or long record say about one point. */
#ifndef GEO_INDEX_EDGES_H
#define GEO_INDEX_EDGES_H

#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_form.h"

/* Which of the edges whose line passes through the point also hold it. Virtual edges are no
 * boundary. Rare, so out of line. The second one is for the 32-bit form. */
uint32_t index_narrow_on_edges(const index_narrow *record, uint32_t on_line, int32_t x, int32_t y);
uint32_t index_long_on_edges(const index_narrow *record, uint32_t on_line, int32_t x, int32_t y);

/* For every edge of a narrow record: does the leftward ray from the point cross it, and does its
 * line pass through the point? One bit per edge. The reference of all vector builds. */
static inline void index_narrow_edges(const index_narrow *record, int32_t px, int32_t py,
                                      uint32_t *crossed, uint32_t *on_line)
{
    const int16_t *x = record->coords;
    const int16_t *y = x + record->vertex_room;
    uint32_t cross_bits = 0;
    uint32_t line_bits = 0;
    int32_t ax = x[0];
    int32_t ay = y[0];
    for (unsigned j = 0; j + 1 < record->vertex_count; j++) {
        int32_t bx = x[j + 1];
        int32_t by = y[j + 1];
        /* Fits: see INDEX_NARROW_COORD_MAX. */
        int32_t cross = (bx - ax) * (py - ay) - (px - ax) * (by - ay);
        uint32_t spans = (ay > py) ^ (by > py);
        uint32_t is_left = (cross > 0) ^ (by > py);
        cross_bits |= (spans & is_left & (cross != 0)) << j;
        line_bits |= (uint32_t)(cross == 0) << j;
        ax = bx;
        ay = by;
    }
    *crossed = cross_bits;
    *on_line = line_bits;
}

/* The same for the 32-bit form. */
static inline void index_long_edges(const index_narrow *record, int32_t px, int32_t py,
                                    uint32_t *crossed, uint32_t *on_line)
{
    const int32_t *x = (const int32_t *)record->coords;
    const int32_t *y = x + record->vertex_room;
    uint32_t cross_bits = 0;
    uint32_t line_bits = 0;
    for (unsigned j = 0; j + 1 < record->vertex_count; j++) {
        int64_t left = ((int64_t)x[j + 1] - x[j]) * ((int64_t)py - y[j]);
        int64_t right = ((int64_t)px - x[j]) * ((int64_t)y[j + 1] - y[j]);
        uint32_t b_above = y[j + 1] > py;
        uint32_t spans = (y[j] > py) ^ b_above;
        cross_bits |= (spans & ((left > right) ^ b_above) & (left != right)) << j;
        line_bits |= (uint32_t)(left == right) << j;
    }
    *crossed = cross_bits;
    *on_line = line_bits;
}

/* Write the hits of a record, given its ids and its edges' bits; room for all ids and one more. */
static inline size_t index_narrow_hits(const index_narrow *record, const uint32_t *ids,
                                       uint32_t crossed, uint32_t on_edges, uint32_t point,
                                       geo_hit *hits)
{
    unsigned count = (unsigned)record->entry_count + record->cover_count;
    const uint32_t *masks = ids + count;
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t inside = (uint32_t)__builtin_parity(crossed & masks[i]) ^ (ids[i] >> 31);
        inside |= (on_edges & masks[i]) != 0;
        hits[n] = (geo_hit){point, ids[i] & ~INDEX_BASE_BIT};
        n += inside;
    }
    return n;
}

/* The same for a point on no edge. Most records have one fence or two: both are looked at without
 * asking, so that no jump must be guessed and nothing is read beyond the record. */
static inline size_t index_few_hits(const index_narrow *record, const uint32_t *ids,
                                    uint32_t crossed, uint32_t point, geo_hit *hits)
{
    const unsigned count = (unsigned)record->entry_count + record->cover_count;
    const uint32_t *masks = ids + count;
    const unsigned second = count > 1;
    uint32_t inside = ((uint32_t)__builtin_popcount(crossed & masks[0]) ^ ids[0] >> 31) & 1;
    size_t n = inside;
    hits[0] = (geo_hit){point, ids[0] & ~INDEX_BASE_BIT};
    inside = ((uint32_t)__builtin_popcount(crossed & masks[second]) ^ ids[second] >> 31) & second;
    hits[n] = (geo_hit){point, ids[second] & ~INDEX_BASE_BIT};
    n += inside;
    for (unsigned i = 2; i < count; i++) {
        inside = ((uint32_t)__builtin_popcount(crossed & masks[i]) ^ ids[i] >> 31) & 1;
        hits[n] = (geo_hit){point, ids[i] & ~INDEX_BASE_BIT};
        n += inside;
    }
    return n;
}

#endif
