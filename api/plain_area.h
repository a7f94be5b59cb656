/* api/plain_area.h - a short way from a query's text to its area, for what nearly all of them are:
 * one small ring, as JSON.stringify writes it. geo/geojson.h takes everything. */
#ifndef API_PLAIN_AREA_H
#define API_PLAIN_AREA_H

#include <stddef.h>

#include "geo/area.h"

#define PLAIN_AREA_VERTICES_MAX 16

/* The area of {"type":"Polygon","coordinates":[[[lon,lat],...]]}, owned by the caller; NULL: the
 * text is not that plain, or the ring is anything that needs thought (it crosses or touches itself,
 * has vertices on one line, is wider than half the world, reaches a pole or the antimeridian).
 * Whatever comes back is the area that the general reader would have made. */
geo_area *plain_area_new(const char *text, size_t size);

#endif
