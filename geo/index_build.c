/* geo/index_build.c - builds squares: branches divide by density, crowded cells divide in 4 x 4. */
#include "index_build.h"

#include <string.h>

/* From how many edges on a branch is divided in 2^fanout x 2^fanout: smaller cells are faster and
 * take more memory. Measured for 2.5 KB a fence in crowds and 4.5 KB elsewhere. */
static const uint32_t edges_for_fanout[] = {0, 0, 0, 2, 16, 400};

/* A division pays when the children together hold at most this many times the vertices: a division
 * of short edges nearly keeps their number, one of long parallel edges multiplies it. */
#define DIVISION_GROWTH_MAX 3
#define DIVISION_GROWTH_CROWD 3

/* The same for branches, by the edges. Above the tiles, where few long edges pass, as through a
 * comb that is a continent wide, one record for them all is slower to ask, but division has no end;
 * many edges are worth more memory. The largest squares of many edges have no such bound, since the
 * limit on spans bounds what they hold. In a tile many edges are worth it if they are parted: if
 * the children that have any have a quarter of them on average. */
#define PARTED_GROWTH_FEW 4
#define PARTED_GROWTH_MANY 16
#define TILE_EDGES_MANY 32
#define PARTED_GROWTH_TILE 12
#define PARTED_GROWTH_PILE 3
#define PARTED_SHARE 4
#define CROWD_PIECES_MIN 1000

/* Parts sorted by child: those of child c are [first[c], first[c + 1]). */
typedef struct sorted_parts {
    index_piece *pieces;
    uint32_t *first;
} sorted_parts;

unsigned index_branch_fanout(unsigned shift, uint64_t edge_count)
{
    if (shift > INDEX_BRANCH_SHIFT_MAX && edge_count >= INDEX_BRANCH_EDGES_MANY) {
        return INDEX_FANOUT_MAX;
    }
    unsigned fanout = INDEX_FANOUT_MIN;
    while (fanout < INDEX_FANOUT_MAX && shift - fanout > 11 &&
           edge_count >= edges_for_fanout[fanout + 1]) {
        fanout++;
    }
    return fanout;
}

static bool is_tile_of_many(unsigned shift, uint64_t edge_count)
{
    return shift <= INDEX_BRANCH_SHIFT_MAX && edge_count >= TILE_EDGES_MANY;
}

/* How many edges the children may have together, of which so many have any. */
static uint64_t parted_max(unsigned shift, uint64_t edge_count, uint32_t touched_count)
{
    if (is_tile_of_many(shift, edge_count)) {
        const uint64_t parted = edge_count * touched_count / PARTED_SHARE;
        const uint64_t most = edge_count * PARTED_GROWTH_TILE;
        const uint64_t least = edge_count * PARTED_GROWTH_PILE;
        return parted < least ? least : parted > most ? most : parted;
    }
    const bool is_many = edge_count >= INDEX_BRANCH_EDGES_MANY;
    if (shift <= INDEX_BRANCH_SHIFT_MAX || shift == INDEX_ROOT_SHIFT ||
        (shift > INDEX_PAGE_SHIFT && is_many)) {
        return UINT64_MAX;
    }
    return edge_count * (is_many ? PARTED_GROWTH_MANY : PARTED_GROWTH_FEW);
}

bool index_branch_pays(unsigned shift, unsigned fanout, const index_desc *node,
                       const index_tail *tail)
{
    uint32_t touched_count = 0;
    if (is_tile_of_many(shift, tail->edge_count)) {
        for (uint32_t c = 0; c < 1u << 2 * fanout; c++) {
            touched_count += index_has_edges(node[c]);
        }
    }
    return tail->parted_count <= parted_max(shift, tail->edge_count, touched_count);
}

geo_err index_node_make(index_maker *maker, unsigned shift, unsigned fanout, index_desc **node,
                        index_desc *out)
{
    size_t grid_bytes = sizeof(index_desc) << 2 * fanout;
    size_t tail_bytes = shift > INDEX_CELL_SHIFT_MAX ? sizeof(index_tail) : 0;
    uint32_t unit = index_maker_alloc(maker, grid_bytes + tail_bytes, true);
    if (unit == 0) {
        return GEO_NO_MEMORY;
    }
    *node = index_maker_at(maker, unit);
    memset(*node, 0, grid_bytes + tail_bytes);
    *out = (uint32_t)INDEX_KIND_NODE << INDEX_KIND_SHIFT | unit;
    if (fanout <= INDEX_FANOUT_MAX) {
        *out |= fanout - INDEX_FANOUT_MIN;
    }
    return GEO_OK;
}

