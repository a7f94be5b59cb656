/* geo/index_private.h - the handle of the index and its versions, for the files of the index only.
 */
#ifndef GEO_INDEX_PRIVATE_H
#define GEO_INDEX_PRIVATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_arena.h"
#include "index_budget.h"
#include "index_fence.h"
#include "index_layout.h"
#include "index_maker.h"
#include "index_scratch.h"
#include "index_unseen.h"

/* One published state. The slots live as long as the index, so that a reader may count itself in
 * before it knows whether the slot is still the newest one. */
struct geo_index_version {
    _Atomic uint32_t references; /* readers, and one of the index while this is the newest */
    const uint8_t *base;         /* the rest is set by the writer before it is published */
    index_desc root;
    uint64_t number;       /* from 1 in the order of publication */
    bool is_used;          /* written and read by the writer only, like the lines below */
    index_arena *arena;    /* that of `base`, used until the version is reclaimed */
    index_garbage garbage; /* what this version and older ones may see, but no newer one */
};

/* All fields belong to the writer, but for `newest`. */
struct geo_index {
    index_arena *arena; /* of the state below; a build begins another one */
    index_scratch scratch;
    index_fence **fences; /* by id; NULL where there is none */
    uint32_t fence_room;
    uint32_t fence_count;
    size_t fence_bytes;
    uint64_t fence_span; /* of all fences, as geo_index_span() counts */
    uint64_t stamp;
    index_budget budget;
    index_desc root;       /* the state that the next publication shows */
    index_unseen unseen;   /* made since the last publication */
    index_garbage retired; /* unlinked since the last publication */
    uint64_t last_number;
    geo_index_version versions[GEO_INDEX_VERSIONS_MAX];
    _Atomic uint32_t
        newest; /* the slot of the newest version: written by the writer, read by all */
};

/* What the arenas take, those of older versions included, and the lists of garbage. */
size_t index_versions_bytes(const geo_index *index);

/* The queries of one instruction set: answer `count` <= GEO_INDEX_QUERY_POINTS points, hits
 * numbered from `first`. False: a point lies on the antimeridian, or there is not room enough; what
 * stands in the buffer is void then. */
typedef bool index_block_query(const geo_index_version *version, const geo_point *points,
                               uint32_t count, uint32_t first, geo_hit *hits, size_t hits_max,
                               size_t *hit_count);

/* Which of `count` <= GEO_INDEX_BLOCK_POINTS segments touch no boundary, as geo_index_clear() says.
 */
typedef uint64_t index_block_clear(const geo_index_version *version, const geo_point *from,
                                   const geo_point *to, uint32_t count);

index_block_clear index_clear_block_scalar;
index_block_clear index_clear_block_avx2;
index_block_clear index_clear_block_avx512;
index_block_clear index_clear_block_neon;

index_block_query index_query_block_scalar;
index_block_query index_query_block_avx2;
index_block_query index_query_block_avx512;
index_block_query index_query_block_neon;

#endif
