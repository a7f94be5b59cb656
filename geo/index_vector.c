/* geo/index_vector.c - the block query with vectors: compiled once for each instruction set. */
#if defined(__AVX512F__)
#include "index_simd_avx512.h"
#define QUERY_BLOCK index_query_block_avx512
#define CLEAR_BLOCK index_clear_block_avx512
#elif defined(__AVX2__)
#include "index_simd_avx2.h"
#define QUERY_BLOCK index_query_block_avx2
#define CLEAR_BLOCK index_clear_block_avx2
#else
#include "index_simd_neon.h"
#define QUERY_BLOCK index_query_block_neon
#define CLEAR_BLOCK index_clear_block_neon
#endif

#include "index_block_places.h"
#include "index_lanes_clear.h"

/* block_node_place() of every lane. */
static inline lanes node_places(lanes nodes)
{
    return lanes_left(lanes_and(nodes, lanes_all(INDEX_OFFSET_MASK & ~3u)), 2);
}

/* The places of points' children in dense nodes, counted from the node. */
#define DENSE_SLOTS(x, y, shift)                                                                   \
    lanes_or(lanes_and(lanes_right((y), (shift)-INDEX_FANOUT_MAX),                                 \
                       lanes_all(((1u << INDEX_FANOUT_MAX) - 1) << INDEX_FANOUT_MAX)),             \
             lanes_and(lanes_right((x), (shift)), lanes_all((1u << INDEX_FANOUT_MAX) - 1)))

/* index_slot_of_cell() where a lane's node has the fan-out 2 + small. */
static inline lanes cell_slots(lanes small, lanes shifts, lanes x, lanes y)
{
    const lanes column = lanes_right_by(x, shifts);
    const lanes row = lanes_right_by(y, shifts);
    const lanes blocks = lanes_sub(lanes_left_by(lanes_all(4), small), lanes_all(4));
    const lanes three = lanes_all(3);
    lanes row_part = lanes_left_by(lanes_and(row, blocks), lanes_add(small, lanes_all(2)));
    lanes low = lanes_or(lanes_left(lanes_and(row, three), 2), lanes_and(column, three));
    return lanes_or(lanes_or(row_part, lanes_left(lanes_and(column, blocks), 2)), low);
}

/* Append some lanes to a list; j: the number of the first lane's point. */
static inline uint32_t list_add(block_list *list, uint32_t count, lanes_mask some, uint32_t j)
{
    lanes_store_numbers(list->points + count, some, j);
    return count + mask_count(some);
}

/* The lanes of branches with covers. */
static inline lanes_mask are_covered(lanes descs)
{
    return lanes_equal(lanes_and(descs, lanes_all(BLOCK_COVERED)), lanes_all(BLOCK_COVERED));
}

/* Note the points of some lanes, which lie in these branches; those have covers. */
static inline void add_covered(const block *b, block_covered *covered, uint32_t j, lanes branches,
                               lanes_mask some)
{
    const lanes small = lanes_and(branches, lanes_all(3));
    const lanes after =
        lanes_left_by(lanes_all(1u << 2 * INDEX_FANOUT_MIN), lanes_add(small, small));
    const lanes places = lanes_add(lanes_add(node_places(branches), after),
                                   lanes_all(offsetof(index_tail, covers) / sizeof(index_desc)));
    const lanes covers = lanes_gather_some(some, lanes_all(0), (const uint32_t *)b->base, places);
    lanes_store(covered->covers + covered->count, lanes_pack(covers, some));
    lanes_store_numbers(covered->points + covered->count, some, j);
    covered->count += mask_count(some);
}

/* Step 1 for the lanes that need more than find_places_of_lanes() does. Rare, so it stays out of
 * line. */
static __attribute__((noinline)) void
find_places_of_rest(block *b, uint32_t j, lanes pages, lanes_mask is_covered, lanes_mask is_stray)
{
    add_covered(b, &b->pages, j, pages, is_covered);
    for (uint32_t left = mask_bits(is_stray); left != 0; left &= left - 1) {
        const uint32_t stray = j + (uint32_t)__builtin_ctz(left);
        block_find_place(b, stray);
        b->descs[stray] = 0;
    }
}

/* Step 1 for the LANES points from number j on. Where a page is not dense, the directory stands for
 * it: what is read beneath is of no use, but it is there to be read. The tiles are left in descs;
 * the lanes of those that may have covers. */
