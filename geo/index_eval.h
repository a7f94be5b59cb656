/* geo/index_eval.h - what one record says about one point: shared by every build of the queries. */
#ifndef GEO_INDEX_EVAL_H
#define GEO_INDEX_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_edges.h"
#include "index_form.h"

/* Hits are written as long as they fit, those of a list together; count goes on, so that the caller
 * learns the need. */
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
    if (sink->count + list->count <= sink->max) {
        geo_hit *hits = sink->hits + sink->count;
        for (uint32_t i = 0; i < list->count; i++) {
            hits[i] = (geo_hit){point, list->ids[i] & ~INDEX_BASE_BIT};
        }
    }
    sink->count += list->count;
}

/* A point relative to the centre of its cell. */
static inline int32_t index_cell_offset(int32_t coordinate, unsigned shift)
{
    return (int32_t)((uint32_t)coordinate & ((1u << shift) - 1)) - (1 << (shift - 1));
}

/* Which edges of a narrow or long record hold the point; virtual edges are no boundary. */
uint32_t index_on_edges(index_desc desc, const index_narrow *record, int32_t x, int32_t y);

/* The fences that cover branches on the point's way down from one of 2^shift units: not this one.
 */
void index_eval_branches(const uint8_t *base, index_desc branch, unsigned shift, geo_point point,
                         uint32_t number, index_sink *sink);

/* The fences of a wide record that contain the point. */
void index_wide_eval(const index_wide *record, int32_t lon, int32_t lat, uint32_t point,
                     index_sink *sink);

typedef struct index_spot {
    index_desc desc;
    unsigned shift;
} index_spot;

/* All hits of one point, the slow and careful way; the walk ends at the undivided square. */
index_spot index_eval_point(const uint8_t *base, index_desc root, geo_point point, uint32_t number,
                            index_sink *sink);

#endif
