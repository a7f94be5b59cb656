/* geo/index_segment.c - which fences does a segment touch?
 *
 * A fence that the segment touches either contains its start, or has an edge that the segment
 * touches; that edge then lies in some square that the segment touches, too. */
#include <stdlib.h>
#include <string.h>

#include "index_build.h"
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

/* Short segments near a narrow record are compared in 31 bits, as INDEX_NARROW_COORD_MAX says. */
static bool is_near(const index_line *line, int64_t x, int64_t y)
{
    const int64_t max = INDEX_NARROW_COORD_MAX;
    return line->ax - x <= max && line->ax - x >= -max && line->ay - y <= max &&
           line->ay - y >= -max && line->bx - x <= max && line->bx - x >= -max &&
           line->by - y <= max && line->by - y >= -max;
}

/* The edges of a narrow record whose ends do not both lie strictly on one side of the segment's
 * line: one bit per edge. Few are left, and the segment touches no others. */
static uint32_t edges_across(const index_narrow *record, const index_line *line, int64_t center_x,
                             int64_t center_y)
{
    const index_vertex *vertices = record->vertices;
    const int32_t ax = (int32_t)(line->ax - center_x);
    const int32_t ay = (int32_t)(line->ay - center_y);
    const int32_t dx = (int32_t)(line->bx - line->ax);
    const int32_t dy = (int32_t)(line->by - line->ay);
    const uint32_t edges = (uint32_t)((1ull << (record->vertex_count - 1)) - 1);
    uint32_t left = 0;
    uint32_t right = 0;
    for (unsigned j = 0; j < record->vertex_count; j++) {
        const int32_t side = dx * (vertices[j].y - ay) - (vertices[j].x - ax) * dy;
        left |= (uint32_t)(side > 0) << j;
        right |= (uint32_t)(side < 0) << j;
    }
    return ~((left & left >> 1) | (right & right >> 1)) & edges & ~record->virtual_mask;
}

static void visit_narrow(segment_query *q, const index_narrow *record, int64_t center_x,
                         int64_t center_y)
{
    const index_vertex *vertices = record->vertices;
    uint32_t touched = 0;
    uint32_t left = edges_across(record, &q->line, center_x, center_y);
    for (; left != 0; left &= left - 1) {
        const unsigned j = (unsigned)__builtin_ctz(left);
        const index_line edge = {center_x + vertices[j].x, center_y + vertices[j].y,
                                 center_x + vertices[j + 1].x, center_y + vertices[j + 1].y};
        touched |= (uint32_t)index_lines_touch(&q->line, &edge) << j;
    }
    const uint32_t *ids = index_narrow_ids(record);
    const uint32_t *masks = ids + record->entry_count + record->cover_count;
    for (unsigned i = 0; touched != 0 && i < record->entry_count; i++) {
        if ((masks[i] & touched) != 0) {
            add_id(q, ids[i] & ~INDEX_BASE_BIT);
        }
    }
}