/* The parts of all pieces, before they are sorted. */
typedef struct piece_parts {
    index_part *parts;
    uint32_t count;
} piece_parts;

/* Count the parts of every child into first[c + 1] and sum them up. */
static geo_err cut_pieces(index_scratch *scratch, const index_square *square, unsigned fanout,
                          const index_piece *pieces, uint32_t count, bool notes_covers,
                          piece_parts *cut, uint32_t *first)
{
    const uint32_t children = 1u << 2 * fanout;
    uint32_t shared = 0;
    memset(first, 0, (children + 1) * sizeof *first);
    for (uint32_t i = 0; i < count; i++) {
        cut[i] = (piece_parts){NULL, 0};
        if (pieces[i].edge_count == 0) {
            shared += index_is_noted(square->shift, notes_covers, &pieces[i]);
            continue;
        }
        geo_err err =
            index_piece_cut(scratch, &pieces[i], square, fanout, &cut[i].parts, &cut[i].count);
        if (err != GEO_OK) {
            return err;
        }
        for (uint32_t p = 0; p < cut[i].count; p++) {
            first[cut[i].parts[p].child + 1]++;
        }
    }
    uint64_t total = 0;
    for (uint32_t c = 0; c < children; c++) {
        total += first[c + 1] + shared;
        first[c + 1] = (uint32_t)total;
    }
    return total <= UINT32_MAX ? GEO_OK : GEO_NO_MEMORY;
}

/* Cut all pieces and sort the parts by child; stable, so that ids keep ascending. A piece that
 * covers the square covers every child if the branch notes it, else it is left out. */
static geo_err cut_all(index_scratch *scratch, const index_square *square, unsigned fanout,
                       const index_piece *pieces, uint32_t count, bool notes_covers,
                       sorted_parts *out)
{
    const uint32_t children = 1u << 2 * fanout;
    piece_parts *cut = index_scratch_get(scratch, count, sizeof *cut);
    uint32_t *next = index_scratch_get(scratch, children, sizeof *next);
    out->first = index_scratch_get(scratch, children + 1, sizeof *out->first);
    if (cut == NULL || next == NULL || out->first == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_err err = cut_pieces(scratch, square, fanout, pieces, count, notes_covers, cut, out->first);
    if (err != GEO_OK) {
        return err;
    }
    out->pieces = index_scratch_get(scratch, out->first[children], sizeof *out->pieces);
    if (out->pieces == NULL) {
        return GEO_NO_MEMORY;
    }
    memcpy(next, out->first, children * sizeof *next);
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].edge_count == 0 && index_is_noted(square->shift, notes_covers, &pieces[i])) {
            for (uint32_t c = 0; c < children; c++) {
                out->pieces[next[c]++] = pieces[i];
            }
        }
        for (uint32_t p = 0; p < cut[i].count; p++) {
            out->pieces[next[cut[i].parts[p].child]++] = cut[i].parts[p].piece;
        }
    }
    return GEO_OK;
}

static geo_err build_children(index_maker *maker, const index_square *square, unsigned fanout,
                              const sorted_parts *parts, index_desc *node)
{
    for (uint32_t c = 0; c < 1u << 2 * fanout; c++) {
        uint32_t count = parts->first[c + 1] - parts->first[c];
        if (count == 0) {
            continue;
        }
        index_square child = index_child_square(square, fanout, c);
        geo_err err = index_build_square(maker, &child, parts->pieces + parts->first[c], count,
                                         &node[index_child_slot(square, fanout, c)]);
        if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

/* The ids of the pieces that cover the square. */
static geo_err covers_of(index_scratch *scratch, const index_piece *pieces, uint32_t count,
                         uint32_t **covers, uint32_t *cover_count)
{
    *covers = index_scratch_get(scratch, count, sizeof **covers);
    if (*covers == NULL) {
        return GEO_NO_MEMORY;
    }
    *cover_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].edge_count == 0) {
            (*covers)[(*cover_count)++] = pieces[i].id;
        }
    }
    return GEO_OK;
}

