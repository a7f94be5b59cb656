/* geo/index_vector.c - the block query with vectors: compiled once for each instruction set. */
#if defined(__AVX512F__)
#include "index_simd_eval_avx512.h"
#define QUERY_BLOCK index_query_block_avx512
#define CLEAR_BLOCK index_clear_block_avx512
#elif defined(__AVX2__)
#include "index_simd_eval_avx2.h"
#define QUERY_BLOCK index_query_block_avx2
#define CLEAR_BLOCK index_clear_block_avx2
#else
#include "index_simd_eval_neon.h"
#define QUERY_BLOCK index_query_block_neon
#define CLEAR_BLOCK index_clear_block_neon
#endif

#include "index_block_steps.h"

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

/* Step 1 for the lanes that need more than find_places_of_lanes() does, in their order. Rare, so it
 * stays out of line. */
static __attribute__((noinline)) void find_places_of_rest(block *b, index_desc directory,
                                                          uint32_t j, lanes pages, uint32_t dense,
                                                          uint32_t rest)
{
    uint32_t page[LANES];
    lanes_store(page, pages);
    for (; rest != 0; rest &= rest - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctz(rest);
        if (dense >> lane & 1) {
            block_page_covers(b, j + lane, page[lane]);
        } else {
            block_find_place(b, j + lane, directory, INDEX_FANOUT_MAX, BLOCK_PAGE_SHIFT);
        }
    }
}

/* Step 1 for the LANES points from number j on. Where a page is not dense, the directory stands for
 * it: what is read beneath is of no use, but it is there to be read. */
static inline void find_places_of_lanes(block *b, index_desc directory, uint32_t j)
{
    const uint32_t *descs = (const uint32_t *)b->base;
    const uint32_t all = (uint32_t)((1ull << LANES) - 1);
    lanes x, y;
    lanes_load_pairs(b->points + j, &x, &y);
    const lanes pages = lanes_gather(descs, lanes_add(lanes_all(block_node_place(directory)),
                                                      DENSE_SLOTS(x, y, BLOCK_PAGE_SHIFT)));
    const uint32_t dense =
        lanes_equal(lanes_and(pages, lanes_all(BLOCK_DENSE_MASK)), lanes_all(BLOCK_DENSE));
    const uint32_t plain = lanes_equal(lanes_and(pages, lanes_all(INDEX_FLAG)), lanes_all(0));
    lanes nodes = pages;
    if (__builtin_expect(dense != all, 0)) {
        nodes = lanes_choose(dense, pages, lanes_all(directory));
    }
    const lanes entries = lanes_add(node_places(nodes), DENSE_SLOTS(x, y, BLOCK_TILE_SHIFT));
    const lanes tiles = lanes_gather(descs, entries);
    const lanes small = lanes_and(tiles, lanes_all(3));
    const lanes shifts = lanes_sub(lanes_all(BLOCK_TILE_SHIFT - INDEX_FANOUT_MIN), small);
    const lanes cells = lanes_add(node_places(tiles), cell_slots(small, shifts, x, y));
    const uint32_t is_node =
        lanes_equal(lanes_right(tiles, INDEX_KIND_SHIFT), lanes_all(INDEX_KIND_NODE));
    lanes_store(b->places + j, lanes_choose(is_node, cells, entries));
    lanes_store(b->shifts + j, shifts);
    if (__builtin_expect((dense & plain) != all, 0)) {
        find_places_of_rest(b, directory, j, pages, dense, ~(dense & plain) & all);
    }
    for (uint32_t lane = 0; lane < LANES; lane++) {
        __builtin_prefetch(descs + b->places[j + lane]);
    }
}

/* Step 1. */
static void find_places(block *b, index_desc root, uint32_t differ)
{
    unsigned shift;
    const index_desc start = block_common_branch(b, root, differ, &shift);
    const unsigned fanout =
        shift == INDEX_ROOT_SHIFT ? INDEX_ROOT_FANOUT : index_node_fanout(start);
    const bool is_dense = shift - fanout == BLOCK_PAGE_SHIFT && fanout == INDEX_FANOUT_MAX;
    for (uint32_t j = 0; j < BLOCK; j += LANES) {
        if (is_dense) {
            find_places_of_lanes(b, start, j);
            continue;
        }
        for (uint32_t lane = 0; lane < LANES; lane++) {
            block_find_place(b, j + lane, start, fanout, shift - fanout);
        }
    }
}

/* Append the lanes whose bit is set to a list; whole vectors are written. */
static inline void list_add(block_list *list, uint32_t bits, lanes points, lanes descs)
{
    lanes_store(list->points + list->count, lanes_pack(points, bits));
    lanes_store(list->descs + list->count, lanes_pack(descs, bits));
    list->count += (uint32_t)__builtin_popcount(bits);
}

