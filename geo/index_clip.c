/* geo/index_clip.c - cuts pieces of fences into grids of squares: which edges where, and which
 * squares lie inside. Floating point only narrows the search; every decision is made in integers.
 */
#include "index_clip.h"

#include <string.h>

#define GRID_SIDE_MAX 64
#define GRID_ASKED_MAX 4 /* so many columns are asked rather than reckoned */

/* The grid that a piece is cut into, and what is known of its squares so far. */
typedef struct grid {
    const index_square *square;
    unsigned shift; /* of one child */
    unsigned fanout;
    int side;
    uint64_t touched[GRID_SIDE_MAX]; /* bit = column: some edge touches the child */
    uint64_t inside[GRID_SIDE_MAX];  /* parity at the child's lower left point */
} grid;

/* Edge number `edge` of the fence touches a child. */
typedef struct touch {
    uint32_t child;
    uint32_t edge;
} touch;

typedef struct touch_list {
    index_scratch *scratch;
    touch *items;
    size_t count;
    size_t room;
} touch_list;

static geo_err touch_add(touch_list *list, uint32_t child, uint32_t edge)
{
    if (list->count == list->room) {
        size_t room = list->room * 2;
        touch *items = index_scratch_get(list->scratch, room, sizeof *items);
        if (items == NULL) {
            return GEO_NO_MEMORY;
        }
        memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (touch){child, edge};
    return GEO_OK;
}

static int clamped(int64_t value, int min, int max)
{
    return value < min ? min : value > max ? max : (int)value;
}

index_piece index_piece_whole(const index_fence *fence, uint32_t id)
{
    return (index_piece){.fence = fence, .id = id, .edge_count = fence->edge_count};
}

geo_err index_piece_list(index_scratch *scratch, index_piece *piece)
{
    if (piece->edges != NULL || piece->edge_count == 0) {
        return GEO_OK;
    }
    uint32_t *edges = index_scratch_get(scratch, piece->edge_count, sizeof *edges);
    if (edges == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t count = 0;
    for (uint32_t b = 0; b < piece->fence->block_count; b++) {
        const index_block *block = &piece->fence->blocks[b];
        for (uint32_t i = 0; i < block->count; i++) {
            edges[count++] = block->first + i;
        }
    }
    piece->edges = edges;
    return GEO_OK;
}

/* The base that makes a piece's formula give `inside` at the square's lower left point. There only
 * ends in the lowest row lie at or below the point. */
static bool base_for(const index_piece *piece, const index_square *square, bool inside)
{
    bool base = inside;
    const geo_point *points = piece->fence->points;
    geo_point last_end = points[piece->edges[piece->edge_count - 1] + 1];
    geo_point previous_end = last_end;
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        geo_point a = points[piece->edges[e]];
        geo_point b = points[piece->edges[e] + 1];
        base ^= index_crosses_left(a, b, square->x, square->y);
        if (!geo_point_equal(previous_end, a)) {
            base ^= a.lon_e7 < square->x && a.lat_e7 == square->y;
            /* The end before this start; for e = 0 it is the list's last one. */
            base ^= previous_end.lon_e7 < square->x && previous_end.lat_e7 == square->y;
        }
        previous_end = b;
    }
    return base;
}

geo_err index_piece_of(index_scratch *scratch, const index_fence *fence, uint32_t id,
                       const index_square *square, index_piece *out)
{
    int64_t side = (int64_t)1 << square->shift;
    uint32_t *edges = index_scratch_get(scratch, fence->edge_count, sizeof *edges);
    if (edges == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t count = 0;
    for (uint32_t b = 0; b < fence->block_count; b++) {
        const index_block *block = &fence->blocks[b];
        if (block->box.max.lon_e7 < square->x || block->box.min.lon_e7 > square->x + side ||
            block->box.max.lat_e7 < square->y || block->box.min.lat_e7 > square->y + side) {
            continue;
        }
        const geo_point *points = fence->points + block->first;
        for (uint32_t i = 0; i < block->count; i++) {
            if (index_edge_touches(points[i], points[i + 1], square->x, square->y, side)) {
                edges[count++] = block->first + i;
            }
        }
    }
    index_scratch_trim(scratch, edges, count, sizeof *edges);
    bool inside = index_fence_parity(fence, square->x, square->y);
    *out = (index_piece){fence, edges, id, count, inside};
    if (count != 0) {
        out->base = base_for(out, square, inside);
    }
    return GEO_OK;
}

/* Note all children from one to another in a row or in a column: the edge lies within that. */
static geo_err grid_touch_run(grid *g, touch_list *list, int row_first, int row_last,
                              int column_first, int column_last, uint32_t edge)
{
    geo_err err = GEO_OK;
    for (int row = row_first; row <= row_last; row++) {
        for (int column = column_first; column <= column_last && err == GEO_OK; column++) {
            g->touched[row] |= 1ull << column;
            err = touch_add(list, (uint32_t)(row << g->fanout | column), edge);
        }
    }
    return err;
}

/* Note every child that the edge touches. */
static geo_err grid_touch(grid *g, touch_list *list, geo_point a, geo_point b, uint32_t edge)
{
    const int last = g->side - 1;
    const int64_t x0 = g->square->x;
    const int64_t y0 = g->square->y;
    const int64_t size = (int64_t)1 << g->shift;
    int64_t x_min = a.lon_e7 < b.lon_e7 ? a.lon_e7 : b.lon_e7;
    int64_t x_max = a.lon_e7 < b.lon_e7 ? b.lon_e7 : a.lon_e7;
    int64_t y_min = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
    int64_t y_max = a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7;
    /* A closed child begins where the one before it ends, hence the minus one. */
    int row_first = clamped((y_min - y0 - 1) >> g->shift, 0, last);
    int row_last = clamped((y_max - y0) >> g->shift, 0, last);
    int column_first = clamped((x_min - x0 - 1) >> g->shift, 0, last);
    int column_last = clamped((x_max - x0) >> g->shift, 0, last);
    if (row_first == row_last && column_first == column_last) {
        g->touched[row_first] |= 1ull << column_first;
        return touch_add(list, (uint32_t)(row_first << g->fanout | column_first), edge);
    }
    const bool is_within_row = row_first == row_last &&
                               y_min >= y0 + ((int64_t)row_first << g->shift) &&
                               y_max <= y0 + ((int64_t)(row_first + 1) << g->shift);
    const bool is_within_column = column_first == column_last &&
                                  x_min >= x0 + ((int64_t)column_first << g->shift) &&
                                  x_max <= x0 + ((int64_t)(column_first + 1) << g->shift);
    if (is_within_row || is_within_column) {
        return grid_touch_run(g, list, row_first, row_last, column_first, column_last, edge);
    }
    double slope =
        a.lat_e7 == b.lat_e7 ? 0.0 : ((double)b.lon_e7 - a.lon_e7) / ((double)b.lat_e7 - a.lat_e7);
    for (int row = row_first; row <= row_last; row++) {
        int64_t row_y = y0 + ((int64_t)row << g->shift);
        int first = column_first;
        int end = column_last;
        if (a.lat_e7 != b.lat_e7 && row_first != row_last && column_first != column_last) {
            double below = (double)(row_y > y_min ? row_y : y_min) - a.lat_e7;
            double above = (double)(row_y + size < y_max ? row_y + size : y_max) - a.lat_e7;
            double x_below = a.lon_e7 + below * slope;
            double x_above = a.lon_e7 + above * slope;
            /* Two units more than enough for what the doubles round off. */
            int64_t low = (int64_t)(x_below < x_above ? x_below : x_above) - 2;
            int64_t high = (int64_t)(x_below < x_above ? x_above : x_below) + 2;
            first = clamped((low - x0 - 1) >> g->shift, column_first, column_last);
            end = clamped((high - x0) >> g->shift, column_first, column_last);
        }
        for (int column = first; column <= end; column++) {
            int64_t column_x = x0 + ((int64_t)column << g->shift);
            if (index_edge_touches(a, b, column_x, row_y, size)) {
                g->touched[row] |= 1ull << column;
                geo_err err = touch_add(list, (uint32_t)(row << g->fanout | column), edge);
                if (err != GEO_OK) {
                    return err;
                }
            }
        }
    }
    return GEO_OK;
}

/* In every row, toggle the children whose lower left point lies right of the edge. */
static void grid_cross(grid *g, geo_point a, geo_point b)
{
    int64_t y_min = a.lat_e7 < b.lat_e7 ? a.lat_e7 : b.lat_e7;
    int64_t y_max = a.lat_e7 < b.lat_e7 ? b.lat_e7 : a.lat_e7;
    int64_t size = (int64_t)1 << g->shift;
    int64_t row_first = (y_min - g->square->y + size - 1) >> g->shift;
    int64_t row_last = (y_max - 1 - g->square->y) >> g->shift;
    row_first = row_first < 0 ? 0 : row_first;
    row_last = row_last >= g->side ? g->side - 1 : row_last;
    if (row_first > row_last) {
        return;
    }
    /* Lower left points right of the whole edge are right of where it crosses their row, those left
     * of it are not; what remains is asked, beginning where the doubles say. */
    const int64_t x_min = (a.lon_e7 < b.lon_e7 ? a.lon_e7 : b.lon_e7) - g->square->x;
    const int64_t x_max = (a.lon_e7 < b.lon_e7 ? b.lon_e7 : a.lon_e7) - g->square->x;
    const int begin = clamped((x_min >> g->shift) + 1, 0, g->side);
    const int end = clamped((x_max >> g->shift) + 1, 0, g->side);
    const bool is_long = end - begin > GRID_ASKED_MAX;
    const double slope =
        is_long ? ((double)b.lon_e7 - a.lon_e7) / ((double)b.lat_e7 - a.lat_e7) : 0;
    for (int64_t row = row_first; row <= row_last; row++) {
        int64_t y = g->square->y + (row << g->shift);
        int column = begin;
        if (is_long) {
            double x = a.lon_e7 + ((double)y - a.lat_e7) * slope;
            column = clamped(((int64_t)x - 2 - g->square->x) >> g->shift, begin, end);
        }
        while (column < end &&
               !index_crosses_left(a, b, g->square->x + ((int64_t)column << g->shift), y)) {
            column++;
        }
        if (column < g->side) {
            g->inside[row] ^= ~0ull << column;
        }
    }
}

/* A chain end left of the square toggles every row at or above it. */
static void grid_end(grid *g, geo_point end)
{
    if (!index_end_counts(end, g->square)) {
        return;
    }
    int64_t size = (int64_t)1 << g->shift;
    for (int64_t row = (end.lat_e7 - g->square->y + size - 1) >> g->shift; row < g->side; row++) {
        g->inside[row] ^= ~0ull;
    }
}

static geo_err grid_fill(grid *g, touch_list *list, const index_piece *piece)
{
    const geo_point *points = piece->fence->points;
    for (int row = 0; row < g->side; row++) {
        g->touched[row] = 0;
        g->inside[row] = piece->base ? ~0ull : 0;
    }
    geo_point previous_end = points[piece->edges[piece->edge_count - 1] + 1];
    for (uint32_t e = 0; e < piece->edge_count; e++) {
        geo_point a = points[piece->edges[e]];
        geo_point b = points[piece->edges[e] + 1];
        geo_err err = grid_touch(g, list, a, b, piece->edges[e]);
        if (err != GEO_OK) {
            return err;
        }
        if (a.lat_e7 != b.lat_e7) {
            grid_cross(g, a, b);
        }
        if (!geo_point_equal(previous_end, a)) {
            grid_end(g, a);
            grid_end(g, previous_end);
        }
        previous_end = b;
    }
    return GEO_OK;
}

/* From the list of touches to one part for each child that matters. */
static geo_err grid_parts(const grid *g, const touch_list *list, const index_piece *piece,
                          index_part **parts, uint32_t *part_count)
{
    index_scratch *scratch = list->scratch;
    const uint64_t columns = g->side == 64 ? ~0ull : (1ull << g->side) - 1;
    uint32_t count = 0;
    for (int row = 0; row < g->side; row++) {
        count += (uint32_t)__builtin_popcountll((g->touched[row] | g->inside[row]) & columns);
    }
    const size_t children = (size_t)g->side << g->fanout;
    index_part *out = index_scratch_get(scratch, count, sizeof *out);
    uint32_t *edges = index_scratch_get(scratch, list->count, sizeof *edges);
    /* By child: at first how many edges there are, then where the next one goes. */
    uint32_t next[GRID_SIDE_MAX * GRID_SIDE_MAX];
    if (out == NULL || edges == NULL) {
        return GEO_NO_MEMORY;
    }
    memset(next, 0, children * sizeof *next);
    for (size_t t = 0; t < list->count; t++) {
        next[list->items[t].child]++;
    }
    uint32_t n = 0;
    uint32_t first = 0;
    for (int row = 0; row < g->side; row++) {
        uint64_t left = (g->touched[row] | g->inside[row]) & columns;
        for (; left != 0; left &= left - 1) {
            const uint32_t column = (uint32_t)__builtin_ctzll(left);
            const uint32_t child = (uint32_t)row << g->fanout | column;
            const uint32_t edge_count = next[child];
            const bool inside = g->inside[row] >> column & 1;
            out[n++] =
                (index_part){child, {piece->fence, edges + first, piece->id, edge_count, inside}};
            next[child] = first;
            first += edge_count;
        }
    }
    for (size_t t = 0; t < list->count; t++) {
        edges[next[list->items[t].child]++] = list->items[t].edge;
    }
    for (uint32_t p = 0; p < n; p++) {
        if (out[p].piece.edge_count != 0) {
            const index_square child = index_child_square(g->square, g->fanout, out[p].child);
            out[p].piece.base = base_for(&out[p].piece, &child, out[p].piece.base);
        }
    }
    *parts = out;
    *part_count = n;
    return GEO_OK;
}

/* A whole fence that lies within one child without touching its sides goes there as it is. */
static bool fits_one_child(const index_piece *piece, const index_square *square, unsigned fanout,
                           uint32_t *child)
{
    unsigned shift = square->shift - fanout;
    int64_t x_min = piece->fence->box.min.lon_e7 - square->x;
    int64_t x_max = piece->fence->box.max.lon_e7 - square->x;
    int64_t y_min = piece->fence->box.min.lat_e7 - square->y;
    int64_t y_max = piece->fence->box.max.lat_e7 - square->y;
    int64_t column = x_min >> shift;
    int64_t row = y_min >> shift;
    if (x_min == column << shift || y_min == row << shift || x_max >> shift != column ||
        y_max >> shift != row) {
        return false;
    }
    *child = (uint32_t)(row << fanout | column);
    return true;
}

geo_err index_piece_cut(index_scratch *scratch, const index_piece *piece,
                        const index_square *square, unsigned fanout, index_part **parts,
                        uint32_t *part_count)
{
    uint32_t child;
    if (piece->edges == NULL && fits_one_child(piece, square, fanout, &child)) {
        *parts = index_scratch_get(scratch, 1, sizeof **parts);
        if (*parts == NULL) {
            return GEO_NO_MEMORY;
        }
        **parts = (index_part){child, *piece};
        *part_count = 1;
        return GEO_OK;
    }
    index_piece listed = *piece;
    grid g = {
        .square = square, .shift = square->shift - fanout, .fanout = fanout, .side = 1 << fanout};
    touch_list list = {.scratch = scratch, .room = (size_t)piece->edge_count * 2 + 16};
    geo_err err = index_piece_list(scratch, &listed);
    if (err != GEO_OK) {
        return err;
    }
    list.items = index_scratch_get(scratch, list.room, sizeof *list.items);
    if (list.items == NULL) {
        return GEO_NO_MEMORY;
    }
    err = grid_fill(&g, &list, &listed);
    return err != GEO_OK ? err : grid_parts(&g, &list, &listed, parts, part_count);
}
