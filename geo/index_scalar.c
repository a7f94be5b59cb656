/* geo/index_scalar.c - the reference of the block query, in plain C.
 *
 * A block of points goes through the levels of the index together, so that the memory which one
 * point waits for is fetched while the others are computed:
 *   1. every point walks down the branches, which are few and stay in the cache, to its cell's
 *      descriptor;
 *   2. the descriptors are read and sorted by kind;
 *   3. divided cells are walked to their end;
 *   4. lists, wide and narrow records are evaluated, one kind after the other.
 * The vector builds do the same steps in the same order, so that they write the same hits. */
#include <string.h>

#include "index_eval.h"
#include "index_private.h"

#define BLOCK GEO_INDEX_BLOCK_POINTS

typedef struct block {
    const uint8_t *base;
    const geo_point *points;
    uint32_t count;
    uint32_t first;
    index_sink sink;
    const index_desc *places[BLOCK]; /* where the cell's descriptor stands */
    index_desc descs[BLOCK];
    uint8_t shifts[BLOCK];
    uint8_t nodes[BLOCK], lists[BLOCK], wides[BLOCK], narrows[BLOCK]; /* points by kind */
    unsigned node_count, list_count, wide_count, narrow_count;
} block;

/* The deepest branch that holds all points of the block and has no covers on the way. */
static index_desc common_branch(const block *b, index_desc root, unsigned *shift)
{
    uint32_t differ = 0;
    const int32_t x = b->points[0].lon_e7;
    const int32_t y = b->points[0].lat_e7;
    for (uint32_t j = 1; j < b->count; j++) {
        differ |= (uint32_t)(b->points[j].lon_e7 ^ x) | (uint32_t)(b->points[j].lat_e7 ^ y);
    }
    index_desc desc = root;
    unsigned fanout = INDEX_ROOT_FANOUT;
    *shift = INDEX_ROOT_SHIFT;
    while (differ >> (*shift - fanout) == 0) {
        index_desc child = index_node(b->base, desc)[index_slot(fanout, *shift - fanout, x, y)];
        if (!index_is_plain_branch(child, *shift - fanout)) {
            break;
        }
        desc = child;
        *shift -= fanout;
        fanout = index_node_fanout(desc);
    }
    return desc;
}

/* Step 1 for point j, in any node: `node` has children of 2^shift units. A point in a square
 * without edges is done with its descriptor at once. */
static void find_place(block *b, uint32_t j, const index_desc *node, unsigned fanout,
                       unsigned shift)
{
    const int32_t x = b->points[j].lon_e7;
    const int32_t y = b->points[j].lat_e7;
    const index_desc *place = node + index_slot(fanout, shift, x, y);
    while (shift > INDEX_CELL_SHIFT_MAX && index_kind(*place) == INDEX_KIND_NODE) {
        const index_desc desc = *place;
        node = index_node(b->base, desc);
        fanout = index_node_fanout(desc);
        if (desc & INDEX_FLAG) {
            const index_tail *tail = (const index_tail *)(node + (1u << 2 * fanout));
            index_sink_list(&b->sink, b->base, tail->covers, b->first + j);
        }
        shift -= fanout;
        place = node + index_slot(fanout, shift, x, y);
    }
    __builtin_prefetch(place);
    b->places[j] = place;
    b->shifts[j] = (uint8_t)shift;
}

/* A branch that is divided as finely as can be: the usual one where it is busy. */
static inline bool is_dense(index_desc desc)
{
    const index_desc pattern =
        (uint32_t)INDEX_KIND_NODE << INDEX_KIND_SHIFT | (INDEX_FANOUT_MAX - INDEX_FANOUT_MIN);
    return (desc & (3u << INDEX_KIND_SHIFT | 3)) == pattern;
}

#define PAGE_SHIFT 21 /* what a dense branch of the root's children divides into */
#define TILE_SHIFT 16

/* Step 1 for points that share a square of the root: in busy places it is dense, and so are its
 * children, so that all shifts but the last are known. */
static void find_places_dense(block *b, const index_desc *directory)
{
    const uint8_t *base = b->base;
    for (uint32_t j = 0; j < b->count; j++) {
        const int32_t x = b->points[j].lon_e7;
        const int32_t y = b->points[j].lat_e7;
        const index_desc page = directory[index_slot(INDEX_FANOUT_MAX, PAGE_SHIFT, x, y)];
        if (__builtin_expect(!is_dense(page), 0)) {
            find_place(b, j, directory, INDEX_FANOUT_MAX, PAGE_SHIFT);
            continue;
        }
        const index_desc *node = index_node(base, page);
        if (__builtin_expect((page & INDEX_FLAG) != 0, 0)) {
            const index_tail *tail = (const index_tail *)(node + (1u << 2 * INDEX_FANOUT_MAX));
            index_sink_list(&b->sink, base, tail->covers, b->first + j);
        }
        const index_desc *entry = node + index_slot(INDEX_FANOUT_MAX, TILE_SHIFT, x, y);
        const index_desc tile = *entry;
        /* Half of the tiles may have no edges: a jump would be guessed wrong every other time. */
        const unsigned fanout = index_node_fanout(tile);
        const index_desc *cell =
            index_node(base, tile) + index_slot_of_cell(fanout, TILE_SHIFT - fanout, x, y);
        const uintptr_t choice = (uintptr_t)0 - (index_kind(tile) == INDEX_KIND_NODE);
        const index_desc *place =
            (const index_desc *)(((uintptr_t)cell & choice) | ((uintptr_t)entry & ~choice));
        __builtin_prefetch(place);
        b->places[j] = place;
        b->shifts[j] = (uint8_t)(TILE_SHIFT - fanout);
    }
}