/* Step 2. */
static void read_places(block *b)
{
    for (uint32_t j = 0; j < BLOCK; j += LANES) {
        const lanes descs = lanes_gather((const uint32_t *)b->base, lanes_load(b->places + j));
        const lanes points = lanes_add(lanes_iota(), lanes_all(j));
        const lanes kinds = lanes_right(descs, INDEX_KIND_SHIFT);
        const uint32_t plain = lanes_equal(lanes_and(descs, lanes_all(INDEX_FLAG)), lanes_all(0));
        const uint32_t empty = lanes_equal(descs, lanes_all(0));
        const uint32_t ids = lanes_equal(kinds, lanes_all(INDEX_KIND_ID)) & ~empty;
        const uint32_t narrow = lanes_equal(kinds, lanes_all(INDEX_KIND_NARROW));
        const uint32_t wides = lanes_equal(kinds, lanes_all(INDEX_KIND_WIDE));
        const uint32_t nodes = lanes_equal(kinds, lanes_all(INDEX_KIND_NODE));
        lanes_store_pairs(b->sink.hits + b->sink.count,
                          lanes_pack(lanes_add(points, lanes_all(b->first)), ids),
                          lanes_pack(lanes_sub(descs, lanes_all(1)), ids));
        b->sink.count += (uint32_t)__builtin_popcount(ids);
        list_add(&b->narrows, narrow & plain, points, descs);
        list_add(&b->lists, narrow & ~plain, points, descs);
        if (wides != 0) {
            list_add(&b->wides, wides, points, descs);
        }
        if (nodes != 0) {
            list_add(&b->nodes, nodes, points, descs);
        }
    }
    for (uint32_t t = 0; t < b->narrows.count; t++) {
        block_prefetch(b, b->narrows.descs[t]);
    }
    for (uint32_t t = 0; t < b->nodes.count; t++) {
        __builtin_prefetch(index_node(b->base, b->nodes.descs[t]));
    }
    for (uint32_t t = 0; t < b->lists.count; t++) {
        __builtin_prefetch(index_at(b->base, b->lists.descs[t]));
    }
    for (uint32_t t = 0; t < b->wides.count; t++) {
        block_prefetch(b, b->wides.descs[t]);
    }
}

bool QUERY_BLOCK(const geo_index_version *version, const geo_point *points, uint32_t count,
                 uint32_t first, geo_hit *hits, size_t hits_max, size_t *hit_count)
{
    if (count != BLOCK) {
        return index_query_block_scalar(version, points, count, first, hits, hits_max, hit_count);
    }
    block b;
    const block_span span = block_span_of(points, BLOCK);
    if (span.has_antimeridian) {
        return false;
    }
    block_begin(&b, version, points, count, first, hits, hits_max);
    find_places(&b, version->root, span.differ);
    if (b.sink.count + BLOCK + LANES >= hits_max) {
        return false;
    }
    read_places(&b);
    return block_evaluate(&b, hit_count);
}

/* The lanes of a value that is 0, 1 or -1. */
static inline uint32_t at_most_one(lanes a)
{
    return lanes_equal(a, lanes_all(0)) | lanes_equal(a, lanes_all(1)) |
           lanes_equal(a, lanes_all(~0u));
}

/* The lanes of squares without edges: an ID, or a list, which is a narrow record with the flag. */
static inline uint32_t without_edges(lanes descs)
{
    const lanes tops = lanes_right(descs, INDEX_KIND_SHIFT - 1);
    return lanes_equal(tops, lanes_all(INDEX_KIND_ID << 1)) |
           lanes_equal(tops, lanes_all(INDEX_KIND_NARROW << 1 | 1));
}

/* block_is_clear() for the LANES segments from number j on. */
static uint32_t clear_lanes(const block *a, const block *b, uint32_t j)
{
    const uint32_t *descs = (const uint32_t *)a->base;
    lanes ax, ay, bx, by;
    lanes_load_pairs(a->points + j, &ax, &ay);
    lanes_load_pairs(b->points + j, &bx, &by);
    const lanes shifts = lanes_load(a->shifts + j);
    const lanes columns = lanes_sub(lanes_right_by(bx, shifts), lanes_right_by(ax, shifts));
    const lanes rows = lanes_sub(lanes_right_by(by, shifts), lanes_right_by(ay, shifts));
    const uint32_t is_beside = (lanes_equal(columns, lanes_all(0)) & at_most_one(rows)) |
                               (lanes_equal(rows, lanes_all(0)) & at_most_one(columns));
    return is_beside & lanes_equal(shifts, lanes_load(b->shifts + j)) &
           without_edges(lanes_gather(descs, lanes_load(a->places + j))) &
           without_edges(lanes_gather(descs, lanes_load(b->places + j)));
}

uint64_t CLEAR_BLOCK(const geo_index_version *version, const geo_point *from, const geo_point *to,
                     uint32_t count)
{
    if (count != BLOCK) {
        return index_clear_block_scalar(version, from, to, count);
    }
    block a, b;
    const block_span span_a = block_span_of(from, BLOCK);
    const block_span span_b = block_span_of(to, BLOCK);
    if (span_a.has_antimeridian || span_b.has_antimeridian) {
        return 0;
    }
    block_begin(&a, version, from, BLOCK, 0, NULL, 0);
    block_begin(&b, version, to, BLOCK, 0, NULL, 0);
    find_places(&a, version->root, span_a.differ);
    find_places(&b, version->root, span_b.differ);
    uint64_t clear = 0;
    for (uint32_t j = 0; j < BLOCK; j += LANES) {
        clear |= (uint64_t)clear_lanes(&a, &b, j) << j;
    }
    return clear;
}
