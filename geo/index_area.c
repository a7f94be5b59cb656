/* geo/index_area.c - which fences have a point in common with an area?
 *
 * The area is cut like a fence while it goes down the squares. A square that it covers gives all
 * fences there. In a square that holds edges of it, a fence that covers the square touches it; one
 * with edges there touches it when two edges touch, or a vertex of one lies in the other. Nothing
 * else is needed: if no boundaries touch anywhere, one shape has a part inside the other, and then
 * the square of a vertex of that part finds it. */
#include <stdlib.h>

#include "index_leaf.h"
#include "index_maker.h"
#include "index_private.h"
#include "index_touch.h"

typedef struct area_query {
    const uint8_t *base;
    index_scratch scratch;
    uint32_t *ids; /* with repeats */
    size_t count;
    size_t room;
} area_query;

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_unique(area_query *q)
{
    size_t n = 0;
    if (q->count != 0) {
        qsort(q->ids, q->count, sizeof *q->ids, compare_ids);
    }
    for (size_t i = 0; i < q->count; i++) {
        if (n == 0 || q->ids[n - 1] != q->ids[i]) {
            q->ids[n++] = q->ids[i];
        }
    }
    q->count = n;
}

static geo_err add_ids(area_query *q, const uint32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (q->count == q->room) {
            sort_unique(q);
        }
        if (q->count >= q->room / 2) {
            size_t room = q->room * 2 + 256;
            uint32_t *bigger = realloc(q->ids, room * sizeof *bigger);
            if (bigger == NULL) {
                return GEO_NO_MEMORY;
            }
            q->ids = bigger;
            q->room = room;
        }
        q->ids[q->count++] = ids[i] & ~INDEX_BASE_BIT;
    }
    return GEO_OK;
}

static geo_err add_list(area_query *q, index_desc desc)
{
    if (index_kind(desc) == INDEX_KIND_ID) {
        const uint32_t id = desc - 1;
        return add_ids(q, &id, desc != 0);
    }
    const index_list *list = index_at(q->base, desc);
    return add_ids(q, list->ids, list->count);
}

static bool is_list(index_desc desc)
{
    return index_kind(desc) == INDEX_KIND_ID ||
           (index_kind(desc) == INDEX_KIND_NARROW && (desc & INDEX_FLAG));
}

static unsigned fanout_of(index_desc desc, const index_square *square)
{
    return square->shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
}

/* All fences that touch a square. */
static geo_err add_everything(area_query *q, index_desc desc, const index_square *square)
{
    geo_err err = GEO_OK;
    if (is_list(desc)) {
        return add_list(q, desc);
    }
    if (index_kind(desc) == INDEX_KIND_NODE) {
        const unsigned fanout = fanout_of(desc, square);
        const index_desc *node = index_node(q->base, desc);
        if (desc & INDEX_FLAG) {
            err = add_list(q, index_node_tail(q->base, desc)->covers);
        }
        for (uint32_t c = 0; c < 1u << 2 * fanout && err == GEO_OK; c++) {
            index_square child = index_child_square(square, fanout, c);
            err = add_everything(
                q, node[index_slot(fanout, child.shift, (int32_t)child.x, (int32_t)child.y)],
                &child);
        }
        return err;
    }
    index_leaf leaf;
    index_entry entry;
    const uint32_t *covers;
    uint32_t cover_count;
    index_leaf_open(&leaf, q->base, desc, square, &covers, &cover_count);
    err = add_ids(q, covers, cover_count);
    while (err == GEO_OK && index_leaf_next(&leaf, &entry)) {
        err = add_ids(q, &entry.id, 1);
    }
    return err;
}

static bool in_square(geo_point p, const index_square *square)
{
    const int64_t side = (int64_t)1 << square->shift;
    return p.lon_e7 >= square->x && p.lon_e7 < square->x + side && p.lat_e7 >= square->y &&
           p.lat_e7 < square->y + side;
}

/* Does a lattice point of the square lie in the area, off its boundary? */
static bool piece_contains(const index_piece *piece, const index_square *square, geo_point point)
{
    bool inside = piece->base;
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        index_link link = index_piece_link(piece, e);
        inside ^= index_crosses_left(link.a, link.b, point.lon_e7, point.lat_e7);
        inside ^= !link.joins_previous && index_end_counts(link.a, square) &&
                  link.a.lat_e7 <= point.lat_e7;
        inside ^=
            !link.joins_next && index_end_counts(link.b, square) && link.b.lat_e7 <= point.lat_e7;
    }
    return inside;
}