static void visit_record(segment_query *q, index_desc desc, const index_square *square)
{
    const int64_t half = (int64_t)1 << (square->shift - 1);
    if (index_is_short(desc) && is_near(&q->line, square->x + half, square->y + half)) {
        visit_narrow(q, index_at(q->base, desc), square->x + half, square->y + half);
        return;
    }
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
    if (!index_has_edges(desc)) {
        return; /* what covers the square contains the start, or is entered elsewhere */
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
    /* In one row or column the segment touches every square between its ends. */
    const bool is_straight = row == row_end || column_first == column_end;
    for (; row <= row_end; row++) {
        for (int64_t column = column_first; column <= column_end; column++) {
            index_square child =
                index_child_square(square, fanout, (uint32_t)(row << fanout | column));
            index_desc below = node[index_slot(fanout, shift, (int32_t)child.x, (int32_t)child.y)];
            if (index_has_edges(below) &&
                (is_straight ||
                 index_line_touches_square(&q->line, child.x, child.y, (int64_t)1 << shift))) {
                visit(q, below, &child);
            }
        }
    }
}

/* The undivided square of a point, below a node. */
static index_spot spot_below(const uint8_t *base, index_desc node, unsigned fanout, unsigned shift,
                             geo_point p)
{
    index_desc desc = node;
    do {
        shift -= fanout;
        desc = index_node(base, desc)[index_slot(fanout, shift, p.lon_e7, p.lat_e7)];
        fanout = index_node_fanout(desc);
    } while (index_kind(desc) == INDEX_KIND_NODE);
    return (index_spot){desc, shift};
}

/* Do the two points lie in squares without edges that share a whole side? The segment stays in them
 * then, for together they are convex. */
static bool is_clear(const uint8_t *base, index_desc node, unsigned fanout, unsigned shift,
                     geo_point a, geo_point b)
{
    const index_spot at = spot_below(base, node, fanout, shift, a);
    if (index_has_edges(at.desc)) {
        return false;
    }
    const index_spot to = spot_below(base, node, fanout, shift, b);
    const int32_t columns = (b.lon_e7 >> at.shift) - (a.lon_e7 >> at.shift);
    const int32_t rows = (b.lat_e7 >> at.shift) - (a.lat_e7 >> at.shift);
    return !index_has_edges(to.desc) && to.shift == at.shift && abs(columns) + abs(rows) <= 1;
}

/* Both ends in one square: the segment is there as a whole. Most segments are short, and end in
 * squares without edges. */
static void visit_common(segment_query *q, index_desc root, geo_point a, geo_point b)
{
    const uint32_t differ = (uint32_t)(a.lon_e7 ^ b.lon_e7) | (uint32_t)(a.lat_e7 ^ b.lat_e7);
    index_square square = INDEX_ROOT_SQUARE;
    unsigned fanout = INDEX_ROOT_FANOUT;
    index_desc desc = root;
    while (index_kind(desc) == INDEX_KIND_NODE && differ >> (square.shift - fanout) == 0) {
        square.shift -= fanout;
        desc = index_node(q->base, desc)[index_slot(fanout, square.shift, a.lon_e7, a.lat_e7)];
        fanout = index_node_fanout(desc);
    }
    if (!index_has_edges(desc) || (index_kind(desc) == INDEX_KIND_NODE &&
                                   is_clear(q->base, desc, fanout, square.shift, a, b))) {
        return;
    }
    if (square.shift != INDEX_ROOT_SHIFT) {
        const int64_t mask = -((int64_t)1 << square.shift);
        square.x = a.lon_e7 & mask;
        square.y = a.lat_e7 & mask;
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
    const index_spot spot = index_eval_point(q->base, root, a, 0, &sink);
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

/* The query of a segment that goes the short way: the world is unrolled for it. */
static segment_query segment_begin(const geo_index_version *version, geo_point a, geo_point b,
                                   uint32_t *ids, size_t ids_max)
{
    int64_t b_lon = b.lon_e7;
    b_lon += b_lon - a.lon_e7 > GEO_LON_E7_MAX   ? -WORLD_E7
             : a.lon_e7 - b_lon > GEO_LON_E7_MAX ? WORLD_E7
                                                 : 0;
    return (segment_query){.base = version->base,
                           .line = {a.lon_e7, a.lat_e7, b_lon, b.lat_e7},
                           .ids = ids,
                           .max = ids_max};
}

/* Far from +-180 degrees, where one place has one longitude. */
static bool is_usual(const index_line *line)
{
    return line->ax > -GEO_LON_E7_MAX && line->ax < GEO_LON_E7_MAX && line->bx > -GEO_LON_E7_MAX &&
           line->bx < GEO_LON_E7_MAX;
}

/* Everything whose boundary the segment touches. */
static void visit_all(segment_query *q, index_desc root, geo_point a, geo_point b)
{
    if (is_usual(&q->line)) {
        visit_common(q, root, a, b);
        return;
    }
    /* What lies beyond +-180 degrees is met by the segment's copy one world away. */
    const index_square square = INDEX_ROOT_SQUARE;
    const bool is_east = q->line.ax >= GEO_LON_E7_MAX || q->line.bx >= GEO_LON_E7_MAX;
    const int64_t away = is_east ? -WORLD_E7 : WORLD_E7;
    visit(q, root, &square);
    q->line.ax += away;
    q->line.bx += away;
    visit(q, root, &square);
}

static geo_err segment_end(const segment_query *q, size_t *id_count)
{
    *id_count = q->count + q->is_full;
    return q->is_full ? GEO_TOO_BIG : GEO_OK;
}

geo_err geo_index_segment(const geo_index_version *version, geo_point a, geo_point b, uint32_t *ids,
                          size_t ids_max, size_t *id_count)
{
    segment_query q = segment_begin(version, a, b, ids, ids_max);
    if (!is_usual(&q.line) || !visit_cell(&q, version->root, a, b)) {
        geo_err err = geo_index_query_one(version, a, ids, ids_max, &q.count);
        if (err != GEO_OK) {
            *id_count = q.count;
            return err;
        }
        visit_all(&q, version->root, a, b);
    }
    return segment_end(&q, id_count);
}

geo_err geo_index_boundaries(const geo_index_version *version, geo_point a, geo_point b,
                             uint32_t *ids, size_t ids_max, size_t *id_count)
{
    segment_query q = segment_begin(version, a, b, ids, ids_max);
    visit_all(&q, version->root, a, b);
    return segment_end(&q, id_count);
}
