/* geo/crossing.h - where the straight way between two fixes enters and leaves an area.
 *
 * The segment goes from one point to another by the short way round the world (as the longitudes
 * are written, when both ways are equally long). Its pieces within an area are exact: an area is a
 * closed set, so a piece contains its ends, and a touched corner is a piece of one point. */
#ifndef GEO_CROSSING_H
#define GEO_CROSSING_H

#include <stdint.h>

#include "geo/area.h"
#include "geo/point.h"

/* How far along a segment: num / den, from 0 to 1. Equal fractions may be written differently. */
typedef struct geo_fraction {
    uint64_t num;
    uint64_t den;
} geo_fraction;

/* The sign of a - b. */
int geo_fraction_compare(geo_fraction a, geo_fraction b);

typedef struct geo_piece {
    geo_fraction start;
    geo_fraction end;
} geo_piece;

typedef struct geo_pieces {
    uint32_t count; /* when 0, the pieces below are not set */
    geo_piece first;
    geo_piece last;
    geo_piece longest; /* the first of equally long ones */
} geo_pieces;

/* The pieces of the segment within the area. A segment of one point has the piece 0..1, or none.
 * Does not allocate; costs one pass over the edges for every 256 places where they meet it. */
geo_pieces geo_segment_pieces(const geo_area *area, geo_point from, geo_point to);

/* The lattice point at a fraction of the segment, and between the ends of a piece: each coordinate
 * rounded half away from zero. The longitude is between -180 and 180. */
geo_point geo_segment_place(geo_point from, geo_point to, geo_fraction at);
geo_point geo_segment_middle(geo_point from, geo_point to, const geo_piece *piece);

/* The time at a fraction of the way, rounded half away from zero. The times are at most 2^62 apart.
 */
int64_t geo_segment_time_ms(int64_t from_ms, int64_t to_ms, geo_fraction at);

#endif