/* A record's pieces need their edges by number; whole fences are passed down to it as they are. */
static geo_err listed_pieces(index_scratch *scratch, const index_piece *pieces, uint32_t count,
                             index_piece **out)
{
    *out = index_scratch_get(scratch, count, sizeof **out);
    if (*out == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        (*out)[i] = pieces[i];
        geo_err err = index_piece_list(scratch, &(*out)[i]);
        if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

/* The pieces' edges are listed. */
static geo_err build_wide(index_maker *maker, const index_square *square, const index_piece *pieces,
                          uint32_t count, index_desc *out)
{
    index_piece *edged = index_scratch_get(maker->scratch, count, sizeof *edged);
    uint32_t *covers;
    index_content content = {.pieces = edged};
    if (edged == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_err err = covers_of(maker->scratch, pieces, count, &covers, &content.cover_count);
    if (err != GEO_OK) {
        return err;
    }
    content.covers = covers;
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].edge_count != 0) {
            edged[content.piece_count++] = pieces[i];
        }
    }
    return index_wide_make(maker, &content, square, out);
}

/* How many edges the children have together, and how many of them have any. */
static uint64_t parted_count(const sorted_parts *parts, unsigned fanout, uint32_t *touched_count)
{
    uint64_t total = 0;
    *touched_count = 0;
    for (uint32_t c = 0; c < 1u << 2 * fanout; c++) {
        const uint64_t before = total;
        for (uint32_t p = parts->first[c]; p < parts->first[c + 1]; p++) {
            total += parts->pieces[p].edge_count;
        }
        *touched_count += total != before;
    }
    return total;
}

/* Many fences on one spot have so many parts that a division must be known to pay before they are
 * kept: how many edges the children would have together, and whether that is not too many. */
static geo_err foresee(index_scratch *scratch, const index_square *square, unsigned fanout,
                       const index_piece *pieces, uint32_t count, uint64_t edge_count, bool *pays)
{
    bool touched[1u << 2 * INDEX_FANOUT_MAX] = {false};
    uint32_t touched_count = 0;
    uint64_t parted = 0;
    for (uint32_t i = 0; i < count; i++) {
        const index_scratch_mark mark = index_scratch_here(scratch);
        index_part *parts = NULL;
        uint32_t part_count = 0;
        geo_err err = pieces[i].edge_count == 0 ? GEO_OK
                                                : index_piece_cut(scratch, &pieces[i], square,
                                                                  fanout, &parts, &part_count);
        if (err != GEO_OK) {
            return err;
        }
        for (uint32_t p = 0; p < part_count; p++) {
            const bool has_edges = parts[p].piece.edge_count != 0;
            touched_count += has_edges && !touched[parts[p].child];
            touched[parts[p].child] |= has_edges;
            parted += parts[p].piece.edge_count;
        }
        index_scratch_back(scratch, mark);
    }
    *pays = parted <= parted_max(square->shift, edge_count, touched_count);
    return GEO_OK;
}

/* The parts of a branch and how finely it is divided; 0: not at all, since that would multiply its
 * edges without getting rid of them. */
static geo_err part_branch(index_scratch *scratch, const index_square *square,
                           const index_piece *pieces, uint32_t count, uint32_t small_count,
                           uint64_t edge_count, unsigned *out_fanout, sorted_parts *parts,
                           uint64_t *parted)
{
    const bool is_root = square->shift == INDEX_ROOT_SHIFT;
    const index_scratch_mark mark = index_scratch_here(scratch);
    unsigned fanout = is_root ? INDEX_ROOT_FANOUT : index_branch_fanout(square->shift, edge_count);
    for (;; fanout--) {
        const bool notes_covers = index_notes_covers(square->shift, fanout, small_count);
        geo_err err = GEO_OK;
        bool pays = true;
        if (square->shift <= INDEX_BRANCH_SHIFT_MAX && count > CROWD_PIECES_MIN) {
            err = foresee(scratch, square, fanout, pieces, count, edge_count, &pays);
        }
        if (err == GEO_OK && pays) {
            err = cut_all(scratch, square, fanout, pieces, count, notes_covers, parts);
        }
        if (err != GEO_OK) {
            return err;
        }
        *out_fanout = fanout;
        if (pays) {
            uint32_t touched_count;
            *parted = parted_count(parts, fanout, &touched_count);
            if (*parted <= parted_max(square->shift, edge_count, touched_count)) {
                return *parted <= UINT32_MAX ? GEO_OK : GEO_NO_MEMORY;
            }
        }
        if (square->shift > INDEX_BRANCH_SHIFT_MAX || fanout == INDEX_FANOUT_MIN) {
            *out_fanout = 0;
            return GEO_OK;
        }
        index_scratch_back(scratch, mark);
    }
}