static inline lanes_mask find_places_of_lanes(block *b, uint32_t j)
{
    const uint32_t *descs = (const uint32_t *)b->base;
    const index_desc directory = b->start;
    lanes x, y;
    lanes_load_pairs(b->points + j, &x, &y);
    const lanes pages = lanes_gather(descs, lanes_add(lanes_all(block_node_place(directory)),
                                                      DENSE_SLOTS(x, y, BLOCK_PAGE_SHIFT)));
    const lanes_mask is_dense =
        lanes_equal(lanes_and(pages, lanes_all(BLOCK_DENSE_MASK)), lanes_all(BLOCK_DENSE));
    const lanes nodes = lanes_choose(is_dense, pages, lanes_all(directory));
    const lanes entries = lanes_add(node_places(nodes), DENSE_SLOTS(x, y, BLOCK_TILE_SHIFT));
    const lanes tiles = lanes_gather(descs, entries);
    const lanes small = lanes_and(tiles, lanes_all(3));
    const lanes shifts = lanes_sub(lanes_all(BLOCK_TILE_SHIFT - INDEX_FANOUT_MIN), small);
    const lanes cells = lanes_add(node_places(tiles), cell_slots(small, shifts, x, y));
    const lanes_mask is_node =
        lanes_equal(lanes_right(tiles, INDEX_KIND_SHIFT), lanes_all(INDEX_KIND_NODE));
    lanes_store(b->places + j, lanes_choose(is_node, cells, entries));
    lanes_store(b->shifts + j, shifts);
    lanes_store(b->descs + j, tiles);
    const lanes_mask rest =
        mask_without(lanes_within(j, b->count), mask_without(is_dense, are_covered(pages)));
    if (__builtin_expect(mask_is_any(rest), 0)) {
        find_places_of_rest(b, j, pages, mask_and(rest, is_dense), mask_without(rest, is_dense));
    }
    for (uint32_t lane = 0; lane < LANES; lane++) {
        __builtin_prefetch(descs + b->places[j + lane]);
    }
    return are_covered(tiles);
}

/* The points that lie in tiles with covers. A jump for each vector of points would cost those that
 * lie in none; so there is one for the block, and this is out of line. */
static __attribute__((noinline)) void find_covered_tiles(block *b)
{
    for (uint32_t j = 0; j < b->count; j += LANES) {
        const lanes tiles = lanes_load(b->descs + j);
        add_covered(b, &b->tiles, j, tiles,
                    mask_and(are_covered(tiles), lanes_within(j, b->count)));
    }
}

