/* tests/geo/crowds.h - fences that lie upon each other: what no division of a square can part. */
#ifndef TESTS_GEO_CROWDS_H
#define TESTS_GEO_CROWDS_H

#include "worlds.h"

typedef enum crowd_kind {
    CROWD_SQUARES, /* all the same */
    CROWD_SHIFTED, /* nearly the same */
    CROWD_RINGS,   /* twelve corners each, one around the other */
    CROWD_FAN,     /* slivers from one place */
    CROWD_MIXED,   /* squares whose right side runs through a few small stars */
    CROWD_COVERED, /* squares with as many small stars in their middle */
    CROWD_QUILT,   /* small stars under squares that cover many tiles, and no page */
    CROWD_KINDS,
} crowd_kind;

/* Member `number` of a crowd around w->center that reaches as far as w->radius. */
geo_area *crowd_area(world *w, crowd_kind kind, uint32_t number);

#endif
