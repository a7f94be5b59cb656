/* geo/index_segment.c - which fences does a segment touch?
 *
 * A fence that the segment touches either contains its start, or has an edge that the segment
 * touches; that edge then lies in some square that the segment touches, too. */
#include <string.h>

#include "index_eval.h"
#include "index_leaf.h"
#include "index_private.h"
#include "index_touch.h"

#define START_HITS_MAX 64
#define WORLD_E7 ((int64_t)2 * GEO_LON_E7_MAX)

typedef struct segment_query {
    const uint8_t *base;
    index_line line;
    uint32_t *ids; /* ascending, each once */
    size_t max;
    size_t count;
    bool is_full;
} segment_query;

static void add_id(segment_query *q, uint32_t id)
{
    size_t at = q->count;
    while (at > 0 && q->ids[at - 1] > id) {
        at--;
    }
    if (at > 0 && q->ids[at - 1] == id) {
        return;
    }
    if (q->count == q->max) {
        q->is_full = true;
        return;
    }
    memmove(q->ids + at + 1, q->ids + at, (q->count - at) * sizeof *q->ids);
    q->ids[at] = id;
    q->count++;
}

static void visit_record(segment_query *q, index_desc desc, const index_square *square)
{
    index_leaf leaf;
    index_entry entry;
    const uint32_t *covers;
    uint32_t cover_count;
    index_leaf_open(&leaf, q->base, desc, square, &covers, &cover_count);
    while (index_leaf_next(&leaf, &entry)) {
        for (uint32_t e = 0; e < entry.edge_count; e++) {
            const index_wide_edge *edge = &entry.edges[e];
            if (index_lines_touch(&q->line,
                                  &(index_line){edge->ax, edge->ay, edge->bx, edge->by})) {
                add_id(q, entry.id);
                break;
            }
        }
    }
}

/* Rows or columns of a grid that an interval may touch; closed squares share their sides. */
static void grid_range(int64_t a, int64_t b, int64_t origin, unsigned shift, int64_t last,
                       int64_t *first, int64_t *end)
{
    int64_t low = ((a < b ? a : b) - origin - 1) >> shift;
    int64_t high = ((a < b ? b : a) - origin) >> shift;
    *first = low < 0 ? 0 : low;
    *end = high > last ? last : high;
}

static void visit(segment_query *q, index_desc desc, const index_square *square)
{
    if (index_kind(desc) == INDEX_KIND_ID ||
        (index_kind(desc) == INDEX_KIND_NARROW && (desc & INDEX_FLAG))) {
        return; /* no edges: what covers the square contains the start, or is entered elsewhere */
    }
    if (index_kind(desc) != INDEX_KIND_NODE) {
        visit_record(q, desc, square);
        return;
    }
    const unsigned fanout =
        square->shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
    const unsigned shift = square->shift - fanout;
    const index_desc *node = index_node(q->base, desc);
    const int64_t last = (1 << fanout) - 1;
    int64_t row, row_end, column_first, column_end;
    grid_range(q->line.ay, q->line.by, square->y, shift, last, &row, &row_end);
    grid_range(q->line.ax, q->line.bx, square->x, shift, last, &column_first, &column_end);
    for (; row <= row_end; row++) {
        for (int64_t column = column_first; column <= column_end; column++) {
            index_square child =
                index_child_square(square, fanout, (uint32_t)(row << fanout | column));
            index_desc below = node[index_slot(fanout, shift, (int32_t)child.x, (int32_t)child.y)];
            if (below != 0 &&
                index_line_touches_square(&q->line, child.x, child.y, (int64_t)1 << shift)) {
                visit(q, below, &child);
            }
        }
    }
}

/* Both ends in one square: the segment is there as a whole. Most segments are short, and end in a
 * square without edges. */
