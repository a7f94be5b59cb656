/* wkb.h - areas as well-known binary, for SpatiaLite; private to the catalogue. */
#ifndef CATALOG_WKB_H
#define CATALOG_WKB_H

#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"

/* Which rings are shells, and whose holes the others are: for every ring the number of the shell
 * that it belongs to, itself for a shell. Where rings cross, each is one, and SpatiaLite may say
 * what it finds. The caller frees *shells. */
GEO_MUST_USE geo_err area_shells(const geo_area *area, uint32_t **shells);

/* Degrees for people. In units of the lattice all is whole numbers, and what lies on a line in one
 * lies on it in the other. */
typedef enum wkb_unit {
    WKB_DEGREES,
    WKB_LATTICE,
} wkb_unit;

/* A little-endian WKB MultiPolygon. The caller frees *bytes. */
GEO_MUST_USE geo_err area_to_wkb(const geo_area *area, wkb_unit unit, uint8_t **bytes,
                                 size_t *size);

#endif
