/* geo/validate.c - a shape's rings against the rules, with a person's words for what is wrong. */
#include "geo/validate.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/antimeridian.h"
#include "geo/area.h"
#include "ring.h"
#include "sweep.h"
#include "unroll.h"

#define RING_NAME_MAX 64

/* Rings as the sweep wants them: no vertex equal to its neighbour, and as they lie on a globe. On
 * the plane of unrolled longitudes two rings that meet may lie a turn apart. So a ring that goes on
 * beyond 180 degrees is there a second time, a turn to the west: no pair of rings is then missed.
 */
typedef struct rings {
    geo_unrolled *vertices;
    uint32_t *ends;
    uint32_t *originals; /* by ring: the ring as it was given */
    uint32_t count;
    uint32_t vertex_count;
    bool beyond_seam; /* one of them goes on beyond 180 degrees */
    geo_sweep_ring *nesting;
} rings;

static void rings_fini(rings *r)
{
    free(r->vertices);
    free(r->ends);
    free(r->originals);
    free(r->nesting);
}

static bool same(geo_unrolled a, geo_unrolled b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
}

/* Leave out the vertices of a ring that repeat their neighbour. Returns how many are left. */
static uint32_t without_repeats(geo_unrolled *ring, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t v = 0; v < count; v++) {
        if (kept == 0 || !same(ring[kept - 1], ring[v])) {
            ring[kept++] = ring[v];
        }
    }
    while (kept > 1 && same(ring[kept - 1], ring[0])) {
        kept--;
    }
    return kept;
}

static void put(rings *r, const geo_unrolled *ring, uint32_t begin, uint32_t end, int64_t turns)
{
    for (uint32_t v = begin; v < end; v++) {
        r->vertices[r->vertex_count] = ring[v];
        r->vertices[r->vertex_count++].lon_e7 += turns * GEO_TURN_E7;
    }
}

static void end_ring(rings *r, uint32_t original)
{
    r->originals[r->count] = original;
    r->ends[r->count++] = r->vertex_count;
}

/* A ring round the world: from -180 on to 180, some way along that seam, back and along the other.
 */
typedef struct band {
    uint32_t east; /* the first vertex on 180; vertex 0 lies on -180 */
    uint32_t last; /* the last one on 180 */
    uint32_t west; /* the first one that is on -180 again, as are all behind it */
} band;

static bool is_on_seam(geo_unrolled vertex)
{
    return llabs(vertex.lon_e7) == GEO_LON_E7_MAX;
}

/* Whether a ring is a band that lies between the same latitudes at both seams. It is turned to
 * begin where it leaves -180. */
static bool find_band(geo_unrolled *ring, uint32_t count, geo_unrolled *spare, band *out)
{
    uint32_t first = 0;
    while (first < count && (ring[first].lon_e7 != -GEO_LON_E7_MAX ||
                             ring[(first + 1) % count].lon_e7 == -GEO_LON_E7_MAX)) {
        first++;
    }
    if (first == count) {
        return false;
    }
    for (uint32_t v = 0; v < count; v++) {
        spare[v] = ring[(first + v) % count];
    }
    memcpy(ring, spare, count * sizeof *ring);
    band b = {.east = 1};
    while (b.east < count && !is_on_seam(ring[b.east])) {
        b.east++;
    }
    b.last = b.east;
    while (b.last + 1 < count && ring[b.last + 1].lon_e7 == GEO_LON_E7_MAX) {
        b.last++;
    }
    b.west = b.last + 1;
    while (b.west < count && !is_on_seam(ring[b.west])) {
        b.west++;
    }
    for (uint32_t v = b.west; v < count; v++) {
        if (ring[v].lon_e7 != -GEO_LON_E7_MAX) {
            return false;
        }
    }
    *out = b;
    return b.west < count && b.last > b.east && ring[b.east].lon_e7 == GEO_LON_E7_MAX &&
           ring[b.east].lat_e7 == ring[0].lat_e7 && ring[b.west].lat_e7 == ring[b.last].lat_e7;
}

