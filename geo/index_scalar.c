/* geo/index_scalar.c - the block query in plain C: the reference of the vector builds. */
#include "index_block.h"

#define simd_edges index_narrow_edges
#define simd_long_edges index_long_edges
#include "index_block_steps.h"

/* The parts of index_slot_of_cell() in a tile, by its fan-out and by the upper five bits of the
 * point's place in it: shifts by counts that vary are slow on processors without BMI2. */
static const uint32_t tile_columns[][1 << INDEX_FANOUT_MAX] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
     2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3},
    {0,  0,  0,  0,  1,  1,  1,  1,  2,  2,  2,  2,  3,  3,  3,  3,
     16, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 19},
    {0,  0,  1,  1,  2,  2,  3,  3,  16, 16, 17, 17, 18, 18, 19, 19,
     32, 32, 33, 33, 34, 34, 35, 35, 48, 48, 49, 49, 50, 50, 51, 51},
    {0,  1,  2,  3,  16, 17, 18, 19, 32, 33, 34, 35, 48,  49,  50,  51,
     64, 65, 66, 67, 80, 81, 82, 83, 96, 97, 98, 99, 112, 113, 114, 115},
};
static const uint32_t tile_rows[][1 << INDEX_FANOUT_MAX] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 4,  4,  4,  4,  4,  4,  4,  4,
     8, 8, 8, 8, 8, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12},
    {0,  0,  0,  0,  4,  4,  4,  4,  8,  8,  8,  8,  12, 12, 12, 12,
     32, 32, 32, 32, 36, 36, 36, 36, 40, 40, 40, 40, 44, 44, 44, 44},
    {0,   0,   4,   4,   8,   8,   12,  12,  64,  64,  68,  68,  72,  72,  76,  76,
     128, 128, 132, 132, 136, 136, 140, 140, 192, 192, 196, 196, 200, 200, 204, 204},
    {0,   4,   8,   12,  128, 132, 136, 140, 256, 260, 264, 268, 384, 388, 392, 396,
     512, 516, 520, 524, 640, 644, 648, 652, 768, 772, 776, 780, 896, 900, 904, 908},
};

/* Where points lie in their squares of the three levels below a directory. It is worked out for the
 * whole block at first, since compilers do that for several points at once. */
typedef struct block_slots {
    uint32_t page[BLOCK];
    uint32_t tile[BLOCK];
    uint32_t column[BLOCK]; /* of the finest cells of a tile */
    uint32_t row[BLOCK];
} block_slots;

static void find_slots(const block *b, block_slots *slots)
{
    const unsigned cell_shift = BLOCK_TILE_SHIFT - INDEX_FANOUT_MAX;
    const uint32_t mask = (1u << INDEX_FANOUT_MAX) - 1;
    for (uint32_t j = 0; j < b->count; j++) {
        const int32_t x = b->points[j].lon_e7;
        const int32_t y = b->points[j].lat_e7;
        slots->page[j] = index_slot(INDEX_FANOUT_MAX, BLOCK_PAGE_SHIFT, x, y);
        slots->tile[j] = index_slot(INDEX_FANOUT_MAX, BLOCK_TILE_SHIFT, x, y);
        slots->column[j] = (uint32_t)x >> cell_shift & mask;
        slots->row[j] = (uint32_t)y >> cell_shift & mask;
    }
}

/* Step 1 for points that share a directory. */
static void find_places_dense(block *b, index_desc directory)
{
    block_slots slots;
    const uint32_t first = block_node_place(directory);
    const uint8_t *base = b->base;
    const uint32_t count = b->count;
    find_slots(b, &slots);
    for (uint32_t j = 0; j < count; j++) {
        const index_desc page = block_desc(base, first + slots.page[j]);
        if (__builtin_expect((page & (BLOCK_DENSE_MASK | INDEX_FLAG)) != BLOCK_DENSE, 0)) {
            if ((page & BLOCK_DENSE_MASK) != BLOCK_DENSE) {
                block_find_place(b, j, directory, INDEX_FANOUT_MAX, BLOCK_PAGE_SHIFT);
                continue;
            }
            block_page_covers(b, j, page);
        }
        const uint32_t entry = block_node_place(page) + slots.tile[j];
        const index_desc tile = block_desc(base, entry);
        /* Half of the tiles may have no edges: a jump would be guessed wrong every other time. */
        const uint32_t small = tile & 3;
        const uint32_t cell = block_node_place(tile) + tile_columns[small][slots.column[j]] +
                              tile_rows[small][slots.row[j]];
        const uint32_t choice = 0 - (uint32_t)(index_kind(tile) == INDEX_KIND_NODE);
        const uint32_t place = (cell & choice) | (entry & ~choice);
        __builtin_prefetch((const index_desc *)base + place);
        b->places[j] = place;
        b->shifts[j] = BLOCK_TILE_SHIFT - INDEX_FANOUT_MIN - small;
    }
}