/* Step 1. */
static void find_places(block *b, index_desc root)
{
    unsigned shift;
    const index_desc start = common_branch(b, root, &shift);
    const bool is_root = shift == INDEX_ROOT_SHIFT;
    const unsigned fanout = is_root ? INDEX_ROOT_FANOUT : index_node_fanout(start);
    const index_desc *node = index_node(b->base, start);
    if (shift - fanout == PAGE_SHIFT && fanout == INDEX_FANOUT_MAX) {
        find_places_dense(b, node);
        return;
    }
    for (uint32_t j = 0; j < b->count; j++) {
        find_place(b, j, node, fanout, shift - fanout);
    }
}

/* The counters of the lists while they grow. */
typedef struct kind_counts {
    size_t hits;
    unsigned nodes, lists, wides, narrows;
} kind_counts;

static inline kind_counts counts_of(const block *b)
{
    return (kind_counts){b->sink.count, b->node_count, b->list_count, b->wide_count,
                         b->narrow_count};
}

static inline void counts_to(block *b, const kind_counts *n)
{
    b->sink.count = n->hits;
    b->node_count = n->nodes;
    b->list_count = n->lists;
    b->wide_count = n->wides;
    b->narrow_count = n->narrows;
}

/* Write the hit of an ID, or note the point under its kind; no branch depends on the kind. */
static inline void sort_by_kind(block *b, kind_counts *n, uint32_t j, index_desc desc)
{
    const unsigned kind = index_kind(desc);
    const unsigned is_flagged = (desc & INDEX_FLAG) != 0;
    b->descs[j] = desc;
    b->sink.hits[n->hits] = (geo_hit){b->first + j, desc - 1};
    n->hits += (kind == INDEX_KIND_ID) & (desc != 0);
    b->nodes[n->nodes] = (uint8_t)j;
    n->nodes += kind == INDEX_KIND_NODE;
    b->lists[n->lists] = (uint8_t)j;
    n->lists += (kind == INDEX_KIND_NARROW) & is_flagged;
    b->wides[n->wides] = (uint8_t)j;
    n->wides += kind == INDEX_KIND_WIDE;
    b->narrows[n->narrows] = (uint8_t)j;
    n->narrows += (kind == INDEX_KIND_NARROW) & !is_flagged;
}

static inline void prefetch_block(const uint8_t *at)
{
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
}

/* Step 2. */
static void read_places(block *b)
{
    kind_counts n = counts_of(b);
    for (uint32_t j = 0; j < b->count; j++) {
        index_desc desc = *b->places[j];
        prefetch_block(index_at(b->base, desc));
        sort_by_kind(b, &n, j, desc);
    }
    counts_to(b, &n);
}

/* Step 3. */
static void walk_nodes(block *b)
{
    const unsigned node_count = b->node_count;
    kind_counts n = counts_of(b);
    for (unsigned t = 0; t < node_count; t++) {
        const unsigned j = b->nodes[t];
        unsigned shift = b->shifts[j];
        index_desc desc = b->descs[j];
        do {
            shift -= INDEX_FANOUT_MIN;
            desc = index_node(b->base, desc)[index_slot(INDEX_FANOUT_MIN, shift,
                                                        b->points[j].lon_e7, b->points[j].lat_e7)];
        } while (index_kind(desc) == INDEX_KIND_NODE);
        prefetch_block(index_at(b->base, desc));
        b->shifts[j] = (uint8_t)shift;
        sort_by_kind(b, &n, j, desc);
    }
    counts_to(b, &n);
}

/* Step 4. */
static void evaluate(block *b)
{
    for (unsigned t = 0; t < b->list_count; t++) {
        const unsigned j = b->lists[t];
        index_sink_list(&b->sink, b->base, b->descs[j], b->first + j);
    }
    for (unsigned t = 0; t < b->wide_count; t++) {
        const unsigned j = b->wides[t];
        index_wide_eval(index_at(b->base, b->descs[j]), b->points[j].lon_e7, b->points[j].lat_e7,
                        b->first + j, &b->sink);
    }
    for (unsigned t = 0; t < b->narrow_count; t++) {
        const unsigned j = b->narrows[t];
        const index_narrow *record = index_at(b->base, b->descs[j]);
        const int32_t x = index_cell_offset(b->points[j].lon_e7, b->shifts[j]);
        const int32_t y = index_cell_offset(b->points[j].lat_e7, b->shifts[j]);
        uint32_t crossed;
        uint32_t on_edges;
        index_narrow_edges(record, x, y, &crossed, &on_edges);
        if (__builtin_expect(on_edges != 0, 0)) {
            on_edges = index_narrow_on_edges(record, on_edges, x, y);
        }
        if (b->sink.count + INDEX_NARROW_IDS_MAX >= b->sink.max) {
            b->sink.count = SIZE_MAX / 2; /* full: the caller takes the careful way */
            return;
        }
        b->sink.count += index_narrow_hits(record, crossed, on_edges, b->first + j,
                                           b->sink.hits + b->sink.count);
    }
}

bool index_query_block_scalar(const geo_index_version *version, const geo_point *points,
                              uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max,
                              size_t *hit_count)
{
    block b;
    b.base = version->base;
    b.points = points;
    b.count = count;
    b.first = first;
    b.sink = (index_sink){hits, hits_max, 0};
    b.node_count = b.list_count = b.wide_count = b.narrow_count = 0;
    find_places(&b, version->root);
    /* sort_by_kind() writes before it knows whether there is a hit. */
    if (b.sink.count + 2 * (size_t)count >= hits_max) {
        return false;
    }
    read_places(&b);
    walk_nodes(&b);
    evaluate(&b);
    *hit_count = b.sink.count;
    return b.sink.count <= hits_max;
}