/* A band's seams are no boundary, and holes may lie over them: it is drawn for three turns. */
static void put_band(rings *r, const geo_unrolled *ring, const band *b)
{
    for (int turns = -1; turns <= 1; turns++) {
        put(r, ring, 0, b->east, turns);
    }
    put(r, ring, b->east, b->east + 1, 1);
    for (int turns = 1; turns >= -1; turns--) {
        put(r, ring, b->last, b->west, turns);
    }
    put(r, ring, b->west, b->west + 1, -1);
}

static uint32_t ring_begin(const rings *r, uint32_t ring)
{
    return ring > 0 ? r->ends[ring - 1] : 0;
}

/* Whether a ring goes on beyond 180 degrees. */
static bool is_beyond_seam(const geo_unrolled *ring, uint32_t count)
{
    for (uint32_t v = 0; v < count; v++) {
        if (ring[v].lon_e7 > GEO_LON_E7_MAX) {
            return true;
        }
    }
    return false;
}

/* The unrolled vertices are worked on, and not needed any more then. */
static geo_err rings_init(rings *r, geo_unrolled *vertices, const uint32_t *ring_ends,
                          uint32_t ring_count)
{
    *r = (rings){.count = 0};
    r->vertices = malloc(3 * (size_t)ring_ends[ring_count - 1] * sizeof *r->vertices);
    r->ends = malloc(2 * (size_t)ring_count * sizeof *r->ends);
    r->originals = malloc(2 * (size_t)ring_count * sizeof *r->originals);
    r->nesting = calloc(2 * (size_t)ring_count, sizeof *r->nesting);
    if (r->vertices == NULL || r->ends == NULL || r->originals == NULL || r->nesting == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t begin = 0;
    for (uint32_t ring = 0; ring < ring_count; ring++) {
        geo_unrolled *given = vertices + begin;
        uint32_t count = without_repeats(given, ring_ends[ring] - begin);
        band b;
        if (find_band(given, count, r->vertices + r->vertex_count, &b)) {
            put_band(r, given, &b);
        } else {
            put(r, given, 0, count, 0);
        }
        end_ring(r, ring);
        begin = ring_ends[ring];
    }
    begin = 0;
    for (uint32_t ring = 0; ring < ring_count; ring++) {
        if (is_beyond_seam(vertices + begin, ring_ends[ring] - begin)) {
            put(r, r->vertices, ring_begin(r, ring), r->ends[ring], -1);
            end_ring(r, ring);
            r->beyond_seam = true;
        }
        begin = ring_ends[ring];
    }
    return GEO_OK;
}

/* "ring 1", or "ring 1 of polygon 2" where there are more than one. */
static void name_ring(const uint32_t *ring_polygons, uint32_t ring_count, uint32_t ring,
                      char name[RING_NAME_MAX])
{
    if (ring_polygons == NULL || ring_polygons[ring_count - 1] == ring_polygons[0]) {
        snprintf(name, RING_NAME_MAX, "ring %u", ring);
        return;
    }
    uint32_t shell = ring;
    while (shell > 0 && ring_polygons[shell - 1] == ring_polygons[ring]) {
        shell--;
    }
    snprintf(name, RING_NAME_MAX, "ring %u of polygon %u", ring - shell, ring_polygons[ring]);
}

static geo_err tell_fault(const rings *r, const geo_sweep_fault *fault,
                          const uint32_t *ring_polygons, uint32_t ring_count, geo_why *why)
{
    uint32_t a = r->originals[fault->rings[0]];
    uint32_t b = r->originals[fault->rings[1]];
    bool itself = a == b;
    char first[RING_NAME_MAX];
    char second[RING_NAME_MAX];
    name_ring(ring_polygons, ring_count, a < b ? a : b, first);
    name_ring(ring_polygons, ring_count, a < b ? b : a, second);
    double lon_e7 = fault->lon_e7;
    if (fabs(lon_e7) > GEO_LON_E7_MAX) {
        lon_e7 = remainder(lon_e7, (double)GEO_TURN_E7);
    }
    return geo_why_set(why, GEO_INVALID, "%s %s %s at %.10g,%.10g", first,
                       fault->overlaps ? "runs along" : "crosses", itself ? "itself" : second,
                       lon_e7 / 1e7, fault->lat_e7 / 1e7);
}

static geo_err check_nesting(const rings *r, const uint32_t *ring_polygons, uint32_t ring_count,
                             geo_why *why)
{
    uint32_t shell = 0;
    for (uint32_t ring = 0; ring < ring_count; ring++) {
        char name[RING_NAME_MAX];
        name_ring(ring_polygons, ring_count, ring, name);
        geo_unrolled at = r->vertices[ring_begin(r, ring)];
        double lon = geo_lon_wrap_e7(at.lon_e7) / 1e7;
        double lat = (double)at.lat_e7 / 1e7;
        const geo_sweep_ring *nesting = &r->nesting[ring];
        if (ring == 0 || ring_polygons[ring] != ring_polygons[ring - 1]) {
            shell = ring;
            if (nesting->is_hole) {
                return geo_why_set(why, GEO_INVALID,
                                   "%s lies inside another polygon at %.10g,%.10g", name, lon, lat);
            }
        } else if (nesting->container == GEO_SWEEP_NO_RING ||
                   r->originals[nesting->container] != shell) {
            return geo_why_set(
                why, GEO_INVALID, "%s is a hole that lies %s at %.10g,%.10g", name,
                nesting->is_hole ? "in another hole or polygon" : "outside its shell", lon, lat);
        }
    }
    return GEO_OK;
}

/* The rings of an area, as they lie on the map. nesting is for its rings. */
static geo_err sweep_area(const geo_area *area, geo_sweep_ring *nesting, geo_sweep_fault *fault)
{
    geo_unrolled *vertices = malloc(area->vertex_count * sizeof *vertices);
    if (vertices == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t v = 0; v < area->vertex_count; v++) {
        vertices[v] = (geo_unrolled){area->vertices[v].lon_e7, area->vertices[v].lat_e7};
    }
    geo_err err = geo_sweep(vertices, area->ring_ends, area->ring_count, nesting, fault);
    free(vertices);
    return err;
}

/* Where edges are cut they move by up to half a unit, and may then meet. */
static geo_err check_cut(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                         geo_why *why)
{
    geo_area *area = NULL;
    geo_err err = geo_area_new_cut(vertices, ring_ends, ring_count, why, &area);
    if (err != GEO_OK) {
        return err;
    }
    geo_sweep_fault fault;
    geo_sweep_ring *nesting = calloc(area->ring_count, sizeof *nesting);
    err = nesting != NULL ? sweep_area(area, nesting, &fault) : GEO_NO_MEMORY;
    if (err == GEO_INVALID) {
        geo_why_set(why, err, "the shape %s itself at %.10g,%.10g",
                    fault.overlaps ? "runs along" : "crosses", fault.lon_e7 / 1e7,
                    fault.lat_e7 / 1e7);
    }
    free(nesting);
    geo_area_free(area);
    return err;
}

geo_err geo_area_shells(const geo_area *area, uint32_t *shells)
{
    geo_sweep_fault fault;
    geo_sweep_ring *nesting = calloc(area->ring_count, sizeof *nesting);
    geo_err err = nesting != NULL ? sweep_area(area, nesting, &fault) : GEO_NO_MEMORY;
    for (uint32_t r = 0; r < area->ring_count && err == GEO_OK; r++) {
        shells[r] = nesting[r].is_hole ? nesting[r].container : r;
    }
    free(nesting);
    return err;
}

geo_err geo_validate(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                     const uint32_t *ring_polygons, geo_why *why)
{
    geo_unrolled *unrolled = NULL;
    geo_err err = geo_unroll_new(vertices, ring_ends, ring_count, why, &unrolled);
    if (err != GEO_OK) {
        return err;
    }
    rings r;
    geo_sweep_fault fault;
    err = rings_init(&r, unrolled, ring_ends, ring_count);
    free(unrolled);
    if (err == GEO_OK) {
        err = geo_sweep(r.vertices, r.ends, r.count, r.nesting, &fault);
        if (err == GEO_INVALID) {
            tell_fault(&r, &fault, ring_polygons, ring_count, why);
        } else if (err == GEO_OK && ring_polygons != NULL) {
            err = check_nesting(&r, ring_polygons, ring_count, why);
        }
    }
    bool beyond = err == GEO_OK && r.beyond_seam;
    rings_fini(&r);
    if (err == GEO_NO_MEMORY) {
        geo_why_set(why, err, "out of memory");
    }
    return beyond ? check_cut(vertices, ring_ends, ring_count, why) : err;
}
