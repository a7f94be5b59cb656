/* wkb.h - areas as well-known binary, for SpatiaLite; private to the catalogue. */
#ifndef CATALOG_WKB_H
#define CATALOG_WKB_H

#include <stddef.h>
#include <stdint.h>

#include "geo/area.h"

/* Which rings are shells, and whose holes the others are. A valid area is assumed: its rings do not
 * cross, though they may touch. The caller frees *shells: for every ring the number of the shell
 * that it belongs to, itself for a shell. */
GEO_MUST_USE geo_err area_shells(const geo_area *area, uint32_t **shells);

/* A little-endian WKB MultiPolygon in degrees. The caller frees *bytes. */
GEO_MUST_USE geo_err area_to_wkb(const geo_area *area, uint8_t **bytes, size_t *size);

#endif
