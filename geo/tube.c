/* geo/tube.c - convolution of a line with a convex polygon. */
#include "tube.h"

#include <stdbool.h>
#include <stdlib.h>

#include "geo/predicate.h"
#include "ring.h"

typedef struct direction {
    int64_t lon;
    int64_t lat;
} direction;

static direction between(geo_point a, geo_point b)
{
    return (direction){(int64_t)b.lon_e7 - a.lon_e7, (int64_t)b.lat_e7 - a.lat_e7};
}

/* The sign of the turn from a to b: 1 to the left, -1 to the right, 0 straight on or back. */
static int turn(direction a, direction b)
{
    geo_wide left = (geo_wide)a.lon * b.lat;
    geo_wide right = (geo_wide)a.lat * b.lon;
    return (left > right) - (left < right);
}

static bool is_back(direction a, direction b)
{
    return turn(a, b) == 0 && (geo_wide)a.lon * b.lon + (geo_wide)a.lat * b.lat < 0;
}

/* Andrew's monotone chain: the lower half of the hull, then the upper one. */
geo_err geo_brush_init(geo_brush *brush, geo_point *vertices, uint32_t count)
{
    geo_point hull[2 * GEO_BRUSH_MAX];
    uint32_t kept = 0;
    if (count == 0 || count > GEO_BRUSH_MAX) {
        return GEO_INVALID;
    }
    qsort(vertices, count, sizeof *vertices, geo_point_order);
    for (int half = 0; half < 2; half++) {
        uint32_t begin = kept;
        for (uint32_t i = 0; i < count; i++) {
            geo_point at = vertices[half == 0 ? i : count - 1 - i];
            while (kept >= begin + 2 && geo_orientation(hull[kept - 2], hull[kept - 1], at) <= 0) {
                kept--;
            }
            hull[kept++] = at;
        }
        kept--; /* the last of a half is the first of the other */
    }
    if (kept < 3) {
        return GEO_INVALID;
    }
    brush->count = kept;
    for (uint32_t i = 0; i < kept; i++) {
        brush->vertices[i] = hull[i];
    }
    return GEO_OK;
}

/* The pen goes along the line with one vertex of the brush ahead of all others at its right. */
typedef struct pen {
    const geo_brush *brush;
    geo_point place;
    uint32_t at; /* the brush's vertex */
    geo_tube_vertex *vertex;
    void *context;
} pen;

static uint32_t step(const geo_brush *brush, uint32_t at, bool left)
{
    if (left) {
        return at + 1 < brush->count ? at + 1 : 0;
    }
    return at > 0 ? at - 1 : brush->count - 1;
}

/* Whether a direction lies between those of the brush's edges before and after a vertex. */
static bool is_ahead(const geo_brush *brush, uint32_t at, direction way)
{
    geo_point before = brush->vertices[step(brush, at, false)];
    geo_point here = brush->vertices[at];
    geo_point after = brush->vertices[step(brush, at, true)];
    return turn(between(before, here), way) >= 0 && turn(way, between(here, after)) > 0;
}

static geo_err draw(const pen *p)
{
    geo_point offset = p->brush->vertices[p->at];
    return p->vertex(p->context, (geo_point){
                                     p->place.lon_e7 + offset.lon_e7,
                                     p->place.lat_e7 + offset.lat_e7,
                                 });
}

/* Turn to a new direction in place: along the outline of the brush. */
static geo_err turn_pen(pen *p, direction way, bool left)
{
    geo_err err = GEO_OK;
    while (err == GEO_OK && !is_ahead(p->brush, p->at, way)) {
        p->at = step(p->brush, p->at, left);
        err = draw(p);
    }
    return err;
}

/* Go along the line to the last vertex of it, or back from there to the first. */
static geo_err draw_side(pen *p, const geo_point *line, uint32_t count, bool back)
{
    geo_err err = GEO_OK;
    for (uint32_t i = 1; i < count && err == GEO_OK; i++) {
        geo_point from = line[back ? count - i : i - 1];
        geo_point to = line[back ? count - 1 - i : i];
        direction way = between(from, to);
        if (i > 1) {
            direction before = between(line[back ? count + 1 - i : i - 2], from);
            /* A spike is gone round to the left, so on the way back to the right. */
            bool left = is_back(before, way) ? !back : turn(before, way) > 0;
            err = turn_pen(p, way, left);
        }
        p->place = to;
        if (err == GEO_OK) {
            err = draw(p);
        }
    }
    return err;
}

geo_err geo_tube_outline(const geo_brush *brush, const geo_point *line, uint32_t count,
                         geo_tube_vertex *vertex, void *context)
{
    pen p = {.brush = brush, .place = line[0], .vertex = vertex, .context = context};
    while (!is_ahead(brush, p.at, between(line[0], line[1]))) {
        p.at++;
    }
    geo_err err = draw_side(&p, line, count, false);
    if (err == GEO_OK) {
        err = turn_pen(&p, between(line[count - 1], line[count - 2]), true);
    }
    if (err == GEO_OK) {
        err = draw_side(&p, line, count, true);
    }
    if (err == GEO_OK) {
        err = turn_pen(&p, between(line[0], line[1]), true);
    }
    return err;
}
