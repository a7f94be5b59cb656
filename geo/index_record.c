/* geo/index_record.c - writes narrow and wide records and lists. */
#include "index_record.h"

#include <string.h>

void index_draft_begin(index_draft *draft)
{
    draft->vertex_count = 0;
    draft->entry_count = 0;
    draft->cover_count = 0;
    draft->virtual_mask = 0;
    draft->fits = true;
    draft->is_long = false;
}

static bool is_beyond(int64_t x, int64_t y, int64_t limit)
{
    return x < -limit || x > limit || y < -limit || y > limit;
}

/* Add a vertex, given relative to the cell's centre. */
static void draft_vertex(index_draft *draft, int64_t x, int64_t y)
{
    if (draft->vertex_count >= INDEX_NARROW_VERTICES_MAX || is_beyond(x, y, INDEX_LONG_COORD_MAX)) {
        draft->fits = false;
    } else {
        draft->x[draft->vertex_count] = (int32_t)x;
        draft->y[draft->vertex_count] = (int32_t)y;
        draft->is_long |= is_beyond(x, y, INDEX_NARROW_COORD_MAX);
    }
    draft->vertex_count++;
}

/* The bit of the edge that begins at the newest vertex. */
static uint32_t draft_edge_bit(const index_draft *draft)
{
    return draft->vertex_count <= INDEX_NARROW_VERTICES_MAX ? 1u << (draft->vertex_count - 1) : 0;
}

void index_draft_add_piece(index_draft *draft, const index_piece *piece, const index_square *square)
{
    int64_t half = (int64_t)1 << (square->shift - 1);
    int64_t x0 = square->x + half;
    int64_t y0 = square->y + half;
    uint32_t mask = 0;
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        index_link link = index_piece_link(piece, e);
        if (e == 0 || !link.joins_previous) {
            if (!link.joins_previous && index_end_counts(link.a, square)) {
                draft_vertex(draft, link.a.lon_e7 - x0, half);
                mask |= draft_edge_bit(draft);
                draft->virtual_mask |= draft_edge_bit(draft);
            }
            draft_vertex(draft, link.a.lon_e7 - x0, link.a.lat_e7 - y0);
        }
        mask |= draft_edge_bit(draft);
        draft_vertex(draft, link.b.lon_e7 - x0, link.b.lat_e7 - y0);
        if (!link.joins_next && index_end_counts(link.b, square)) {
            mask |= draft_edge_bit(draft);
            draft->virtual_mask |= draft_edge_bit(draft);
            draft_vertex(draft, link.b.lon_e7 - x0, half);
        }
    }
    if (draft->entry_count >= INDEX_NARROW_VERTICES_MAX) {
        draft->fits = false;
        return;
    }
    draft->entries[draft->entry_count] = piece->id | (piece->base ? INDEX_BASE_BIT : 0);
    draft->masks[draft->entry_count++] = mask;
}

void index_draft_add_entry(index_draft *draft, index_desc desc, const index_narrow *record,
                           uint32_t entry)
{
    const uint32_t *ids = index_record_ids(desc, record);
    const uint32_t mask = ids[record->entry_count + record->cover_count + entry];
    /* The vertices of an entry are neighbours: from the first edge's start to the last one's end.
     */
    const unsigned first = (unsigned)__builtin_ctz(mask);
    const unsigned count = 33 - first - (unsigned)__builtin_clz(mask);
    const unsigned shift = draft->vertex_count;
    for (unsigned i = first; i < first + count; i++) {
        if (index_is_long(desc)) {
            draft_vertex(draft, index_long_vertices(record)[i].x, index_long_vertices(record)[i].y);
        } else {
            draft_vertex(draft, record->vertices[i].x, record->vertices[i].y);
        }
    }
    if (!draft->fits || draft->entry_count >= INDEX_NARROW_VERTICES_MAX) {
        draft->fits = false;
        return;
    }
    draft->virtual_mask |= (record->virtual_mask & mask) >> first << shift;
    draft->entries[draft->entry_count] = ids[entry];
    draft->masks[draft->entry_count++] = mask >> first << shift;
}

void index_draft_add_cover(index_draft *draft, uint32_t id)
{
    if (draft->cover_count + draft->entry_count >= INDEX_NARROW_IDS_MAX) {
        draft->fits = false;
        return;
    }
    draft->covers[draft->cover_count++] = id;
}

geo_err index_list_make(index_maker *maker, const uint32_t *ids, uint32_t count, index_desc *out)
{
    if (count <= 1) {
        *out = count == 0 ? 0 : ids[0] + 1;
        return GEO_OK;
    }
    index_list *list;
    uint32_t unit = index_maker_alloc(maker, sizeof *list + count * sizeof *ids, false);
    if (unit == 0) {
        return GEO_NO_MEMORY;
    }
    list = index_maker_at(maker, unit);
    list->count = count;
    for (uint32_t i = 0; i < count; i++) {
        list->ids[i] = ids[i] | INDEX_BASE_BIT;
    }
    *out = (uint32_t)INDEX_KIND_NARROW << INDEX_KIND_SHIFT | INDEX_FLAG | unit;
    return GEO_OK;
}

uint32_t index_list_count(const uint8_t *base, index_desc desc)
{
    uint32_t single;
    uint32_t count;
    (void)index_list_ids(base, desc, &single, &count);
    return count;
}

const uint32_t *index_list_ids(const uint8_t *base, index_desc desc, uint32_t *single,
                               uint32_t *count)
{
    if (index_kind(desc) == INDEX_KIND_ID) {
        *single = desc - 1;
        *count = desc != 0;
        return single;
    }
    const index_list *list = index_at(base, desc);
    *count = list->count;
    return list->ids;
}