/* Step 1 for points that share a directory. */
static void find_places_dense(block *b)
{
    lanes_mask are_tiles_covered = mask_none();
    for (uint32_t j = 0; j < b->count; j += LANES) {
        are_tiles_covered = mask_or(are_tiles_covered, find_places_of_lanes(b, j));
    }
    if (mask_is_any(are_tiles_covered)) {
        find_covered_tiles(b);
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
    for (uint32_t j = b->count; j % LANES != 0; j++) {
        b->places[j] = b->places[b->count - 1];
        b->shifts[j] = b->shifts[b->count - 1];
    }
}

/* Step 2. What is counted is counted in registers: byte stores might change anything in memory. */
static void read_places(block *b, block_answer *answer)
{
    const uint32_t *words = (const uint32_t *)b->base;
    const uint32_t count = b->count;
    const uint32_t first = b->first;
    uint32_t nodes = 0;
    uint32_t lists = 0;
    uint32_t wides = 0;
    uint32_t longs = 0;
    uint32_t narrows = 0;
    geo_hit *hits = answer->sink.hits + answer->sink.count;
    for (uint32_t j = 0; j < count; j += LANES) {
        const lanes descs = lanes_gather_some(lanes_within(j, count), lanes_all(0), words,
                                              lanes_load(b->places + j));
        const lanes points = lanes_add(lanes_iota(), lanes_all(first + j));
        const lanes tops = lanes_right(descs, INDEX_KIND_SHIFT - 1); /* the kind and the flag */
        const lanes kinds = lanes_right(tops, 1);
        const lanes_mask is_id =
            mask_without(lanes_equal(kinds, lanes_all(0)), lanes_equal(descs, lanes_all(0)));
        const lanes_mask is_node = lanes_equal(kinds, lanes_all(INDEX_KIND_NODE));
        const lanes_mask is_wide = lanes_equal(tops, lanes_all(INDEX_KIND_WIDE << 1));
        lanes_store(b->descs + j, descs);
        lanes_store_pairs(hits, lanes_pack(points, is_id),
                          lanes_pack(lanes_sub(descs, lanes_all(1)), is_id));
        hits += mask_count(is_id);
        narrows = list_add(&answer->narrows, narrows,
                           lanes_equal(tops, lanes_all(INDEX_KIND_NARROW << 1)), j);
        lists = list_add(&answer->lists, lists,
                         lanes_equal(tops, lanes_all(INDEX_KIND_NARROW << 1 | 1)), j);
        longs = list_add(&answer->longs, longs,
                         lanes_equal(tops, lanes_all(INDEX_KIND_WIDE << 1 | 1)), j);
        if (mask_is_any(mask_or(is_node, is_wide))) {
            nodes = list_add(&answer->nodes, nodes, is_node, j);
            wides = list_add(&answer->wides, wides, is_wide, j);
        }
    }
    answer->sink.count = (size_t)(hits - answer->sink.hits);
    answer->nodes.count = nodes;
    answer->lists.count = lists;
    answer->wides.count = wides;
    answer->longs.count = longs;
    answer->narrows.count = narrows;
}

/* Whole vectors are read: the last one must be there. Its surplus points are the last one again. */
static const geo_point *padded(const geo_point *points, uint32_t count, geo_point *room)
{
    if (count % LANES == 0) {
        return points;
    }
    memcpy(room, points, count * sizeof *room);
    for (uint32_t j = count; j % LANES != 0; j++) {
        room[j] = points[count - 1];
    }
    return room;
}

/* Step 1. False: a point lies on the antimeridian. */
static bool seek(block *b, const geo_index_version *version, const geo_point *points,
                 uint32_t count, uint32_t first)
{
    const block_span span = block_span_of(points, count);
    if (span.has_antimeridian) {
        return false;
    }
    block_begin(b, version, padded(points, count, b->padded), count, first);
    block_find_start(b, version->root, span.differ);
    find_places(b);
    return true;
}

/* The records of a list are on their way. */
static inline void prefetch_list(const block *b, const block_list *list)
{
    for (uint32_t t = 0; t < list->count; t++) {
        block_prefetch(b, b->descs[list->points[t]]);
    }
}

/* Steps 2 to 5. */
static bool answer_block(block *b, geo_hit *hits, size_t hits_max, size_t *hit_count)
{
    block_answer answer;
    lanes_rest rest;
    rest.count = 0;
    block_answer_begin(&answer, hits, hits_max);
    block_tell_covers(b, &answer);
    /* What follows writes whole vectors of hits before it knows whether there are any. */
    if (answer.sink.count + BLOCK + LANES > hits_max) {
        return false;
    }
    read_places(b, &answer);
    prefetch_list(b, &answer.nodes);
    prefetch_list(b, &answer.lists);
    prefetch_list(b, &answer.longs);
    prefetch_list(b, &answer.narrows);
    block_walk_nodes(b, &answer);
    block_wides(b, &answer);
    if (answer.sink.count + BLOCK + LANES > hits_max) {
        return false;
    }
    lanes_lists(b, &answer, &rest);
    lanes_longs(b, &answer, &rest);
    lanes_narrows(b, &answer, &rest);
    const bool fits = lanes_ask_rest(b, &answer, &rest);
    *hit_count = answer.sink.count;
    return fits;
}

bool QUERY_BLOCK(const geo_index_version *version, const geo_point *points, uint32_t count,
                 uint32_t first, geo_hit *hits, size_t hits_max, size_t *hit_count)
{
    block b;
    return seek(&b, version, points, count, first) && answer_block(&b, hits, hits_max, hit_count);
}

uint64_t CLEAR_BLOCK(const geo_index_version *version, const geo_point *from, const geo_point *to,
                     uint32_t count)
{
    block a, b;
    if (!seek(&a, version, from, count, 0) || !seek(&b, version, to, count, 0)) {
        return 0;
    }
    block_list narrows = {.count = 0};
    uint64_t clear = 0;
    for (uint32_t j = 0; j < count; j += LANES) {
        clear |= (uint64_t)lanes_squares(&a, &b, j, &narrows) << j;
    }
    return clear | lanes_steps(&a, &b, &narrows);
}
