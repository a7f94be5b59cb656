/* geo/index_update.c - copy-on-write changes. The result is the one that a build would give. */
#include "index_update.h"

#include <stdlib.h>
#include <string.h>

#include "index_build.h"
#include "index_record.h"

/* Ids met on a walk; each fence is noted once, thanks to its stamp. */
typedef struct id_set {
    uint32_t *ids;
    uint32_t count;
    uint32_t room;
} id_set;

static geo_err id_set_add(index_updater *updater, id_set *set, uint32_t id)
{
    index_fence *fence = updater->fences[id];
    if (id == updater->id || fence->stamp == *updater->stamp) {
        return GEO_OK;
    }
    if (set->count == set->room) {
        uint32_t room = set->room * 2 + 64;
        uint32_t *ids = index_scratch_get(updater->maker.scratch, room, sizeof *ids);
        if (ids == NULL) {
            return GEO_NO_MEMORY;
        }
        if (set->count != 0) {
            memcpy(ids, set->ids, set->count * sizeof *ids);
        }
        set->ids = ids;
        set->room = room;
    }
    fence->stamp = *updater->stamp;
    set->ids[set->count++] = id;
    return GEO_OK;
}

static geo_err id_set_add_all(index_updater *updater, id_set *set, const uint32_t *ids,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        geo_err err = id_set_add(updater, set, ids[i] & ~INDEX_BASE_BIT);
        if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

static geo_err collect_wide(index_updater *updater, const index_wide *record, id_set *set)
{
    const uint32_t *covers = (const uint32_t *)(record + 1);
    geo_err err = id_set_add_all(updater, set, covers, record->cover_count);
    const uint8_t *at = (const uint8_t *)(covers + record->cover_count);
    for (uint32_t i = 0; i < record->entry_count && err == GEO_OK; i++) {
        const index_wide_entry *entry = (const index_wide_entry *)at;
        err = id_set_add_all(updater, set, &entry->id_and_base, 1);
        at += index_wide_entry_bytes(entry);
    }
    return err;
}

static geo_err collect(index_updater *updater, index_desc desc, unsigned shift, id_set *set)
{
    const uint8_t *base = updater->maker.arena->base;
    geo_err err = GEO_OK;
    if (index_kind(desc) == INDEX_KIND_NODE) {
        unsigned fanout = index_node_fanout(desc);
        const index_desc *children = index_node(base, desc);
        if (desc & INDEX_FLAG) {
            err = collect(updater, index_node_tail(base, desc)->covers, 0, set);
        }
        for (uint32_t c = 0; c < 1u << 2 * fanout && err == GEO_OK; c++) {
            err = collect(updater, children[c], shift - fanout, set);
        }
        return err;
    }
    if (index_is_short(desc) || index_is_long(desc)) {
        const index_narrow *record = index_at(base, desc);
        return id_set_add_all(updater, set, index_record_ids(desc, record),
                              (uint32_t)record->entry_count + record->cover_count);
    }
    if (index_kind(desc) == INDEX_KIND_WIDE) {
        return collect_wide(updater, index_at(base, desc), set);
    }
    uint32_t single;
    uint32_t count;
    const uint32_t *ids = index_list_ids(base, desc, &single, &count);
    return id_set_add_all(updater, set, ids, count);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

geo_err index_collect_ids(index_updater *updater, index_desc desc, unsigned shift, uint32_t **ids,
                          uint32_t *count)
{
    id_set set = {0};
    ++*updater->stamp;
    geo_err err = collect(updater, desc, shift, &set);
    if (err == GEO_OK && set.count > 1) {
        qsort(set.ids, set.count, sizeof *set.ids, compare_ids);
    }
    *ids = set.ids;
    *count = set.count;
    return err;
}

/* Build the square again from the rings of everything that it holds. */
static geo_err rebuild(index_updater *updater, index_desc desc, const index_square *square,
                       const index_piece *after, index_desc *out)
{
    index_scratch *scratch = updater->maker.scratch;
    uint32_t *ids;
    uint32_t id_count;
    geo_err err = index_collect_ids(updater, desc, square->shift, &ids, &id_count);
    if (err != GEO_OK) {
        return err;
    }
    index_piece *pieces = index_scratch_get(scratch, (size_t)id_count + 1, sizeof *pieces);
    if (pieces == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t count = 0;
    bool is_added = after == NULL;
    for (uint32_t i = 0; i < id_count; i++) {
        if (!is_added && ids[i] > updater->id) {
            pieces[count++] = *after;
            is_added = true;
        }
        err = index_piece_of(scratch, updater->fences[ids[i]], ids[i], square, &pieces[count++]);
        if (err != GEO_OK) {
            return err;
        }
    }
    if (!is_added) {
        pieces[count++] = *after;
    }
    err = index_maker_retire_all(&updater->maker, desc, square->shift);
    return err != GEO_OK ? err : index_build_square(&updater->maker, square, pieces, count, out);
}

/* The covering ids of a descriptor without `id`, or with it, kept ascending. */
static geo_err changed_covers(index_updater *updater, index_desc covers, bool is_cover_after,
                              index_desc *out)
{
    uint32_t single;
    uint32_t count;
    const uint32_t *ids = index_list_ids(updater->maker.arena->base, covers, &single, &count);
    uint32_t *changed =
        index_scratch_get(updater->maker.scratch, (size_t)count + 1, sizeof *changed);
    if (changed == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t id = ids[i] & ~INDEX_BASE_BIT;
        if (is_cover_after && id > updater->id) {
            changed[n++] = updater->id;
            is_cover_after = false;
        }
        if (id != updater->id) {
            changed[n++] = id;
        }
    }
    if (is_cover_after) {
        changed[n++] = updater->id;
    }
    geo_err err = index_list_make(&updater->maker, changed, n, out);
    return err != GEO_OK ? err : index_maker_retire(&updater->maker, covers, 0);
}

static bool has_edges(const index_piece *piece)
{
    return piece != NULL && piece->edge_count != 0;
}

static bool is_cover(const index_piece *piece)
{
    return piece != NULL && piece->edge_count == 0;
}

static bool is_small_cover(const index_piece *piece)
{
    return is_cover(piece) && !index_is_large(piece->fence);
}

/* What a change means to a branch that keeps its fan-out. */
typedef struct branch_change {
    index_part *before; /* by child, like the next */
    index_part *after;
    uint32_t before_count;
    uint32_t after_count;
    index_tail tail; /* afterwards, but for the covers */
    bool is_told_before;
    bool is_told_after;
    bool is_noted_before;
    bool is_noted_after;
} branch_change;

/* The tail of a branch or of the root. */
static const index_tail *branch_tail(const uint8_t *base, index_desc desc, unsigned fanout)
{
    return (const index_tail *)(index_node(base, desc) + (1u << 2 * fanout));
}

/* Update the children of a copied node: both lists of parts ascend by child. */
static geo_err update_children(index_updater *updater, const index_square *square, unsigned fanout,
                               const branch_change *change, index_desc *node)
{
    const index_part *before = change->before;
    const index_part *after = change->after;
    uint32_t b = 0;
    uint32_t a = 0;
    while (b < change->before_count || a < change->after_count) {
        uint32_t child_b = b < change->before_count ? before[b].child : UINT32_MAX;
        uint32_t child_a = a < change->after_count ? after[a].child : UINT32_MAX;
        uint32_t child = child_b < child_a ? child_b : child_a;
        const index_piece *piece_b = child_b == child ? &before[b++].piece : NULL;
        const index_piece *piece_a = child_a == child ? &after[a++].piece : NULL;
        if (is_cover(piece_b) && is_cover(piece_a) &&
            is_small_cover(piece_b) == is_small_cover(piece_a)) {
            continue;
        }
        index_square at = index_child_square(square, fanout, child);
        index_desc *place = &node[index_child_slot(square, fanout, child)];
        geo_err err = index_update_square(updater, *place, &at, piece_b, piece_a, place);
        if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

/* What a piece means to the children of a branch. */
static geo_err parts_of(index_updater *updater, const index_piece *piece,
                        const index_square *square, unsigned fanout, bool is_noted,
                        index_part **parts, uint32_t *count)
{
    index_scratch *scratch = updater->maker.scratch;
    *parts = NULL;
    *count = 0;
    if (has_edges(piece)) {
        return index_piece_cut(scratch, piece, square, fanout, parts, count);
    }
    if (is_noted) {
        *count = 1u << 2 * fanout;
        *parts = index_scratch_get(scratch, *count, sizeof **parts);
        if (*parts == NULL) {
            return GEO_NO_MEMORY;
        }
        for (uint32_t child = 0; child < *count; child++) {
            (*parts)[child] = (index_part){child, *piece};
        }
    }
    return GEO_OK;
}

static uint64_t parts_edges(const index_part *parts, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t p = 0; p < count; p++) {
        total += parts[p].piece.edge_count;
    }
    return total;
}

static geo_err branch_change_of(index_updater *updater, index_desc desc, const index_square *square,
                                unsigned fanout, bool notes_covers, const index_piece *before,
                                const index_piece *after, branch_change *out)
{
    out->is_noted_before = is_cover(before) && index_is_noted(square->shift, notes_covers, before);
    out->is_noted_after = is_cover(after) && index_is_noted(square->shift, notes_covers, after);
    out->is_told_before = is_cover(before) && !out->is_noted_before;
    out->is_told_after = is_cover(after) && !out->is_noted_after;
    geo_err err = parts_of(updater, before, square, fanout, out->is_noted_before, &out->before,
                           &out->before_count);
    if (err == GEO_OK) {
        err = parts_of(updater, after, square, fanout, out->is_noted_after, &out->after,
                       &out->after_count);
    }
    if (err != GEO_OK) {
        return err;
    }
    out->tail = *branch_tail(updater->maker.arena->base, desc, fanout);
    out->tail.edge_count += after != NULL ? after->edge_count : 0;
    out->tail.edge_count -= before != NULL ? before->edge_count : 0;
    out->tail.parted_count += (uint32_t)(parts_edges(out->after, out->after_count) -
                                         parts_edges(out->before, out->before_count));
    return GEO_OK;
}

/* A branch that stays one, with the same fan-out: copy the node, change the touched children. */
static geo_err change_branch(index_updater *updater, index_desc desc, const index_square *square,
                             unsigned fanout, const branch_change *change, index_desc *out)
{
    index_maker *maker = &updater->maker;
    index_desc *node;
    geo_err err = index_node_make(maker, square->shift, fanout, &node, out);
    if (err != GEO_OK) {
        return err;
    }
    memcpy(node, index_node(maker->arena->base, desc), sizeof *node << 2 * fanout);
    index_tail *tail = (index_tail *)(node + (1u << 2 * fanout));
    *tail = change->tail;
    if (change->is_told_before || change->is_told_after) {
        err = changed_covers(updater, tail->covers, change->is_told_after, &tail->covers);
    }
    if (err == GEO_OK && (change->is_noted_before || change->is_noted_after)) {
        err = changed_covers(updater, tail->noted, change->is_noted_after, &tail->noted);
    }
    *out |= tail->covers != 0 ? INDEX_FLAG : 0;
    if (err == GEO_OK) {
        err = index_maker_retire(maker, desc, square->shift);
    }
    return err != GEO_OK ? err : update_children(updater, square, fanout, change, node);
}

/* How many of the fences that cover a branch are not large, or that they are too many by two. */
static uint32_t count_small_covers(const index_updater *updater, const index_tail *tail)
{
    const uint8_t *base = updater->maker.arena->base;
    uint32_t single;
    uint32_t cover_count;
    const uint32_t *covers = index_list_ids(base, tail->covers, &single, &cover_count);
    uint32_t small_count = index_list_count(base, tail->noted);
    for (uint32_t i = 0; i < cover_count && small_count < INDEX_CELL_COVERS_MAX + 2; i++) {
        small_count += !index_is_large(updater->fences[covers[i] & ~INDEX_BASE_BIT]);
    }
    return small_count;
}

/* A branch of as many edges as its fan-out stands for. Its covers may become many, or few. Whether
 * they are still worth it is known when the children are done; where they are not, that was in
 * vain. */
static geo_err update_branch(index_updater *updater, index_desc desc, const index_square *square,
                             unsigned fanout, const index_piece *before, const index_piece *after,
                             index_desc *out)
{
    index_maker *maker = &updater->maker;
    const size_t fresh_count = maker->fresh->count;
    const size_t retired_count = maker->retired->count;
    branch_change change;
    const uint32_t small_before =
        count_small_covers(updater, branch_tail(maker->arena->base, desc, fanout));
    const uint32_t small_after = small_before - is_small_cover(before) + is_small_cover(after);
    const bool notes_covers = index_notes_covers(square->shift, fanout, small_before);
    if (notes_covers != index_notes_covers(square->shift, fanout, small_after)) {
        return rebuild(updater, desc, square, after, out);
    }
    geo_err err =
        branch_change_of(updater, desc, square, fanout, notes_covers, before, after, &change);
    if (err == GEO_OK) {
        err = change_branch(updater, desc, square, fanout, &change, out);
    }
    if (err != GEO_OK || (!has_edges(before) && !has_edges(after)) ||
        index_branch_pays(square->shift, fanout, index_node(maker->arena->base, *out),
                          &change.tail)) {
        return err;
    }
    index_garbage_free_from(maker->fresh, fresh_count, maker->arena);
    maker->retired->count = retired_count;
    return rebuild(updater, desc, square, after, out);
}

/* A divided cell whose edges stay: covers are noted in every child. */
static geo_err update_divided(index_updater *updater, index_desc desc, const index_square *square,
                              const index_piece *before, const index_piece *after, index_desc *out)
{
    index_maker *maker = &updater->maker;
    index_desc *node;
    geo_err err = index_node_make(maker, square->shift, INDEX_FANOUT_MIN, &node, out);
    if (err == GEO_OK) {
        err = index_maker_retire(maker, desc, square->shift);
    }
    if (err != GEO_OK) {
        return err;
    }
    const index_desc *old = index_node(maker->arena->base, desc);
    for (uint32_t c = 0; c < 1u << 2 * INDEX_FANOUT_MIN && err == GEO_OK; c++) {
        index_square child = index_child_square(square, INDEX_FANOUT_MIN, c);
        uint32_t slot = index_child_slot(square, INDEX_FANOUT_MIN, c);
        err = index_update_square(updater, old[slot], &child, before, after, &node[slot]);
    }
    return err;
}

/* The record's content with the change; false: it must be built from the rings. */
static bool draft_changed(const index_updater *updater, index_desc desc, const index_square *square,
                          const index_piece *after, index_draft *draft)
{
    const uint8_t *base = updater->maker.arena->base;
    bool is_pending = has_edges(after);
    uint32_t single;
    uint32_t cover_count;
    const uint32_t *covers;
    index_draft_begin(draft);
    if (index_kind(desc) == INDEX_KIND_WIDE && !index_is_long(desc)) {
        return false;
    }
    if (index_is_short(desc) || index_is_long(desc)) {
        const index_narrow *record = index_at(base, desc);
        const uint32_t *ids = index_record_ids(desc, record);
        for (uint32_t i = 0; i < record->entry_count; i++) {
            uint32_t id = ids[i] & ~INDEX_BASE_BIT;
            if (is_pending && id > updater->id) {
                index_draft_add_piece(draft, after, square);
                is_pending = false;
            }
            if (id != updater->id) {
                index_draft_add_entry(draft, desc, record, i);
            }
        }
        covers = ids + record->entry_count;
        cover_count = record->cover_count;
    } else {
        covers = index_list_ids(base, desc, &single, &cover_count);
    }
    if (is_pending) {
        index_draft_add_piece(draft, after, square);
    }
    is_pending = is_cover(after);
    for (uint32_t i = 0; i < cover_count; i++) {
        uint32_t id = covers[i] & ~INDEX_BASE_BIT;
        if (is_pending && id > updater->id) {
            index_draft_add_cover(draft, updater->id);
            is_pending = false;
        }
        if (id != updater->id) {
            index_draft_add_cover(draft, id);
        }
    }
    if (is_pending) {
        index_draft_add_cover(draft, updater->id);
    }
    return draft->fits;
}

static geo_err update_cell(index_updater *updater, index_desc desc, const index_square *square,
                           const index_piece *before, const index_piece *after, index_desc *out)
{
    if (index_kind(desc) == INDEX_KIND_NODE) {
        const bool edges_stay = !has_edges(before) && !has_edges(after);
        return edges_stay ? update_divided(updater, desc, square, before, after, out)
                          : rebuild(updater, desc, square, after, out);
    }
    index_draft draft;
    index_piece listed;
    if (has_edges(after) && after->edges == NULL) {
        listed = *after;
        after = &listed;
        geo_err err = index_piece_list(updater->maker.scratch, &listed);
        if (err != GEO_OK) {
            return err;
        }
    }
    /* What fits a plain record is one whatever the rings say. */
    if (draft_changed(updater, desc, square, after, &draft)) {
        geo_err err = index_draft_make(&updater->maker, &draft, out);
        return err != GEO_OK ? err : index_maker_retire(&updater->maker, desc, square->shift);
    }
    return rebuild(updater, desc, square, after, out);
}

/* How many edges touch a square above the cells. */
static uint64_t edges_of(const uint8_t *base, index_desc desc)
{
    if (index_kind(desc) == INDEX_KIND_NODE) {
        return index_node_tail(base, desc)->edge_count;
    }
    uint64_t edge_count = 0;
    if (index_kind(desc) == INDEX_KIND_WIDE) {
        const index_wide *record = index_at(base, desc);
        const uint8_t *at = (const uint8_t *)((const uint32_t *)(record + 1) + record->cover_count);
        for (uint32_t i = 0; i < record->entry_count; i++) {
            const index_wide_entry *entry = (const index_wide_entry *)at;
            edge_count += entry->edge_count;
            at += index_wide_entry_bytes(entry);
        }
    }
    return edge_count;
}

geo_err index_update_square(index_updater *updater, index_desc desc, const index_square *square,
                            const index_piece *before, const index_piece *after, index_desc *out)
{
    if (square->shift == INDEX_ROOT_SHIFT) {
        return update_branch(updater, desc, square, INDEX_ROOT_FANOUT, before, after, out);
    }
    index_scratch_mark mark = index_scratch_here(updater->maker.scratch);
    geo_err err;
    if (square->shift <= INDEX_CELL_SHIFT_MAX) {
        err = update_cell(updater, desc, square, before, after, out);
    } else {
        bool is_node = index_kind(desc) == INDEX_KIND_NODE;
        uint64_t old_count = edges_of(updater->maker.arena->base, desc);
        uint64_t edge_count = old_count + (after != NULL ? after->edge_count : 0) -
                              (before != NULL ? before->edge_count : 0);
        const bool edges_stay = !has_edges(before) && !has_edges(after);
        if (is_node && (edges_stay || (index_wants_branch(square->shift, edge_count) &&
                                       index_branch_fanout(square->shift, edge_count) ==
                                           index_node_fanout(desc)))) {
            err = update_branch(updater, desc, square, index_node_fanout(desc), before, after, out);
        } else if (old_count == 0 && edge_count == 0) {
            err = changed_covers(updater, desc, is_cover(after), out);
        } else {
            err = rebuild(updater, desc, square, after, out);
        }
    }
    index_scratch_back(updater->maker.scratch, mark);
    return err;
}