/* The lists of a branch's tail. */
static geo_err list_covers(index_maker *maker, const index_square *square,
                           const index_piece *pieces, uint32_t count, bool notes_covers,
                           index_tail *tail)
{
    uint32_t *covers = index_scratch_get(maker->scratch, count, sizeof *covers);
    uint32_t *noted = index_scratch_get(maker->scratch, count, sizeof *noted);
    uint32_t cover_count = 0;
    uint32_t noted_count = 0;
    if (covers == NULL || noted == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].edge_count == 0 && index_is_noted(square->shift, notes_covers, &pieces[i])) {
            noted[noted_count++] = pieces[i].id;
        } else if (pieces[i].edge_count == 0) {
            covers[cover_count++] = pieces[i].id;
        }
    }
    geo_err err = index_list_make(maker, covers, cover_count, &tail->covers);
    return err != GEO_OK ? err : index_list_make(maker, noted, noted_count, &tail->noted);
}

static geo_err build_branch(index_maker *maker, const index_square *square,
                            const index_piece *pieces, uint32_t count, uint64_t edge_count,
                            index_desc *out)
{
    sorted_parts parts;
    index_desc *node;
    uint32_t small_count = 0; /* of the fences that cover the square */
    uint64_t parted;
    unsigned fanout;
    for (uint32_t i = 0; i < count; i++) {
        small_count += pieces[i].edge_count == 0 && !index_is_large(pieces[i].fence);
    }
    geo_err err = part_branch(maker->scratch, square, pieces, count, small_count, edge_count,
                              &fanout, &parts, &parted);
    if (err == GEO_OK && fanout == 0) {
        index_piece *listed;
        err = listed_pieces(maker->scratch, pieces, count, &listed);
        return err != GEO_OK ? err : build_wide(maker, square, listed, count, out);
    }
    if (err == GEO_OK) {
        err = index_node_make(maker, square->shift, fanout, &node, out);
    }
    if (err != GEO_OK) {
        return err;
    }
    index_tail *tail = (index_tail *)(node + (1u << 2 * fanout));
    tail->edge_count = (uint32_t)edge_count; /* each of them is in a child, too */
    tail->parted_count = (uint32_t)parted;
    err = list_covers(maker, square, pieces, count,
                      index_notes_covers(square->shift, fanout, small_count), tail);
    *out |= tail->covers != 0 ? INDEX_FLAG : 0;
    return err != GEO_OK ? err : build_children(maker, square, fanout, &parts, node);
}

static geo_err build_drafted(index_maker *maker, const index_square *square,
                             const index_piece *pieces, uint32_t count, index_draft *draft,
                             index_desc *out);

/* The edges of all pieces; the covers come later, if this becomes a record. */
static void draft_edges(index_draft *draft, const index_square *square, const index_piece *pieces,
                        uint32_t count)
{
    index_draft_begin(draft);
    for (uint32_t i = 0; i < count; i++) {
        if (pieces[i].edge_count != 0) {
            index_draft_add_piece(draft, &pieces[i], square);
        }
    }
}

/* The children of a divided cell, whose drafts are there already. */
static geo_err build_drafted_children(index_maker *maker, const index_square *square,
                                      const sorted_parts *parts, index_draft *drafts,
                                      index_desc *node)
{
    for (uint32_t c = 0; c < 1u << 2 * INDEX_FANOUT_MIN; c++) {
        const uint32_t count = parts->first[c + 1] - parts->first[c];
        if (count == 0) {
            continue;
        }
        const index_scratch_mark mark = index_scratch_here(maker->scratch);
        const index_square child = index_child_square(square, INDEX_FANOUT_MIN, c);
        geo_err err =
            build_drafted(maker, &child, parts->pieces + parts->first[c], count, &drafts[c],
                          &node[index_child_slot(square, INDEX_FANOUT_MIN, c)]);
        index_scratch_back(maker->scratch, mark);
        if (err != GEO_OK) {
            return err;
        }
    }
    return GEO_OK;
}

