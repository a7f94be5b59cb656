/* geo/index_eval.h - what one record says about one point: shared by every build of the queries. */
#ifndef GEO_INDEX_EVAL_H
#define GEO_INDEX_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_form.h"

/* Hits are written as long as they fit; count goes on, so that the caller learns the need. */
typedef struct index_sink {
    geo_hit *hits;
    size_t max;
    size_t count;
} index_sink;

static inline void index_sink_add(index_sink *sink, uint32_t point, uint32_t id)
{
    if (sink->count < sink->max) {
        sink->hits[sink->count] = (geo_hit){point, id};
    }
    sink->count++;
}

/* The fences of an ID or list descriptor. */
static inline void index_sink_list(index_sink *sink, const uint8_t *base, index_desc desc,
                                   uint32_t point)
{
    if (index_kind(desc) == INDEX_KIND_ID) {
        if (desc != 0) {
            index_sink_add(sink, point, desc - 1);
        }
        return;
    }
    const index_list *list = index_at(base, desc);
    for (uint32_t i = 0; i < list->count; i++) {
        index_sink_add(sink, point, list->ids[i]);
    }
}

/* The hits of a list: as many as three are written without looking, which a list's block always
 * holds. False: the buffer is full, which nothing is written to. */
static inline bool index_list_hits(const index_list *list, uint32_t point, index_sink *sink)
{
    const uint32_t count = list->count;
    geo_hit *hits = sink->hits + sink->count;
    if (sink->count + count + 3 > sink->max) {
        return false;
    }
    hits[0] = (geo_hit){point, list->ids[0]};
    hits[1] = (geo_hit){point, list->ids[1]};
    hits[2] = (geo_hit){point, list->ids[2]};
    for (uint32_t i = 3; i < count; i++) {
        hits[i] = (geo_hit){point, list->ids[i]};
    }
    sink->count += count;
    return true;
}

/* A point relative to the centre of its cell. */
static inline int32_t index_cell_offset(int32_t coordinate, unsigned shift)
{
    return (int32_t)((uint32_t)coordinate & ((1u << shift) - 1)) - (1 << (shift - 1));
}

/* Which of the edges whose line passes through the point also hold it. Virtual edges are no
 * boundary. Rare, so out of line. The second one is for the 32-bit form. */
uint32_t index_narrow_on_edges(const index_narrow *record, uint32_t on_line, int32_t x, int32_t y);
uint32_t index_long_on_edges(const index_narrow *record, uint32_t on_line, int32_t x, int32_t y);

/* The fences of a wide record that contain the point. */
void index_wide_eval(const index_wide *record, int32_t lon, int32_t lat, uint32_t point,
                     index_sink *sink);

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

typedef struct index_spot {
    index_desc desc;
    unsigned shift;
} index_spot;

/* All hits of one point, the slow and careful way; the walk ends at the undivided square. */
index_spot index_eval_point(const uint8_t *base, index_desc root, int32_t lon, int32_t lat,
                            uint32_t point, index_sink *sink);

#endif
