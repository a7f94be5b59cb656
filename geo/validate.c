/* geo/validate.c - a shape's rings against the rules, with a person's words for what is wrong. */
#include "geo/validate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "geo/antimeridian.h"
#include "geo/area.h"
#include "ring.h"
#include "sweep.h"
#include "unroll.h"

#define RING_NAME_MAX 64

/* Rings as the sweep wants them: no vertex equal to its neighbour. */
typedef struct rings {
    geo_unrolled *vertices;
    uint32_t *ends;
    uint32_t count;
    geo_sweep_ring *nesting;
} rings;

static void rings_fini(rings *r)
{
    free(r->vertices);
    free(r->ends);
    free(r->nesting);
}

static bool same(geo_unrolled a, geo_unrolled b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
}

/* Take over unrolled vertices, without those that repeat their neighbour. */
static geo_err rings_init(rings *r, geo_unrolled *vertices, const uint32_t *ring_ends,
                          uint32_t ring_count)
{
    *r = (rings){.vertices = vertices, .count = ring_count};
    r->ends = malloc(ring_count * sizeof *r->ends);
    r->nesting = calloc(ring_count, sizeof *r->nesting);
    if (r->ends == NULL || r->nesting == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t kept = 0;
    uint32_t begin = 0;
    for (uint32_t ring = 0; ring < ring_count; ring++) {
        uint32_t first = kept;
        for (uint32_t v = begin; v < ring_ends[ring]; v++) {
            if (kept == first || !same(vertices[kept - 1], vertices[v])) {
                vertices[kept++] = vertices[v];
            }
        }
        while (kept > first + 1 && same(vertices[kept - 1], vertices[first])) {
            kept--;
        }
        begin = ring_ends[ring];
        r->ends[ring] = kept;
    }
    return GEO_OK;
}

static uint32_t ring_begin(const rings *r, uint32_t ring)
{
    return ring > 0 ? r->ends[ring - 1] : 0;
}

/* Holes are unrolled on their own; move one by a turn if only so it can lie within its shell. */
static void move_holes(rings *r, const uint32_t *ring_polygons)
{
    int64_t shell_west = 0;
    int64_t shell_east = 0;
    for (uint32_t ring = 0; ring < r->count; ring++) {
        uint32_t begin = ring_begin(r, ring);
        int64_t west = r->vertices[begin].lon_e7;
        int64_t east = west;
        for (uint32_t v = begin; v < r->ends[ring]; v++) {
            int64_t lon = r->vertices[v].lon_e7;
            west = lon < west ? lon : west;
            east = lon > east ? lon : east;
        }
        if (ring == 0 || ring_polygons[ring] != ring_polygons[ring - 1]) {
            shell_west = west;
            shell_east = east;
        } else if (west < shell_west && east + GEO_TURN_E7 <= shell_east) {
            for (uint32_t v = begin; v < r->ends[ring]; v++) {
                r->vertices[v].lon_e7 += GEO_TURN_E7;
            }
        }
    }
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

static geo_err tell_fault(const geo_sweep_fault *fault, const uint32_t *ring_polygons,
                          uint32_t ring_count, geo_why *why)
{
    char first[RING_NAME_MAX];
    char second[RING_NAME_MAX];
    name_ring(ring_polygons, ring_count, fault->rings[0], first);
    name_ring(ring_polygons, ring_count, fault->rings[1], second);
    bool itself = fault->rings[0] == fault->rings[1];
    double lon_e7 =
        fault->lon_e7 > GEO_LON_E7_MAX ? fault->lon_e7 - (double)GEO_TURN_E7 : fault->lon_e7;
    return geo_why_set(why, GEO_INVALID, "%s %s %s at %.10g,%.10g", first,
                       fault->overlaps ? "runs along" : "crosses", itself ? "itself" : second,
                       lon_e7 / 1e7, fault->lat_e7 / 1e7);
}

static geo_err check_nesting(const rings *r, const uint32_t *ring_polygons, geo_why *why)
{
    uint32_t shell = 0;
    for (uint32_t ring = 0; ring < r->count; ring++) {
        char name[RING_NAME_MAX];
        name_ring(ring_polygons, r->count, ring, name);
        geo_unrolled at = r->vertices[ring_begin(r, ring)];
        double lon = geo_lon_wrap_e7(at.lon_e7) / 1e7;
        double lat = (double)at.lat_e7 / 1e7;
        if (ring == 0 || ring_polygons[ring] != ring_polygons[ring - 1]) {
            shell = ring;
            if (r->nesting[ring].is_hole) {
                return geo_why_set(why, GEO_INVALID,
                                   "%s lies inside another polygon at %.10g,%.10g", name, lon, lat);
            }
        } else if (r->nesting[ring].container != shell) {
            return geo_why_set(why, GEO_INVALID, "%s is a hole that lies %s at %.10g,%.10g", name,
                               r->nesting[ring].is_hole ? "in another hole or polygon"
                                                        : "outside its shell",
                               lon, lat);
        }
    }
    return GEO_OK;
}

static bool is_beyond_seam(const rings *r)
{
    for (uint32_t v = 0; v < r->ends[r->count - 1]; v++) {
        if (r->vertices[v].lon_e7 > GEO_LON_E7_MAX) {
            return true;
        }
    }
    return false;
}

/* Parts drawn at both sides of the antimeridian meet only once they are cut. */
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
    geo_unrolled *copied = malloc(area->vertex_count * sizeof *copied);
    if (nesting != NULL && copied != NULL) {
        for (uint32_t v = 0; v < area->vertex_count; v++) {
            copied[v] = (geo_unrolled){area->vertices[v].lon_e7, area->vertices[v].lat_e7};
        }
        err = geo_sweep(copied, area->ring_ends, area->ring_count, nesting, &fault);
    } else {
        err = GEO_NO_MEMORY;
    }
    if (err == GEO_INVALID) {
        geo_why_set(why, err, "the shape %s itself at %.10g,%.10g",
                    fault.overlaps ? "runs along" : "crosses", fault.lon_e7 / 1e7,
                    fault.lat_e7 / 1e7);
    }
    free(copied);
    free(nesting);
    geo_area_free(area);
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
    if (err == GEO_OK) {
        if (ring_polygons != NULL) {
            move_holes(&r, ring_polygons);
        }
        err = geo_sweep(r.vertices, r.ends, r.count, r.nesting, &fault);
        if (err == GEO_INVALID) {
            tell_fault(&fault, ring_polygons, ring_count, why);
        } else if (err == GEO_OK && ring_polygons != NULL) {
            err = check_nesting(&r, ring_polygons, why);
        }
    }
    bool beyond = err == GEO_OK && is_beyond_seam(&r);
    rings_fini(&r);
    if (err == GEO_NO_MEMORY) {
        geo_why_set(why, err, "out of memory");
    }
    return beyond ? check_cut(vertices, ring_ends, ring_count, why) : err;
}