/* Divide a crowded cell if that pays; *done says whether. */
static geo_err try_division(index_maker *maker, const index_square *square,
                            const index_piece *pieces, uint32_t count, uint32_t vertex_count,
                            index_desc *out, bool *done)
{
    const uint32_t children = 1u << 2 * INDEX_FANOUT_MIN;
    sorted_parts parts;
    uint64_t total = 0;
    *done = false;
    index_draft *drafts = index_scratch_get(maker->scratch, children, sizeof *drafts);
    if (drafts == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_err err = cut_all(maker->scratch, square, INDEX_FANOUT_MIN, pieces, count, true, &parts);
    if (err != GEO_OK) {
        return err;
    }
    for (uint32_t c = 0; c < children; c++) {
        const index_square child = index_child_square(square, INDEX_FANOUT_MIN, c);
        draft_edges(&drafts[c], &child, parts.pieces + parts.first[c],
                    parts.first[c + 1] - parts.first[c]);
        total += drafts[c].vertex_count;
    }
    if (total > (uint64_t)vertex_count * DIVISION_GROWTH_MAX) {
        return GEO_OK;
    }
    index_desc *node;
    *done = true;
    err = index_node_make(maker, square->shift, INDEX_FANOUT_MIN, &node, out);
    return err != GEO_OK ? err : build_drafted_children(maker, square, &parts, drafts, node);
}

/* A cell whose edges are drafted. */
static geo_err build_drafted(index_maker *maker, const index_square *square,
                             const index_piece *pieces, uint32_t count, index_draft *draft,
                             index_desc *out)
{
    /* A record holds more than is pleasant to ask, but to divide it takes more memory, and more
     * time to build, than finer cells from the start do. */
    if (draft->vertex_count > INDEX_NARROW_VERTICES_MAX &&
        square->shift >= INDEX_CELL_SHIFT_MIN + INDEX_FANOUT_MIN) {
        bool done;
        geo_err err = try_division(maker, square, pieces, count, draft->vertex_count, out, &done);
        if (err != GEO_OK || done) {
            return err;
        }
    }
    if (draft->entry_count == 0) {
        /* A list has no limit. */
        uint32_t *covers;
        uint32_t cover_count;
        geo_err err = covers_of(maker->scratch, pieces, count, &covers, &cover_count);
        return err != GEO_OK ? err : index_list_make(maker, covers, cover_count, out);
    }
    for (uint32_t i = 0; i < count && draft->fits; i++) {
        if (pieces[i].edge_count == 0) {
            index_draft_add_cover(draft, pieces[i].id);
        }
    }
    return draft->fits ? index_draft_make(maker, draft, out)
                       : build_wide(maker, square, pieces, count, out);
}

static geo_err build_cell(index_maker *maker, const index_square *square, const index_piece *pieces,
                          uint32_t count, index_desc *out)
{
    index_draft draft;
    draft_edges(&draft, square, pieces, count);
    return build_drafted(maker, square, pieces, count, &draft, out);
}

geo_err index_build_square(index_maker *maker, const index_square *square,
                           const index_piece *pieces, uint32_t count, index_desc *out)
{
    index_scratch_mark mark = index_scratch_here(maker->scratch);
    uint64_t edge_count = 0;
    bool is_whole = false;
    geo_err err = GEO_OK;
    for (uint32_t i = 0; i < count; i++) {
        edge_count += pieces[i].edge_count;
        is_whole |= pieces[i].edge_count != 0 && pieces[i].edges == NULL;
    }
    if (edge_count == 0 && square->shift != INDEX_ROOT_SHIFT) {
        uint32_t *covers;
        uint32_t cover_count;
        err = covers_of(maker->scratch, pieces, count, &covers, &cover_count);
        if (err == GEO_OK) {
            err = index_list_make(maker, covers, cover_count, out);
        }
    } else if (square->shift == INDEX_ROOT_SHIFT || index_wants_branch(square->shift, edge_count)) {
        err = build_branch(maker, square, pieces, count, edge_count, out);
    } else {
        index_piece *listed = NULL;
        if (is_whole) {
            err = listed_pieces(maker->scratch, pieces, count, &listed);
        }
        if (err == GEO_OK && square->shift > INDEX_CELL_SHIFT_MAX) {
            err = build_wide(maker, square, is_whole ? listed : pieces, count, out);
        } else if (err == GEO_OK) {
            err = build_cell(maker, square, is_whole ? listed : pieces, count, out);
        }
    }
    index_scratch_back(maker->scratch, mark);
    return err;
}
