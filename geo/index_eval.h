/* geo/index_eval.h - what one record says about one point: shared by every build of the queries. */
#ifndef GEO_INDEX_EVAL_H
#define GEO_INDEX_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_edges.h"
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

/* The fences of a wide record that contain the point. */
void index_wide_eval(const index_wide *record, int32_t lon, int32_t lat, uint32_t point,
                     index_sink *sink);

typedef struct index_spot {
    index_desc desc;
    unsigned shift;
} index_spot;

/* All hits of one point, the slow and careful way; the walk ends at the undivided square. */
index_spot index_eval_point(const uint8_t *base, index_desc root, int32_t lon, int32_t lat,
                            uint32_t point, index_sink *sink);

#endif