/* The vertices in either width; their end. */
static uint32_t *write_vertices(index_narrow *record, const index_draft *draft)
{
    index_long_vertex *wide = (index_long_vertex *)record->vertices;
    for (uint32_t i = 0; i < draft->vertex_count; i++) {
        if (draft->is_long) {
            wide[i] = (index_long_vertex){draft->x[i], draft->y[i]};
        } else {
            record->vertices[i] = (index_vertex){(int16_t)draft->x[i], (int16_t)draft->y[i]};
        }
    }
    return draft->is_long ? (uint32_t *)(wide + draft->vertex_count)
                          : (uint32_t *)(record->vertices + draft->vertex_count);
}

geo_err index_draft_make(index_maker *maker, const index_draft *draft, index_desc *out)
{
    if (draft->entry_count == 0) {
        return index_list_make(maker, draft->covers, draft->cover_count, out);
    }
    const uint32_t ids_count = draft->entry_count + draft->cover_count;
    index_narrow *record;
    const size_t vertex_bytes = draft->is_long ? sizeof(index_long_vertex) : sizeof(index_vertex);
    size_t bytes = sizeof *record + draft->vertex_count * vertex_bytes +
                   (size_t)ids_count * 2 * sizeof(uint32_t);
    uint32_t unit = index_maker_alloc(maker, bytes, false);
    if (unit == 0) {
        return GEO_NO_MEMORY;
    }
    record = index_maker_at(maker, unit);
    record->entry_count = (uint8_t)draft->entry_count;
    record->cover_count = (uint8_t)draft->cover_count;
    record->vertex_count = (uint8_t)draft->vertex_count;
    record->zero = 0;
    record->virtual_mask = draft->virtual_mask;
    uint32_t *ids = write_vertices(record, draft);
    uint32_t *masks = ids + ids_count;
    for (uint32_t i = 0; i < draft->entry_count; i++) {
        ids[i] = draft->entries[i];
        masks[i] = draft->masks[i];
    }
    for (uint32_t i = 0; i < draft->cover_count; i++) {
        ids[draft->entry_count + i] = draft->covers[i] | INDEX_BASE_BIT;
        masks[draft->entry_count + i] = 0;
    }
    *out = draft->is_long ? (uint32_t)INDEX_KIND_WIDE << INDEX_KIND_SHIFT | INDEX_FLAG | unit
                          : (uint32_t)INDEX_KIND_NARROW << INDEX_KIND_SHIFT | unit;
    return GEO_OK;
}

/* Write the ends that count, or only count them when ends is NULL. */
static uint32_t wide_ends(const index_piece *piece, const index_square *square, int32_t *ends)
{
    uint32_t count = 0;
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        index_link link = index_piece_link(piece, e);
        if (!link.joins_previous && index_end_counts(link.a, square)) {
            if (ends != NULL) {
                ends[count] = link.a.lat_e7;
            }
            count++;
        }
        if (!link.joins_next && index_end_counts(link.b, square)) {
            if (ends != NULL) {
                ends[count] = link.b.lat_e7;
            }
            count++;
        }
    }
    return count;
}

static uint8_t *wide_write_entry(uint8_t *at, const index_piece *piece, const index_square *square)
{
    index_wide_entry *entry = (index_wide_entry *)at;
    index_wide_edge *edges = (index_wide_edge *)(entry + 1);
    entry->id_and_base = piece->id | (piece->base ? INDEX_BASE_BIT : 0);
    entry->edge_count = piece->edge_count;
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        geo_point a = piece->fence->points[piece->edges[e]];
        geo_point b = piece->fence->points[piece->edges[e] + 1];
        edges[e] = (index_wide_edge){a.lon_e7, a.lat_e7, b.lon_e7, b.lat_e7};
    }
    entry->zero = 0;
    entry->end_count = wide_ends(piece, square, (int32_t *)(edges + piece->edge_count));
    return (uint8_t *)(edges + piece->edge_count) + entry->end_count * sizeof(int32_t);
}

geo_err index_wide_make(index_maker *maker, const index_content *content,
                        const index_square *square, index_desc *out)
{
    index_wide *record;
    size_t bytes = sizeof *record + content->cover_count * sizeof(uint32_t);
    for (uint32_t i = 0; i < content->piece_count; i++) {
        const index_piece *piece = &content->pieces[i];
        bytes += sizeof(index_wide_entry) + piece->edge_count * sizeof(index_wide_edge) +
                 wide_ends(piece, square, NULL) * sizeof(int32_t);
    }
    if (bytes > UINT32_MAX) {
        return GEO_NO_MEMORY;
    }
    uint32_t unit = index_maker_alloc(maker, bytes, false);
    if (unit == 0) {
        return GEO_NO_MEMORY;
    }
    record = index_maker_at(maker, unit);
    *record = (index_wide){content->piece_count, content->cover_count, (uint32_t)bytes, 0};
    uint8_t *at = (uint8_t *)(record + 1);
    if (content->cover_count != 0) {
        memcpy(at, content->covers, content->cover_count * sizeof(uint32_t));
    }
    at += content->cover_count * sizeof(uint32_t);
    for (uint32_t i = 0; i < content->piece_count; i++) {
        at = wide_write_entry(at, &content->pieces[i], square);
    }
    *out = (uint32_t)INDEX_KIND_WIDE << INDEX_KIND_SHIFT | unit;
    return GEO_OK;
}
