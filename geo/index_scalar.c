/* geo/index_scalar.c - the block query in plain C: the reference of the vector builds. */
#include "index_block_places.h"
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
static void find_places_dense(block *b)
{
    block_slots slots;
    const uint32_t first = block_node_place(b->start);
    const uint8_t *base = b->base;
    const uint32_t count = b->count;
    find_slots(b, &slots);
    for (uint32_t j = 0; j < count; j++) {
        const index_desc page = block_desc(base, first + slots.page[j]);
        if (__builtin_expect((page & (BLOCK_DENSE_MASK | INDEX_FLAG)) != BLOCK_DENSE, 0)) {
            if ((page & BLOCK_DENSE_MASK) != BLOCK_DENSE) {
                block_find_place(b, j);
                continue;
            }
            block_add_covered(b, &b->pages, j, page);
        }
        const uint32_t entry = block_node_place(page) + slots.tile[j];
        const index_desc tile = block_desc(base, entry);
        if (__builtin_expect((tile & BLOCK_COVERED) == BLOCK_COVERED, 0)) {
            block_add_covered(b, &b->tiles, j, tile);
        }
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
static void find_places(block *b)
{
    if (block_is_dense(b)) {
        find_places_dense(b);
        return;
    }
    for (uint32_t j = 0; j < b->count; j++) {
        block_find_place(b, j);
    }
}

/* Step 2. No jump depends on the kind, which nothing could guess: a point is put behind each list,
 * and kept there if it belongs there. What is counted is counted in registers, since byte stores
 * might change anything in memory. First those that are in one fence, or in none, and the others:
 */
static uint32_t read_places(block *b, block_answer *answer, uint8_t others[BLOCK])
{
    uint32_t other_count = 0;
    const uint32_t first = b->first;
    const uint32_t count = b->count;
    geo_hit *hits = answer->sink.hits + answer->sink.count;
    for (uint32_t j = 0; j < count; j++) {
        const index_desc desc = block_desc(b->base, b->places[j]);
        const bool is_other = index_kind(desc) != INDEX_KIND_ID;
        b->descs[j] = desc;
        *hits = (geo_hit){first + j, desc - 1};
        hits += !is_other & (desc != 0);
        others[other_count] = (uint8_t)j;
        other_count += is_other;
    }
    answer->sink.count = (size_t)(hits - answer->sink.hits);
    return other_count;
}

/* ... and then those by their kinds. */
static void sort_places(const block *b, block_answer *answer, const uint8_t *others, uint32_t count)
{
    uint32_t nodes = 0;
    uint32_t lists = 0;
    uint32_t wides = 0;
    uint32_t longs = 0;
    uint32_t narrows = 0;
    for (uint32_t t = 0; t < count; t++) {
        const uint8_t j = others[t];
        const unsigned top = b->descs[j] >> (INDEX_KIND_SHIFT - 1); /* the kind and the flag */
        block_prefetch(b, b->descs[j]);
        answer->lists.points[lists] = j;
        lists += top == (INDEX_KIND_NARROW << 1 | 1);
        answer->longs.points[longs] = j;
        longs += top == (INDEX_KIND_WIDE << 1 | 1);
        answer->narrows.points[narrows] = j;
        narrows += top == INDEX_KIND_NARROW << 1;
        answer->nodes.points[nodes] = j;
        nodes += top >= INDEX_KIND_NODE << 1;
        answer->wides.points[wides] = j;
        wides += top == INDEX_KIND_WIDE << 1;
    }
    answer->nodes.count = nodes;
    answer->lists.count = lists;
    answer->wides.count = wides;
    answer->longs.count = longs;
    answer->narrows.count = narrows;
}

/* What the edges said of points whose records hold more fences than have been asked for. */
typedef struct block_rest {
    block_list list;
    uint32_t crossed[BLOCK];  /* by point: the edges that the leftward ray crosses */
    uint32_t on_edges[BLOCK]; /* the edges that hold the point */
} block_rest;

/* Step 4 for lists: the first fence is a hit, and there are others. */
static void ask_lists(const block *b, block_answer *answer, block_rest *rest)
{
    geo_hit *hits = answer->sink.hits + answer->sink.count;
    for (uint32_t t = 0; t < answer->lists.count; t++) {
        const uint32_t j = answer->lists.points[t];
        const index_list *list = index_at(b->base, b->descs[j]);
        *hits++ = (geo_hit){b->first + j, list->ids[0] & ~INDEX_BASE_BIT};
        block_list_add(&rest->list, j);
    }
    answer->sink.count = (size_t)(hits - answer->sink.hits);
}

/* Step 4 for the record of point j, whose edges have spoken. */
static inline void conclude(const block *b, block_answer *answer, block_rest *rest, uint32_t j,
                            uint32_t crossed, uint32_t on_line)
{
    const index_desc desc = b->descs[j];
    const index_narrow *record = index_at(b->base, desc);
    const uint32_t id_count = (uint32_t)record->entry_count + record->cover_count;
    const uint32_t *ids = index_record_ids(desc, record);
    const uint32_t on_edges = __builtin_expect(on_line != 0, 0)
                                  ? index_on_edges(desc, record, block_x(b, j), block_y(b, j))
                                  : 0;
    answer->sink.hits[answer->sink.count] = (geo_hit){b->first + j, ids[0] & ~INDEX_BASE_BIT};
    answer->sink.count += index_is_inside(ids[0], ids[id_count], crossed, on_edges);
    rest->crossed[j] = crossed;
    rest->on_edges[j] = on_edges;
    rest->list.points[rest->list.count] = (uint8_t)j;
    rest->list.count += id_count > 1;
}

static void ask_records(const block *b, block_answer *answer, block_rest *rest)
{
    uint32_t crossed;
    uint32_t on_line;
    for (uint32_t t = 0; t < answer->longs.count; t++) {
        const uint32_t j = answer->longs.points[t];
        index_long_edges(index_at(b->base, b->descs[j]), block_x(b, j), block_y(b, j), &crossed,
                         &on_line);
        conclude(b, answer, rest, j, crossed, on_line);
    }
    for (uint32_t t = 0; t < answer->narrows.count; t++) {
        const uint32_t j = answer->narrows.points[t];
        index_narrow_edges(index_at(b->base, b->descs[j]), block_x(b, j), block_y(b, j), &crossed,
                           &on_line);
        conclude(b, answer, rest, j, crossed, on_line);
    }
}

/* Fence number `round` of point j's list or record: its hit, perhaps. True: there are more. */
static inline bool ask_fence(const block *b, block_answer *answer, const block_rest *rest,
                             uint32_t j, uint32_t round)
{
    const index_desc desc = b->descs[j];
    uint32_t id;
    uint32_t count;
    bool is_inside = true;
    if (index_kind(desc) == INDEX_KIND_NARROW && (desc & INDEX_FLAG)) {
        const index_list *list = index_at(b->base, desc);
        id = list->ids[round];
        count = list->count;
    } else {
        const index_narrow *record = index_at(b->base, desc);
        const uint32_t *ids = index_record_ids(desc, record) + round;
        count = (uint32_t)record->entry_count + record->cover_count;
        id = ids[0];
        is_inside = index_is_inside(id, ids[count], rest->crossed[j], rest->on_edges[j]);
    }
    answer->sink.hits[answer->sink.count] = (geo_hit){b->first + j, id & ~INDEX_BASE_BIT};
    answer->sink.count += is_inside;
    return round + 1 < count;
}

/* Step 5. What is left after a round moves to the front. False: the buffer may be too small. */
static bool ask_rest(const block *b, block_answer *answer, block_rest *rest)
{
    uint32_t count = rest->list.count;
    for (uint32_t round = 1; count != 0; round++) {
        uint32_t left = 0;
        if (answer->sink.count + count > answer->sink.max) {
            return false;
        }
        for (uint32_t t = 0; t < count; t++) {
            const uint32_t j = rest->list.points[t];
            rest->list.points[left] = (uint8_t)j;
            left += ask_fence(b, answer, rest, j, round);
        }
        count = left;
    }
    return true;
}

/* Step 1. False: a point lies on the antimeridian. */
static bool seek(block *b, const geo_index_version *version, const geo_point *points,
                 uint32_t count, uint32_t first)
{
    const block_span span = block_span_of(points, count);
    if (span.has_antimeridian) {
        return false;
    }
    block_begin(b, version, points, count, first);
    block_find_start(b, version->root, span.differ);
    find_places(b);
    return true;
}

bool index_query_block_scalar(const geo_index_version *version, const geo_point *points,
                              uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max,
                              size_t *hit_count)
{
    block b;
    block_answer answer;
    block_rest rest;
    uint8_t others[BLOCK];
    if (!seek(&b, version, points, count, first)) {
        return false;
    }
    rest.list.count = 0;
    block_answer_begin(&answer, hits, hits_max);
    block_tell_covers(&b, &answer);
    /* What follows writes hits before it knows whether there are any: one for each point. */
    if (answer.sink.count + count >= hits_max) {
        return false;
    }
    sort_places(&b, &answer, others, read_places(&b, &answer, others));
    block_walk_nodes(&b, &answer);
    block_wides(&b, &answer);
    if (answer.sink.count + count >= hits_max) {
        return false;
    }
    ask_lists(&b, &answer, &rest);
    ask_records(&b, &answer, &rest);
    const bool fits = ask_rest(&b, &answer, &rest);
    *hit_count = answer.sink.count;
    return fits;
}

/* Does the step touch no boundary, for sure? Its ends lie in squares without edges, in one or in
 * two of a size that share a side: nothing is touched between them, for the two together are
 * convex. Or they lie in one cell with a narrow record, of whose edges each can be ruled out. */
static bool is_clear(const block *from, const block *to, uint32_t j)
{
    const unsigned shift = from->shifts[j];
    const uint32_t columns =
        ((uint32_t)to->points[j].lon_e7 >> shift) - ((uint32_t)from->points[j].lon_e7 >> shift);
    const uint32_t rows =
        ((uint32_t)to->points[j].lat_e7 >> shift) - ((uint32_t)from->points[j].lat_e7 >> shift);
    const bool is_beside = (columns == 0 && rows + 1 <= 2) || (rows == 0 && columns + 1 <= 2);
    const index_desc desc = block_desc(from->base, from->places[j]);
    if (from->places[j] == to->places[j] && index_is_short(desc)) {
        return index_narrow_is_clear(index_at(from->base, desc), block_x(from, j), block_y(from, j),
                                     block_x(to, j), block_y(to, j));
    }
    return is_beside && to->shifts[j] == shift && !index_has_edges(desc) &&
           !index_has_edges(block_desc(to->base, to->places[j]));
}

uint64_t index_clear_block_scalar(const geo_index_version *version, const geo_point *from,
                                  const geo_point *to, uint32_t count)
{
    block a, b;
    if (!seek(&a, version, from, count, 0) || !seek(&b, version, to, count, 0)) {
        return 0;
    }
    uint64_t clear = 0;
    for (uint32_t j = 0; j < count; j++) {
        clear |= (uint64_t)is_clear(&a, &b, j) << j;
    }
    return clear;
}
