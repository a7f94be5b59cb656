/* geo/geodesic.h - shortest lines on WGS84: distances, destinations, and rings with curved edges.
 * Floating point: for what people read, and for shapes, which are derived once and then stored. */
#ifndef GEO_GEODESIC_H
#define GEO_GEODESIC_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

/* Edges that are to be geodesic deviate from the geodesic by at most this, beside the lattice. */
#define GEO_DENSIFY_ERROR_M 0.05

/* A place between lattice points; the longitude may go on beyond 180 degrees. */
typedef struct geo_place {
    double lon_deg;
    double lat_deg;
} geo_place;

/* The length of the geodesic and its direction at the start, clockwise from north; to 0.1 mm.
 * azimuth_rad may be NULL. GEO_INVALID: the places are nearly opposite each other on the globe. */
GEO_MUST_USE geo_err geo_geodesic_inverse(geo_place from, geo_place to, double *distance_m,
                                          double *azimuth_rad);

/* Where one arrives. The longitude is not wrapped: it tells which way round was taken. */
geo_place geo_geodesic_direct(geo_place from, double azimuth_rad, double distance_m);

geo_place geo_place_of(geo_point point);
/* The nearest lattice point, with the longitude wrapped; halves away from zero. */
geo_point geo_place_round(geo_place place);

/* Rings whose edges are geodesics, as rings whose edges are straight: with more vertices. An edge
 * gets the same vertices in both directions, so neighbours stay neighbours. *out is the caller's to
 * free; out_ends has room for ring_count.
 * GEO_TOO_BIG: more than GEO_AREA_VERTICES_MAX vertices. GEO_INVALID: an edge joins nearly opposite
 * places, so that its way is not known. GEO_NO_MEMORY. */
GEO_MUST_USE geo_err geo_densify(const geo_point *vertices, const uint32_t *ring_ends,
                                 uint32_t ring_count, geo_why *why, geo_point **out,
                                 uint32_t *out_ends);

#endif
