/* geo/index_eval.c - the careful way to answer one point, and the rarer kinds of records. */
#include "index_eval.h"

static bool between(int64_t value, int64_t a, int64_t b)
{
    return a < b ? value >= a && value <= b : value >= b && value <= a;
}

uint32_t index_on_edges(index_desc desc, const index_narrow *record, int32_t x, int32_t y)
{
    uint32_t on_edges = 0;
    uint32_t crossed;
    uint32_t left;
    if (index_is_long(desc)) {
        const index_long_vertex *v = index_long_vertices(record);
        index_long_edges(record, x, y, &crossed, &left);
        for (left &= ~record->virtual_mask; left != 0; left &= left - 1) {
            const unsigned j = (unsigned)__builtin_ctz(left);
            if (between(x, v[j].x, v[j + 1].x) && between(y, v[j].y, v[j + 1].y)) {
                on_edges |= 1u << j;
            }
        }
        return on_edges;
    }
    const index_vertex *v = record->vertices;
    index_narrow_edges(record, x, y, &crossed, &left);
    for (left &= ~record->virtual_mask; left != 0; left &= left - 1) {
        const unsigned j = (unsigned)__builtin_ctz(left);
        if (between(x, v[j].x, v[j + 1].x) && between(y, v[j].y, v[j + 1].y)) {
            on_edges |= 1u << j;
        }
    }
    return on_edges;
}

/* What one edge says: bit 0, the leftward ray from the point crosses it; bit 1, the point is on it.
 * The products fit in 63 bits, their difference would not: so they are compared. */
static inline unsigned wide_edge(const index_wide_edge *edge, int32_t lon, int32_t lat)
{
    int64_t left = ((int64_t)edge->bx - edge->ax) * ((int64_t)lat - edge->ay);
    int64_t right = ((int64_t)lon - edge->ax) * ((int64_t)edge->by - edge->ay);
    unsigned b_above = edge->by > lat;
    unsigned spans = (edge->ay > lat) ^ b_above;
    if (__builtin_expect(left == right, 0)) {
        return (unsigned)(between(lon, edge->ax, edge->bx) && between(lat, edge->ay, edge->by))
               << 1;
    }
    return spans & ((left > right) ^ b_above);
}

void index_wide_eval(const index_wide *record, int32_t lon, int32_t lat, uint32_t point,
                     index_sink *sink)
{
    const uint32_t *covers = (const uint32_t *)(record + 1);
    for (uint32_t i = 0; i < record->cover_count; i++) {
        index_sink_add(sink, point, covers[i]);
    }
    const uint8_t *at = (const uint8_t *)(covers + record->cover_count);
    for (uint32_t i = 0; i < record->entry_count; i++) {
        const index_wide_entry *entry = (const index_wide_entry *)at;
        const index_wide_edge *edges = (const index_wide_edge *)(entry + 1);
        const int32_t *ends = (const int32_t *)(edges + entry->edge_count);
        unsigned inside = entry->id_and_base >> 31;
        unsigned seen = 0;
        for (uint32_t e = 0; e < entry->edge_count; e++) {
            unsigned says = wide_edge(&edges[e], lon, lat);
            inside ^= says & 1;
            seen |= says;
        }
        for (uint32_t e = 0; e < entry->end_count; e++) {
            inside ^= ends[e] <= lat;
        }
        inside |= seen >> 1;
        if (__builtin_expect(sink->count < sink->max, 1)) {
            /* Written in any case, kept if it is one: no jump to be guessed. */
            sink->hits[sink->count] = (geo_hit){point, entry->id_and_base & ~INDEX_BASE_BIT};
        }
        sink->count += inside;
        at = (const uint8_t *)(ends + entry->end_count);
    }
}

static void eval_record(index_desc desc, const index_narrow *record, int32_t x, int32_t y,
                        uint32_t point, index_sink *sink)
{
    const uint32_t *ids = index_record_ids(desc, record);
    const unsigned count = (unsigned)record->entry_count + record->cover_count;
    const uint32_t *masks = ids + count;
    const uint32_t on_edges = index_on_edges(desc, record, x, y);
    uint32_t crossed;
    uint32_t on_line;
    if (index_is_long(desc)) {
        index_long_edges(record, x, y, &crossed, &on_line);
    } else {
        index_narrow_edges(record, x, y, &crossed, &on_line);
    }
    for (unsigned i = 0; i < count; i++) {
        if (index_is_inside(ids[i], masks[i], crossed, on_edges)) {
            index_sink_add(sink, point, ids[i] & ~INDEX_BASE_BIT);
        }
    }
}

/* Walk down to the undivided square; the fences that cover branches below the first one. */
static index_spot walk_down(const uint8_t *base, index_desc start, unsigned shift, geo_point point,
                            uint32_t number, index_sink *sink)
{
    const unsigned first = shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(start);
    shift -= first;
    index_desc desc = index_node(base, start)[index_slot(first, shift, point.lon_e7, point.lat_e7)];
    while (index_kind(desc) == INDEX_KIND_NODE) {
        unsigned fanout = index_node_fanout(desc);
        const index_desc *node = index_node(base, desc);
        if (desc & INDEX_FLAG) {
            const index_tail *tail = (const index_tail *)(node + (1u << 2 * fanout));
            index_sink_list(sink, base, tail->covers, number);
        }
        shift -= fanout;
        desc = node[index_slot(fanout, shift, point.lon_e7, point.lat_e7)];
    }
    return (index_spot){desc, shift};
}

void index_eval_branches(const uint8_t *base, index_desc branch, unsigned shift, geo_point point,
                         uint32_t number, index_sink *sink)
{
    (void)walk_down(base, branch, shift, point, number, sink);
}

index_spot index_eval_point(const uint8_t *base, index_desc root, geo_point point, uint32_t number,
                            index_sink *sink)
{
    const index_spot spot = walk_down(base, root, INDEX_ROOT_SHIFT, point, number, sink);
    const index_desc desc = spot.desc;
    if (index_is_short(desc) || index_is_long(desc)) {
        eval_record(desc, index_at(base, desc), index_cell_offset(point.lon_e7, spot.shift),
                    index_cell_offset(point.lat_e7, spot.shift), number, sink);
    } else if (index_kind(desc) == INDEX_KIND_WIDE) {
        index_wide_eval(index_at(base, desc), point.lon_e7, point.lat_e7, number, sink);
    } else {
        index_sink_list(sink, base, desc, number);
    }
    return spot;
}
