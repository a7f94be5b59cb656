/* geo/index_maker.c - blocks made and blocks retired during one change of the index. */
#include "index_maker.h"

#include <stdlib.h>
#include <string.h>

geo_err index_garbage_add(index_garbage *garbage, uint32_t unit, size_t bytes)
{
    if (garbage->count == garbage->room) {
        size_t room = garbage->room == 0 ? 256 : garbage->room * 2;
        index_garbage_item *items = realloc(garbage->items, room * sizeof *items);
        if (items == NULL) {
            return GEO_NO_MEMORY;
        }
        garbage->items = items;
        garbage->room = room;
    }
    garbage->items[garbage->count++] = (index_garbage_item){unit, (uint32_t)bytes};
    return GEO_OK;
}

void index_garbage_free_from(index_garbage *garbage, size_t first, index_arena *arena)
{
    for (size_t i = garbage->count; i > first; i--) {
        index_arena_free(arena, garbage->items[i - 1].unit, garbage->items[i - 1].bytes);
    }
    garbage->count = first;
}

uint32_t index_maker_alloc(index_maker *maker, size_t bytes, bool aligned)
{
    uint32_t unit = index_arena_alloc(maker->arena, bytes, aligned);
    if (unit != 0 && maker->fresh != NULL &&
        index_garbage_add(maker->fresh, unit, bytes) != GEO_OK) {
        index_arena_free(maker->arena, unit, bytes);
        return 0;
    }
    return unit;
}

size_t index_desc_bytes(const uint8_t *base, index_desc desc, unsigned shift)
{
    if (index_kind(desc) == INDEX_KIND_NARROW && (desc & INDEX_FLAG)) {
        const index_list *list = index_at(base, desc);
        return sizeof *list + list->count * sizeof list->ids[0];
    }
    if (index_is_short(desc) || index_is_long(desc)) {
        const index_narrow *record = index_at(base, desc);
        size_t ids = (size_t)record->entry_count + record->cover_count;
        size_t vertex_bytes =
            index_is_long(desc) ? sizeof(index_long_vertex) : sizeof(index_vertex);
        return sizeof *record + record->vertex_count * vertex_bytes + ids * 2 * sizeof(uint32_t);
    }
    switch (index_kind(desc)) {
    case INDEX_KIND_WIDE:
        return ((const index_wide *)index_at(base, desc))->bytes;
    case INDEX_KIND_NODE: {
        unsigned fanout = shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
        return (sizeof(index_desc) << 2 * fanout) +
               (shift > INDEX_CELL_SHIFT_MAX ? sizeof(index_tail) : 0);
    }
    default:
        return 0;
    }
}

geo_err index_maker_retire(index_maker *maker, index_desc desc, unsigned shift)
{
    if (index_kind(desc) == INDEX_KIND_ID) {
        return GEO_OK;
    }
    uint32_t unit = desc & INDEX_OFFSET_MASK;
    if (index_kind(desc) == INDEX_KIND_NODE) {
        unit &= ~3u;
    }
    return index_garbage_add(maker->retired, unit,
                             index_desc_bytes(maker->arena->base, desc, shift));
}

geo_err index_maker_retire_all(index_maker *maker, index_desc desc, unsigned shift)
{
    const uint8_t *base = maker->arena->base;
    if (index_kind(desc) == INDEX_KIND_NODE) {
        unsigned fanout = shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
        const index_desc *children = index_node(base, desc);
        if (shift > INDEX_CELL_SHIFT_MAX && shift != INDEX_ROOT_SHIFT) {
            const index_tail *tail = index_node_tail(base, desc);
            geo_err err = index_maker_retire(maker, tail->covers, 0);
            err = err != GEO_OK ? err : index_maker_retire(maker, tail->noted, 0);
            if (err != GEO_OK) {
                return err;
            }
        }
        for (uint32_t c = 0; c < 1u << 2 * fanout; c++) {
            geo_err err = index_maker_retire_all(maker, children[c], shift - fanout);
            if (err != GEO_OK) {
                return err;
            }
        }
    }
    return index_maker_retire(maker, desc, shift);
}

geo_err index_copy_all(index_arena *to, const uint8_t *base, index_desc desc, unsigned shift,
                       index_desc *out)
{
    const bool is_node = index_kind(desc) == INDEX_KIND_NODE;
    const index_desc offset_mask = is_node ? INDEX_OFFSET_MASK & ~3u : INDEX_OFFSET_MASK;
    if (index_kind(desc) == INDEX_KIND_ID) {
        *out = desc;
        return GEO_OK;
    }
    const size_t bytes = index_desc_bytes(base, desc, shift);
    const uint32_t unit = index_arena_alloc(to, bytes, is_node);
    if (unit == 0) {
        return GEO_NO_MEMORY;
    }
    index_desc *copy = (index_desc *)(to->base + (size_t)unit * INDEX_UNIT_BYTES);
    memcpy(copy, base + (size_t)(desc & offset_mask) * INDEX_UNIT_BYTES, bytes);
    *out = (desc & ~offset_mask) | unit;
    if (!is_node) {
        return GEO_OK;
    }
    const bool is_root = shift == INDEX_ROOT_SHIFT;
    const unsigned fanout = is_root ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
    index_tail *tail = (index_tail *)(copy + (1u << 2 * fanout));
    geo_err err = GEO_OK;
    if (shift > INDEX_CELL_SHIFT_MAX && !is_root) {
        err = index_copy_all(to, base, tail->covers, 0, &tail->covers);
        err = err != GEO_OK ? err : index_copy_all(to, base, tail->noted, 0, &tail->noted);
    }
    for (uint32_t c = 0; c < 1u << 2 * fanout && err == GEO_OK; c++) {
        err = index_copy_all(to, base, copy[c], shift - fanout, &copy[c]);
    }
    return err;
}
