/* geo/index_touch.h - exact: do two segments touch, does a segment touch a square? */
#ifndef GEO_INDEX_TOUCH_H
#define GEO_INDEX_TOUCH_H

#include <stdbool.h>
#include <stdint.h>

/* A segment in lattice units, perhaps on an unrolled world: longitudes within +-2^33. */
typedef struct index_line {
    int64_t ax, ay, bx, by;
} index_line;

/* Both closed; a segment may be a single point. */
bool index_lines_touch(const index_line *p, const index_line *q);

/* The closed square from (x, y) to (x + side, y + side). */
bool index_line_touches_square(const index_line *p, int64_t x, int64_t y, int64_t side);

#endif
