/* geo/index_leaf.c - reads records in one form. */
#include "index_leaf.h"

#include "index_fence.h"
#include "index_touch.h"

void index_leaf_open(index_leaf *leaf, const uint8_t *base, index_desc desc,
                     const index_square *square, const uint32_t **covers, uint32_t *cover_count)
{
    const int64_t half = (int64_t)1 << (square->shift - 1);
    leaf->narrow = NULL;
    leaf->wide = NULL;
    leaf->next = 0;
    leaf->at = NULL;
    leaf->center_x = (int32_t)(square->x + half);
    leaf->center_y = (int32_t)(square->y + half);
    leaf->desc = desc;
    if (index_is_short(desc) || index_is_long(desc)) {
        leaf->narrow = index_at(base, desc);
        *covers = index_record_ids(desc, leaf->narrow) + leaf->narrow->entry_count;
        *cover_count = leaf->narrow->cover_count;
        return;
    }
    leaf->wide = index_at(base, desc);
    *covers = (const uint32_t *)(leaf->wide + 1);
    *cover_count = leaf->wide->cover_count;
    leaf->at = (const uint8_t *)(*covers + *cover_count);
}

/* Vertex j of a narrow or long record in lattice coordinates. */
static geo_point vertex_of(const index_leaf *leaf, unsigned j)
{
    const index_narrow *record = leaf->narrow;
    if (index_is_long(leaf->desc)) {
        const index_long_vertex *v = index_long_vertices(record) + j;
        return (geo_point){leaf->center_x + v->x, leaf->center_y + v->y};
    }
    const index_vertex *v = record->vertices + j;
    return (geo_point){leaf->center_x + v->x, leaf->center_y + v->y};
}

static bool next_narrow(index_leaf *leaf, index_entry *entry)
{
    const index_narrow *record = leaf->narrow;
    if (leaf->next >= record->entry_count) {
        return false;
    }
    const uint32_t *ids = index_record_ids(leaf->desc, record);
    const uint32_t count = (uint32_t)record->entry_count + record->cover_count;
    *entry = (index_entry){.id = ids[leaf->next] & ~INDEX_BASE_BIT,
                           .base = ids[leaf->next] >> 31,
                           .edges = leaf->edges,
                           .ends = leaf->ends};
    for (uint32_t left = ids[count + leaf->next]; left != 0; left &= left - 1) {
        unsigned j = (unsigned)__builtin_ctz(left);
        geo_point a = vertex_of(leaf, j);
        geo_point b = vertex_of(leaf, j + 1);
        if (record->virtual_mask >> j & 1) {
            /* From the chain's end up to the top of the square, or down from there. */
            leaf->ends[entry->end_count++] = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
        } else {
            leaf->edges[entry->edge_count++] =
                (index_wide_edge){a.lon_e7, a.lat_e7, b.lon_e7, b.lat_e7};
        }
    }
    leaf->next++;
    return true;
}

bool index_leaf_next(index_leaf *leaf, index_entry *entry)
{
    if (leaf->narrow != NULL) {
        return next_narrow(leaf, entry);
    }
    if (leaf->next >= leaf->wide->entry_count) {
        return false;
    }
    const index_wide_entry *wide = (const index_wide_entry *)leaf->at;
    const index_wide_edge *edges = (const index_wide_edge *)(wide + 1);
    *entry = (index_entry){
        .id = wide->id_and_base & ~INDEX_BASE_BIT,
        .base = wide->id_and_base >> 31,
        .edges = edges,
        .edge_count = wide->edge_count,
        .ends = (const int32_t *)(edges + wide->edge_count),
        .end_count = wide->end_count,
    };
    leaf->at += index_wide_entry_bytes(wide);
    leaf->next++;
    return true;
}

bool index_entry_contains(const index_entry *entry, geo_point point)
{
    const index_line at = {point.lon_e7, point.lat_e7, point.lon_e7, point.lat_e7};
    bool inside = entry->base;
    for (uint32_t e = 0; e < entry->edge_count; e++) {
        const index_wide_edge *edge = &entry->edges[e];
        geo_point a = {edge->ax, edge->ay};
        geo_point b = {edge->bx, edge->by};
        if (index_lines_touch(&at, &(index_line){edge->ax, edge->ay, edge->bx, edge->by})) {
            return true;
        }
        inside ^= index_crosses_left(a, b, point.lon_e7, point.lat_e7);
    }
    for (uint32_t e = 0; e < entry->end_count; e++) {
        inside ^= entry->ends[e] <= point.lat_e7;
    }
    return inside;
}