static bool entry_touches(const index_entry *entry, const index_piece *piece,
                          const index_square *square)
{
    const geo_point *points = piece->fence->points;
    for (uint32_t p = 0; p < piece->edge_count; p++) {
        geo_point a = points[piece->edges[p]];
        geo_point b = points[piece->edges[p] + 1];
        index_line line = {a.lon_e7, a.lat_e7, b.lon_e7, b.lat_e7};
        for (uint32_t e = 0; e < entry->edge_count; e++) {
            const index_wide_edge *edge = &entry->edges[e];
            if (index_lines_touch(&line, &(index_line){edge->ax, edge->ay, edge->bx, edge->by})) {
                return true;
            }
        }
        if (in_square(a, square) && index_entry_contains(entry, a)) {
            return true;
        }
    }
    for (uint32_t e = 0; e < entry->edge_count; e++) {
        geo_point a = {entry->edges[e].ax, entry->edges[e].ay};
        if (in_square(a, square) && piece_contains(piece, square, a)) {
            return true;
        }
    }
    return false;
}

static geo_err visit_record(area_query *q, index_desc desc, const index_square *square,
                            const index_piece *piece)
{
    index_leaf leaf;
    index_entry entry;
    const uint32_t *covers;
    uint32_t cover_count;
    index_leaf_open(&leaf, q->base, desc, square, &covers, &cover_count);
    geo_err err = add_ids(q, covers, cover_count);
    while (err == GEO_OK && index_leaf_next(&leaf, &entry)) {
        if (entry_touches(&entry, piece, square)) {
            err = add_ids(q, &entry.id, 1);
        }
    }
    return err;
}

static geo_err visit(area_query *q, index_desc desc, const index_square *square,
                     const index_piece *piece)
{
    if (desc == 0) {
        return GEO_OK;
    }
    if (piece->edge_count == 0) {
        return add_everything(q, desc, square);
    }
    if (is_list(desc)) {
        return add_list(q, desc);
    }
    index_scratch_mark mark = index_scratch_here(&q->scratch);
    index_piece listed = *piece;
    geo_err err = GEO_OK;
    if (index_kind(desc) != INDEX_KIND_NODE) {
        err = index_piece_list(&q->scratch, &listed);
        err = err != GEO_OK ? err : visit_record(q, desc, square, &listed);
    } else {
        const unsigned fanout = fanout_of(desc, square);
        const index_desc *node = index_node(q->base, desc);
        index_part *parts;
        uint32_t part_count = 0;
        if (desc & INDEX_FLAG) {
            err = add_list(q, index_node_tail(q->base, desc)->covers);
        }
        if (err == GEO_OK) {
            err = index_piece_cut(&q->scratch, piece, square, fanout, &parts, &part_count);
        }
        for (uint32_t p = 0; p < part_count && err == GEO_OK; p++) {
            index_square child = index_child_square(square, fanout, parts[p].child);
            uint32_t slot = index_slot(fanout, child.shift, (int32_t)child.x, (int32_t)child.y);
            err = visit(q, node[slot], &child, &parts[p].piece);
        }
    }
    index_scratch_back(&q->scratch, mark);
    return err;
}

static geo_err query_area(const geo_index_version *version, const geo_area *area, uint32_t *ids,
                          size_t ids_max, size_t *id_count)
{
    const index_square root = {INT32_MIN, INT32_MIN, INDEX_ROOT_SHIFT};
    area_query q = {.base = version->base};
    index_fence *fence;
    geo_err err = index_fence_copy(area, &fence);
    if (err != GEO_OK) {
        return err;
    }
    index_piece whole = index_piece_whole(fence, 0);
    err = visit(&q, version->root, &root, &whole);
    if (err == GEO_OK) {
        sort_unique(&q);
        *id_count = q.count;
        err = q.count <= ids_max ? GEO_OK : GEO_TOO_BIG;
        for (size_t i = 0; i < q.count && i < ids_max; i++) {
            ids[i] = q.ids[i];
        }
    }
    index_fence_free(fence);
    index_scratch_fini(&q.scratch);
    free(q.ids);
    return err;
}

geo_err geo_index_area(const geo_index_version *version, const geo_area *area, uint32_t *ids,
                       size_t ids_max, size_t *id_count)
{
    return query_area(version, area, ids, ids_max, id_count);
}

/* A box is an area that may be flat: then its ring goes there and back. */
geo_err geo_index_box(const geo_index_version *version, geo_box box, uint32_t *ids, size_t ids_max,
                      size_t *id_count)
{
    const geo_point corners[] = {
        box.min,
        {box.max.lon_e7, box.min.lat_e7},
        box.max,
        {box.min.lon_e7, box.max.lat_e7},
    };
    const uint32_t end = 4;
    const geo_area area = {
        .ring_count = 1,
        .vertex_count = 4,
        .ring_ends = &end,
        .vertices = corners,
        .box = box,
    };
    return query_area(version, &area, ids, ids_max, id_count);
}
