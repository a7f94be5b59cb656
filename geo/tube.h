/* geo/tube.h - all that lies within a convex shape of a line of edges; private to geo/.
 *
 * A tube is the line's sum with a convex polygon, the brush, in the sense of Minkowski: what the
 * brush covers when it is drawn along the line. Its outline is the convolution of the two, a closed
 * curve that crosses itself where the line bends, and whose winding number at any point is the
 * number of separate pieces of the line that the brush, turned round and put there, would meet. So
 * the tube is exactly where the winding number is above zero, and no arithmetic is rounded. */
#ifndef GEO_TUBE_H
#define GEO_TUBE_H

#include <stdint.h>

#include "geo/err.h"
#include "geo/point.h"

#define GEO_BRUSH_MAX 512

/* A convex polygon around the origin, counter-clockwise, without three vertices on one line. */
typedef struct geo_brush {
    uint32_t count;
    geo_point vertices[GEO_BRUSH_MAX];
} geo_brush;

/* Make any vertices a brush: their convex hull. They are reordered. GEO_INVALID: it is flat. */
GEO_MUST_USE geo_err geo_brush_init(geo_brush *brush, geo_point *vertices, uint32_t count);

/* Called with each vertex of the outline in turn; the last joins the first. */
typedef geo_err geo_tube_vertex(void *context, geo_point vertex);

/* Draw the outline of the tube around a line of at least two vertices, of which neighbours differ.
 * The first error of the callback is returned. */
GEO_MUST_USE geo_err geo_tube_outline(const geo_brush *brush, const geo_point *line, uint32_t count,
                                      geo_tube_vertex *vertex, void *context);

#endif
