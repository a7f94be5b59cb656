/* geo/area.c - making areas, and the scalar truth about points in them. */
#include "geo/area.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "geo/predicate.h"
#include "ring.h"

/* An area and the number of its holders; vertices and ends of rings stand behind it. */
typedef struct area_block {
    atomic_uint_fast32_t refs;
    geo_area area;
} area_block;

static bool in_world(geo_point point)
{
    return point.lon_e7 >= -GEO_LON_E7_MAX && point.lon_e7 <= GEO_LON_E7_MAX &&
           point.lat_e7 >= -GEO_LAT_E7_MAX && point.lat_e7 <= GEO_LAT_E7_MAX;
}

static geo_err check_structure(const geo_point *vertices, const uint32_t *ring_ends,
                               uint32_t ring_count)
{
    if (ring_count == 0) {
        return GEO_INVALID;
    }
    if (ring_count > GEO_AREA_RINGS_MAX) {
        return GEO_TOO_BIG;
    }
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count; r++) {
        if (ring_ends[r] > GEO_AREA_VERTICES_MAX) {
            return GEO_TOO_BIG;
        }
        if (ring_ends[r] < begin) {
            return GEO_INVALID;
        }
        begin = ring_ends[r];
    }
    for (uint32_t v = 0; v < begin; v++) {
        if (!in_world(vertices[v])) {
            return GEO_RANGE;
        }
    }
    return GEO_OK;
}

/* Copy a ring without vertices that repeat their neighbour; returns how many were copied. */
static uint32_t copy_ring(const geo_point *from, uint32_t count, geo_point *to)
{
    uint32_t kept = 0;
    for (uint32_t v = 0; v < count; v++) {
        if (kept == 0 || !geo_point_equal(to[kept - 1], from[v])) {
            to[kept++] = from[v];
        }
    }
    while (kept > 1 && geo_point_equal(to[kept - 1], to[0])) {
        kept--;
    }
    return kept;
}

geo_err geo_area_new(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                     geo_area **out)
{
    geo_err err = check_structure(vertices, ring_ends, ring_count);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t given = ring_ends[ring_count - 1];
    area_block *block = malloc(sizeof *block + ((size_t)given + 1) * sizeof(geo_point) +
                               ring_count * sizeof(uint32_t));
    if (block == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_point *copied = (geo_point *)(block + 1);
    uint32_t *ends = (uint32_t *)(copied + given + 1);
    uint32_t count = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count; r++) {
        uint32_t kept = copy_ring(vertices + begin, ring_ends[r] - begin, copied + count);
        if (!geo_ring_has_three(copied + count, kept)) {
            free(block);
            return GEO_INVALID;
        }
        count += kept;
        ends[r] = count;
        begin = ring_ends[r];
    }
    copied[count] = copied[0];
    atomic_init(&block->refs, 1);
    block->area = (geo_area){
        .ring_count = ring_count,
        .vertex_count = count,
        .ring_ends = ends,
        .vertices = copied,
        .box = geo_box_of(copied, count),
    };
    *out = &block->area;
    return GEO_OK;
}

static area_block *block_of(const geo_area *area)
{
    return (area_block *)((uintptr_t)area - offsetof(area_block, area));
}

geo_area *geo_area_ref(const geo_area *area)
{
    area_block *block = block_of(area);
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return &block->area;
}

void geo_area_free(geo_area *area)
{
    if (area != NULL &&
        atomic_fetch_sub_explicit(&block_of(area)->refs, 1, memory_order_acq_rel) == 1) {
        free(block_of(area));
    }
}

/* Where the point lies among the rings as they are drawn on the plane. */
static geo_side locate_on_plane(const geo_area *area, geo_point point)
{
    if (!geo_box_has(&area->box, point)) {
        return GEO_OUTSIDE;
    }
    bool inside = false;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        uint32_t end = area->ring_ends[r];
        geo_point a = area->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            geo_point b = area->vertices[v];
            if (geo_on_segment(a, b, point)) {
                return GEO_BOUNDARY;
            }
            /* A ray to the east. An edge owns its lower end and not its upper one, so that a ray
             * through a vertex counts it once or twice, as it must. */
            if ((a.lat_e7 > point.lat_e7) != (b.lat_e7 > point.lat_e7)) {
                int side = geo_orientation(a, b, point);
                inside ^= b.lat_e7 > a.lat_e7 ? side > 0 : side < 0;
            }
            a = b;
        }
        begin = end;
    }
    return inside ? GEO_INSIDE : GEO_OUTSIDE;
}

/* Where a point of the antimeridian lies, which no ring can surround. An edge along the meridian is
 * a boundary only where the area does not go on at the other side: where an odd number of them
 * covers the point. The end of such a run of edges is an end of an edge that leaves the meridian.
 */
static geo_side locate_on_antimeridian(const geo_area *area, int32_t lat_e7)
{
    uint32_t covering = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        uint32_t end = area->ring_ends[r];
        geo_point a = area->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            geo_point b = area->vertices[v];
            bool a_on = a.lon_e7 == GEO_LON_E7_MAX || a.lon_e7 == -GEO_LON_E7_MAX;
            bool along = a_on && a.lon_e7 == b.lon_e7;
            bool b_on = b.lon_e7 == GEO_LON_E7_MAX || b.lon_e7 == -GEO_LON_E7_MAX;
            if (!along && ((a_on && a.lat_e7 == lat_e7) || (b_on && b.lat_e7 == lat_e7))) {
                return GEO_BOUNDARY;
            }
            covering += along && (a.lat_e7 > lat_e7) != (b.lat_e7 > lat_e7);
            a = b;
        }
        begin = end;
    }
    if (covering == 0) {
        return GEO_OUTSIDE;
    }
    return covering % 2 == 1 ? GEO_BOUNDARY : GEO_INSIDE;
}

geo_side geo_area_locate(const geo_area *area, geo_point point)
{
    if (point.lon_e7 == GEO_LON_E7_MAX || point.lon_e7 == -GEO_LON_E7_MAX) {
        return locate_on_antimeridian(area, point.lat_e7);
    }
    return locate_on_plane(area, point);
}

bool geo_area_contains(const geo_area *area, geo_point point)
{
    return geo_area_locate(area, point) != GEO_OUTSIDE;
}
