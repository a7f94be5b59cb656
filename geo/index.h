/* geo/index.h - which fences touch a point, a segment, an area: exact, for a million fences. */
#ifndef GEO_INDEX_H
#define GEO_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"
#include "geo/err.h"
#include "geo/point.h"

#define GEO_INDEX_ID_MAX 16777214u
#define GEO_INDEX_VERSIONS_MAX 16
#define GEO_INDEX_BLOCK_POINTS 64  /* of geo_index_clear() */
#define GEO_INDEX_QUERY_POINTS 128 /* answered together */
#define GEO_INDEX_SPAN_MAX (1u << 21)

/* The writer's handle and the published versions. Threads: every function that takes a geo_index
 * is for ONE writer thread at a time, but for geo_index_acquire(), which any thread may call. */
typedef struct geo_index geo_index;

/* One immutable state of the index, shared and counted. Any number of threads may query it. */
typedef struct geo_index_version geo_index_version;

/* Point number `point` of the query lies in fence `id` or on its boundary. */
typedef struct geo_hit {
    uint32_t point;
    uint32_t id;
} geo_hit;

typedef struct geo_index_options {
    size_t memory_bytes_max; /* see geo_index_limit_memory() */
} geo_index_options;

/* options may be NULL. A new index is empty, and its empty version is published. */
GEO_MUST_USE geo_err geo_index_new(const geo_index_options *options, geo_index **out);

/* Every acquired version must have been released. */
void geo_index_free(geo_index *index);

/* From now on a change or a build is GEO_NO_MEMORY if the index, the versions that are held and the
 * memory to work in would take more together; the rings are not counted. 0: no limit but the 8 GB
 * that one state can hold. */
void geo_index_limit_memory(geo_index *index, size_t bytes_max);

/* Replace the whole content by count fences; ids are different, in any order, and at most
 * GEO_INDEX_ID_MAX. The areas are made by geo_area_new(), and the index becomes a holder of them.
 * Much faster than puts, in new memory; what it replaces goes with its last version. On failure
 * nothing changes.
 * GEO_NO_MEMORY. GEO_RANGE: an id is too big. GEO_EXISTS: an id occurs twice. GEO_TOO_BIG: the
 * spans of all fences together are above GEO_INDEX_SPAN_MAX. */
GEO_MUST_USE geo_err geo_index_build(geo_index *index, const geo_area *const *areas,
                                     const uint32_t *ids, size_t count);

/* Insert a fence or replace it; area as above. Readers see nothing of it before
 * geo_index_publish(). On failure nothing changes. GEO_NO_MEMORY. GEO_RANGE: the id is too big.
 * GEO_TOO_BIG: as above. */
GEO_MUST_USE geo_err geo_index_put(geo_index *index, uint32_t id, const geo_area *area);

/* How many squares of 23 km (2^21 units) the edges of an area span, each rounded down: nothing for
 * any paddock, some hundreds for a large country drawn with few vertices. It says what the index
 * has to pay for long edges. The limit is 1,200 times around the world, and a tangle of 2,500 edges
 * from anywhere to anywhere: it is built in a second. */
uint64_t geo_index_span(const geo_area *area);

/* GEO_NOT_FOUND: there is no such fence. On any failure nothing changes. */
GEO_MUST_USE geo_err geo_index_remove(geo_index *index, uint32_t id);

/* Make the writer's state the newest version, by one release store.
 * GEO_TOO_BIG: GEO_INDEX_VERSIONS_MAX versions are still held; release one and call again. */
GEO_MUST_USE geo_err geo_index_publish(geo_index *index);

/* The newest version, one reference more. Lock-free; never fails. Give it back by release. */
geo_index_version *geo_index_acquire(geo_index *index);

/* Give a reference back; NULL is fine. Wait-free: what nobody sees any more is freed by the writer,
 * the next time it publishes or changes something, or is asked to. */