static void visit_common(segment_query *q, index_desc root, geo_point a, geo_point b)
{
    index_square square = {INT32_MIN, INT32_MIN, INDEX_ROOT_SHIFT};
    unsigned fanout = INDEX_ROOT_FANOUT;
    index_desc desc = root;
    while (index_kind(desc) == INDEX_KIND_NODE) {
        const unsigned shift = square.shift - fanout;
        const uint32_t differ = (uint32_t)(a.lon_e7 ^ b.lon_e7) | (uint32_t)(a.lat_e7 ^ b.lat_e7);
        if (differ >> shift != 0) {
            break;
        }
        desc = index_node(q->base, desc)[index_slot(fanout, shift, a.lon_e7, a.lat_e7)];
        const int64_t mask = -((int64_t)1 << shift);
        square = (index_square){a.lon_e7 & mask, a.lat_e7 & mask, shift};
        fanout = index_node_fanout(desc);
    }
    visit(q, desc, &square);
}

/* The usual segment: far from +-180 degrees, few fences at its start. Mostly it is no longer than a
 * cell: then one walk does for both. False: it is another one, and nothing is done. */
static bool visit_cell(segment_query *q, index_desc root, geo_point a, geo_point b)
{
    geo_hit hits[START_HITS_MAX];
    index_sink sink = {hits, START_HITS_MAX, 0};
    if (a.lat_e7 < -GEO_LAT_E7_MAX || a.lat_e7 > GEO_LAT_E7_MAX) {
        return false;
    }
    const index_spot spot = index_eval_point(q->base, root, a.lon_e7, a.lat_e7, 0, &sink);
    if (sink.count > START_HITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < sink.count; i++) {
        add_id(q, hits[i].id);
    }
    const uint32_t differ = (uint32_t)(a.lon_e7 ^ b.lon_e7) | (uint32_t)(a.lat_e7 ^ b.lat_e7);
    if (differ >> spot.shift != 0) {
        visit_common(q, root, a, b);
        return true;
    }
    const int64_t mask = -((int64_t)1 << spot.shift);
    visit(q, spot.desc, &(index_square){a.lon_e7 & mask, a.lat_e7 & mask, spot.shift});
    return true;
}

geo_err geo_index_segment(const geo_index_version *version, geo_point a, geo_point b, uint32_t *ids,
                          size_t ids_max, size_t *id_count)
{
    segment_query q = {.base = version->base, .ids = ids, .max = ids_max};
    /* Unroll the world, so that the segment goes the short way. */
    int64_t b_lon = b.lon_e7;
    b_lon += b_lon - a.lon_e7 > GEO_LON_E7_MAX   ? -WORLD_E7
             : a.lon_e7 - b_lon > GEO_LON_E7_MAX ? WORLD_E7
                                                 : 0;
    const int64_t west = a.lon_e7 < b_lon ? a.lon_e7 : b_lon;
    const int64_t east = a.lon_e7 < b_lon ? b_lon : a.lon_e7;
    q.line = (index_line){a.lon_e7, a.lat_e7, b_lon, b.lat_e7};
    const bool is_usual = west > -GEO_LON_E7_MAX && east < GEO_LON_E7_MAX;
    if (is_usual && visit_cell(&q, version->root, a, b)) {
        *id_count = q.count + q.is_full;
        return q.is_full ? GEO_TOO_BIG : GEO_OK;
    }
    geo_err err = geo_index_query_one(version, a, ids, ids_max, &q.count);
    if (err != GEO_OK) {
        *id_count = q.count;
        return err;
    }
    if (is_usual) {
        visit_common(&q, version->root, a, b);
    } else {
        /* What lies beyond +-180 degrees is met by the segment's copy one world away. */
        const index_square root = {INT32_MIN, INT32_MIN, INDEX_ROOT_SHIFT};
        const int64_t away = east >= GEO_LON_E7_MAX ? -WORLD_E7 : WORLD_E7;
        visit(&q, version->root, &root);
        q.line.ax += away;
        q.line.bx += away;
        visit(&q, version->root, &root);
    }
    *id_count = q.count + q.is_full;
    return q.is_full ? GEO_TOO_BIG : GEO_OK;
}