/* Step 1. */
static void find_places(block *b, index_desc root, uint32_t differ)
{
    unsigned shift;
    const index_desc start = block_common_branch(b, root, differ, &shift);
    const unsigned fanout =
        shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(start);
    if (shift - fanout == BLOCK_PAGE_SHIFT && fanout == INDEX_FANOUT_MAX) {
        find_places_dense(b, start);
        return;
    }
    for (uint32_t j = 0; j < b->count; j++) {
        block_find_place(b, j, start, fanout, shift - fanout);
    }
}

/* Put a point behind a list, and keep it there if it belongs there. */
static inline void list_offer(block_list *list, uint32_t *count, bool belongs, uint32_t point,
                              index_desc desc)
{
    list->points[*count] = point;
    list->descs[*count] = desc;
    *count += belongs;
}

/* Step 2. No jump depends on the kind, which nothing could guess. */
static void read_places(block *b)
{
    uint32_t nodes = 0;
    uint32_t lists = 0;
    uint32_t wides = 0;
    uint32_t narrows = 0;
    geo_hit *hits = b->sink.hits + b->sink.count;
    for (uint32_t j = 0; j < b->count; j++) {
        const index_desc desc = block_desc(b->base, b->places[j]);
        const unsigned kind = index_kind(desc);
        const bool is_flagged = (desc & INDEX_FLAG) != 0;
        block_prefetch(b, desc);
        *hits = (geo_hit){b->first + j, desc - 1};
        hits += (kind == INDEX_KIND_ID) & (desc != 0);
        list_offer(&b->nodes, &nodes, kind == INDEX_KIND_NODE, j, desc);
        list_offer(&b->lists, &lists, (kind == INDEX_KIND_NARROW) & is_flagged, j, desc);
        list_offer(&b->wides, &wides, kind == INDEX_KIND_WIDE, j, desc);
        list_offer(&b->narrows, &narrows, (kind == INDEX_KIND_NARROW) & !is_flagged, j, desc);
    }
    b->sink.count = (size_t)(hits - b->sink.hits);
    b->nodes.count = nodes;
    b->lists.count = lists;
    b->wides.count = wides;
    b->narrows.count = narrows;
}

bool index_query_block_scalar(const geo_index_version *version, const geo_point *points,
                              uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max,
                              size_t *hit_count)
{
    block b;
    const block_span span = block_span_of(points, count);
    if (span.has_antimeridian) {
        return false;
    }
    block_begin(&b, version, points, count, first, hits, hits_max);
    find_places(&b, version->root, span.differ);
    /* Step 2 writes hits before it knows whether there are any. */
    if (b.sink.count + count >= hits_max) {
        return false;
    }
    read_places(&b);
    return block_evaluate(&b, hit_count);
}

uint64_t index_clear_block_scalar(const geo_index_version *version, const geo_point *from,
                                  const geo_point *to, uint32_t count)
{
    block a, b;
    const block_span span_a = block_span_of(from, count);
    const block_span span_b = block_span_of(to, count);
    if (span_a.has_antimeridian || span_b.has_antimeridian) {
        return 0;
    }
    block_begin(&a, version, from, count, 0, NULL, 0);
    block_begin(&b, version, to, count, 0, NULL, 0);
    find_places(&a, version->root, span_a.differ);
    find_places(&b, version->root, span_b.differ);
    uint64_t clear = 0;
    for (uint32_t j = 0; j < count; j++) {
        clear |= (uint64_t)block_is_clear(&a, &b, j) << j;
    }
    return clear;
}