void geo_index_release(geo_index_version *version);
void geo_index_reclaim(geo_index *index);

/* Find every (point, fence) pair where the fence contains the point, the boundary included. Points
 * at longitude +180 and -180 are found on both sides; points off the lattice hit nothing.
 *
 * Order: points are taken in blocks of GEO_INDEX_QUERY_POINTS; hits of a block come before those of
 * the next one. Inside a block the order is fixed by the version and the call, the same in every
 * build of the code, but neither by point nor by id: points in simple cells come first. Each pair
 * comes once.
 *
 * Only whole points are answered: *points_done says how many, and fewer than count only when the
 * buffer was full; go on from there with the rest. Hits number the points of this call from 0.
 * GEO_TOO_BIG: the very first point has more than hits_max hits; *hit_count says how many. */
GEO_MUST_USE geo_err geo_index_query(const geo_index_version *version, const geo_point *points,
                                     size_t count, geo_hit *hits, size_t hits_max,
                                     size_t *hit_count, size_t *points_done);

/* The fences that contain one point, ascending. GEO_TOO_BIG: there are more than ids_max; *id_count
 * says how many, and the buffer's content is unspecified. */
GEO_MUST_USE geo_err geo_index_query_one(const geo_index_version *version, geo_point point,
                                         uint32_t *ids, size_t ids_max, size_t *id_count);

/* The fences that the closed segment from a to b touches, ascending, exact; the segment goes the
 * short way round the antimeridian. GEO_TOO_BIG: more than ids_max; how many is not counted. */
GEO_MUST_USE geo_err geo_index_segment(const geo_index_version *version, geo_point a, geo_point b,
                                       uint32_t *ids, size_t ids_max, size_t *id_count);

/* Those of them whose boundary it touches: all but the fences that hold the whole segment inside.
 * Much cheaper where no edges are near: for one who asks what a step has crossed. */
GEO_MUST_USE geo_err geo_index_boundaries(const geo_index_version *version, geo_point a,
                                          geo_point b, uint32_t *ids, size_t ids_max,
                                          size_t *id_count);

/* Of count <= GEO_INDEX_BLOCK_POINTS segments, those that touch no boundary: bit i is set when the
 * one from from[i] to to[i] surely does not. It costs as little as a point query, and says so of
 * nearly all steps of a walk; a bit that is not set says nothing. Places on the globe only. */
uint64_t geo_index_clear(const geo_index_version *version, const geo_point *from,
                         const geo_point *to, uint32_t count);

/* The fences that have a point in common with an area or a box, ascending, exact. Both lie as they
 * are, between -180 and +180: what was cut at the antimeridian is asked for part by part.
 * GEO_TOO_BIG as above. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_index_area(const geo_index_version *version, const geo_area *area,
                                    uint32_t *ids, size_t ids_max, size_t *id_count);
GEO_MUST_USE geo_err geo_index_box(const geo_index_version *version, geo_box box, uint32_t *ids,
                                   size_t ids_max, size_t *id_count);

/* Everything that the handle keeps in memory, the rings and the older versions included. */
size_t geo_index_memory_bytes(const geo_index *index);
uint32_t geo_index_fence_count(const geo_index *index);

/* Do the structural invariants of the writer's state hold? For tests; costs a rebuild of every
 * cell. On false, why says where and what. */
bool geo_index_check(const geo_index *index, geo_why *why);

/* The instruction sets that point queries are compiled for. */
typedef enum geo_index_isa {
    GEO_INDEX_SCALAR,
    GEO_INDEX_NEON,
    GEO_INDEX_AVX2,
    GEO_INDEX_AVX512,
} geo_index_isa;

/* The set in use is the best one that this processor has. A test may force another one for the
 * whole process, while no query runs; false: not available here. All give identical hits. */
geo_index_isa geo_index_isa_in_use(void);
bool geo_index_force_isa(geo_index_isa isa);
const char *geo_index_isa_name(geo_index_isa isa);

#endif
