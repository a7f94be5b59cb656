/* geo/index_check.c - the invariants of the index: it is exactly what a build would make. */
#include <string.h>

#include "index_build.h"
#include "index_private.h"

/* Two trees side by side: the one to check, and a fresh one from the rings. */
typedef struct comparison {
    const uint8_t *base;
    const uint8_t *fresh_base;
    geo_why *why;
} comparison;

static bool differs(const comparison *c, const index_square *square, const char *what)
{
    (void)geo_why_set(c->why, GEO_INVALID, "square %lld %lld of 2^%u: %s", (long long)square->x,
                      (long long)square->y, square->shift, what);
    return false;
}

static bool compare(const comparison *c, index_desc desc, index_desc fresh,
                    const index_square *square);

static bool compare_nodes(const comparison *c, index_desc desc, index_desc fresh,
                          const index_square *square)
{
    const bool is_root = square->shift == INDEX_ROOT_SHIFT;
    const unsigned fanout = is_root ? INDEX_ROOT_FANOUT : index_node_fanout(desc);
    if (!is_root && fanout != index_node_fanout(fresh)) {
        return differs(c, square, "another fan-out than a build gives");
    }
    if (!is_root && square->shift > INDEX_CELL_SHIFT_MAX) {
        const index_tail *tail = index_node_tail(c->base, desc);
        const index_tail *fresh_tail = index_node_tail(c->fresh_base, fresh);
        if (tail->edge_count != fresh_tail->edge_count ||
            tail->parted_count != fresh_tail->parted_count) {
            return differs(c, square, "the number of edges is wrong");
        }
        if (((desc & INDEX_FLAG) != 0) != (tail->covers != 0)) {
            return differs(c, square, "the flag for covers is wrong");
        }
        if (!compare(c, tail->covers, fresh_tail->covers, square) ||
            !compare(c, tail->noted, fresh_tail->noted, square)) {
            return false;
        }
    }
    const index_desc *node = index_node(c->base, desc);
    const index_desc *fresh_node = index_node(c->fresh_base, fresh);
    for (uint32_t child = 0; child < 1u << 2 * fanout; child++) {
        index_square at = index_child_square(square, fanout, child);
        uint32_t slot = index_child_slot(square, fanout, child);
        if (!compare(c, node[slot], fresh_node[slot], &at)) {
            return false;
        }
    }
    return true;
}

static bool compare(const comparison *c, index_desc desc, index_desc fresh,
                    const index_square *square)
{
    if (index_kind(desc) != index_kind(fresh)) {
        return differs(c, square, "another kind than a build gives");
    }
    if (index_kind(desc) == INDEX_KIND_ID) {
        return desc == fresh || differs(c, square, "another covering fence");
    }
    if (index_kind(desc) == INDEX_KIND_NODE) {
        return compare_nodes(c, desc, fresh, square);
    }
    if ((desc & INDEX_FLAG) != (fresh & INDEX_FLAG)) {
        return differs(c, square, "a list is no list, or a record is one");
    }
    size_t bytes = index_desc_bytes(c->base, desc, square->shift);
    if (bytes != index_desc_bytes(c->fresh_base, fresh, square->shift) ||
        memcmp(index_at(c->base, desc), index_at(c->fresh_base, fresh), bytes) != 0) {
        return differs(c, square, "another record than a build gives");
    }
    return true;
}

/* A second index, in memory of its own, from the rings of the first one. */
static geo_err build_again(const geo_index *index, index_maker *maker, index_desc *root)
{
    index_square square = INDEX_ROOT_SQUARE;
    index_piece *pieces = index_scratch_get(maker->scratch, index->fence_count, sizeof *pieces);
    if (pieces == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t count = 0;
    for (uint32_t id = 0; id < index->fence_room; id++) {
        if (index->fences[id] != NULL) {
            pieces[count++] = index_piece_whole(index->fences[id], id);
        }
    }
    return index_build_square(maker, &square, pieces, count, root);
}

bool geo_index_check(const geo_index *index, geo_why *why)
{
    index_arena *arena;
    index_scratch scratch = {0};
    index_square square = INDEX_ROOT_SQUARE;
    index_desc root;
    bool is_good = false;
    geo_err err = index_arena_new(NULL, &arena);
    if (err != GEO_OK) {
        (void)geo_why_set(why, err, "%s", geo_err_text(err));
        return false;
    }
    index_maker maker = {arena, &scratch, NULL, NULL};
    err = build_again(index, &maker, &root);
    if (err != GEO_OK) {
        (void)geo_why_set(why, err, "%s", geo_err_text(err));
    } else {
        comparison c = {index->arena->base, arena->base, why};
        is_good = compare(&c, index->root, root, &square);
    }
    index_scratch_fini(&scratch);
    index_arena_unref(arena);
    return is_good;
}
