/* geo/buffer.c - tubes of geodesic width around lines on the ellipsoid.
 *
 * The brush that draws a tube is a geodesic circle, as it looks in longitude and latitude. It
 * changes with the latitude, so lines are cut into runs that are low enough for one brush to fit
 * all along. All runs are drawn on one map, turned so that nothing on it lies near its edge. */
#include "geo/buffer.h"

#include <math.h>
#include <stdlib.h>

#include "circle_fit.h"
#include "ellipsoid.h"
#include "geo/antimeridian.h"
#include "geo/circle.h"
#include "nodes.h"
#include "overlay.h"
#include "ring.h"
#include "tube.h"
#include "unroll.h"

/* The brush's vertices, the ends of divided edges and the nodes of the outline are each rounded. */
#define LATTICE_ERROR_M 0.024
/* Beyond this a geodesic circle on the map is no longer round enough for a convex polygon. */
#define BEND_MAX 0.3
#define TANGENT_MIN 0.05
/* A run's brush is made for a latitude that others nearby have as well, off the run's middle by up
 * to half of this part of the height that a brush is good for; so most are already there. */
#define BRUSH_STEPS 8
#define BRUSHES_KEPT 256

/* A brush that was made before. */
typedef struct kept_brush {
    bool made;
    int32_t lat_e7;
    geo_brush brush;
} kept_brush;

/* A map turned by lon_e7, and the tubes on it. */
typedef struct drawing {
    double distance_m;
    double error_m; /* for the brush's roundness, and again for its change with latitude */
    int64_t lon_e7;
    geo_node_edge *edges;
    uint32_t count;
    uint32_t room;
    /* The run at hand. */
    geo_point *run;
    uint32_t run_count;
    uint32_t run_room;
    int32_t south_e7;
    int32_t north_e7;
    kept_brush *brushes; /* BRUSHES_KEPT of them */
    /* The outline at hand. */
    geo_point first;
    geo_point last;
    bool started;
} drawing;

static void drawing_init(drawing *d, double distance_m, int64_t lon_e7)
{
    double error_m = fmax(GEO_DERIVED_ERROR_M, GEO_DERIVED_ERROR_PART * distance_m);
    *d = (drawing){
        .distance_m = distance_m,
        .error_m = (error_m - LATTICE_ERROR_M) / 2,
        .lon_e7 = lon_e7,
    };
}

static void drawing_fini(drawing *d)
{
    free(d->edges);
    free(d->run);
    free(d->brushes);
}

static geo_err add_edge(drawing *d, geo_point from, geo_point to, bool is_tube)
{
    if (geo_point_equal(from, to)) {
        return GEO_OK;
    }
    if (d->count == d->room) {
        uint32_t room = d->room * 2 + 1024;
        if (d->room >= GEO_NODES_EDGES_MAX) {
            return GEO_TOO_BIG;
        }
        geo_node_edge *grown = realloc(d->edges, room * sizeof *grown);
        if (grown == NULL) {
            return GEO_NO_MEMORY;
        }
        d->edges = grown;
        d->room = room;
    }
    bool eastward =
        from.lon_e7 < to.lon_e7 || (from.lon_e7 == to.lon_e7 && from.lat_e7 < to.lat_e7);
    d->edges[d->count++] = (geo_node_edge){
        .west = eastward ? from : to,
        .east = eastward ? to : from,
        .turns = !is_tube   ? 0
                 : eastward ? 1
                            : -1,
        .toggles = !is_tube,
    };
    return GEO_OK;
}

/* ---- runs ---- */

static geo_err add_vertex(void *context, geo_point vertex)
{
    drawing *d = context;
    geo_err err = d->started ? add_edge(d, d->last, vertex, true) : GEO_OK;
    d->first = d->started ? d->first : vertex;
    d->started = true;
    d->last = vertex;
    return err;
}

static double tangent_at(double lat_e7)
{
    return fmax(fabs(tan(geo_radians(lat_e7))), TANGENT_MIN);
}

/* The height that a brush at its middle is good for. */
static int64_t brush_height_e7(const drawing *d, int32_t lat_e7)
{
    double height = 2 * d->error_m / (d->distance_m * tangent_at(lat_e7));
    return (int64_t)(height * 180e7 / GEO_PI) + 1;
}

/* How high a run may be at a latitude, so that a brush nearby fits all of it. */
static int64_t height_max_e7(const drawing *d, int32_t lat_e7)
{
    int64_t height = brush_height_e7(d, lat_e7);
    return height - height / BRUSH_STEPS;
}

static geo_err make_brush(const drawing *d, int32_t lat_e7, geo_brush *brush)
{
    geo_place center = {0, lat_e7 / 1e7};
    double reach_deg = d->distance_m / GEO_WGS84_B * 180 / GEO_PI * 1.01;
    if (fabs(center.lat_deg) + reach_deg >= 90 ||
        d->distance_m / GEO_WGS84_B * tangent_at(lat_e7) > BEND_MAX) {
        return GEO_POLE;
    }
    geo_place places[GEO_BRUSH_MAX];
    geo_point offsets[GEO_BRUSH_MAX];
    uint32_t count;
    geo_err err = geo_circle_fit(center, d->distance_m, d->error_m, GEO_BRUSH_MAX, places, &count);
    if (err != GEO_OK) {
        return GEO_POLE;
    }
    for (uint32_t i = 0; i < count; i++) {
        offsets[i].lon_e7 = (int32_t)lround(places[i].lon_deg * 1e7);
        offsets[i].lat_e7 = (int32_t)lround((places[i].lat_deg - center.lat_deg) * 1e7);
    }
    return geo_brush_init(brush, offsets, count);
}

/* The brush for a run between two latitudes. */
static geo_err find_brush(drawing *d, const geo_brush **brush)
{
    int32_t steeper = abs(d->south_e7) > abs(d->north_e7) ? d->south_e7 : d->north_e7;
    int64_t most = brush_height_e7(d, steeper) / BRUSH_STEPS;
    int64_t step = 1;
    while (2 * step <= most) {
        step *= 2; /* so that runs of slightly different heights have latitudes in common */
    }
    int64_t middle = ((int64_t)d->south_e7 + d->north_e7) / 2;
    int64_t number = (middle + (middle < 0 ? -step : step) / 2) / step;
    int32_t lat_e7 = (int32_t)(number * step);
    if (d->brushes == NULL) {
        d->brushes = calloc(BRUSHES_KEPT, sizeof *d->brushes);
        if (d->brushes == NULL) {
            return GEO_NO_MEMORY;
        }
    }
    kept_brush *kept = &d->brushes[llabs(number) % BRUSHES_KEPT];
    if (!kept->made || kept->lat_e7 != lat_e7) {
        geo_err err = make_brush(d, lat_e7, &kept->brush);
        kept->made = err == GEO_OK;
        kept->lat_e7 = lat_e7;
        if (err != GEO_OK) {
            return err;
        }
    }
    *brush = &kept->brush;
    return GEO_OK;
}

static bool fits_map(const drawing *d, const geo_brush *brush)
{
    int64_t reach = 0;
    for (uint32_t i = 0; i < brush->count; i++) {
        reach = brush->vertices[i].lon_e7 > reach ? brush->vertices[i].lon_e7 : reach;
    }
    for (uint32_t i = 0; i < d->run_count; i++) {
        if (llabs(d->run[i].lon_e7) + reach >= GEO_LON_E7_MAX) {
            return false;
        }
    }
    return true;
}

/* Draw the tube around the run, if there is one, and begin the next where it ended. */
static geo_err end_run(drawing *d)
{
    if (d->run_count < 2) {
        return GEO_OK;
    }
    const geo_brush *brush;
    geo_err err = find_brush(d, &brush);
    if (err != GEO_OK) {
        return err;
    }
    if (!fits_map(d, brush)) {
        return GEO_INVALID;
    }
    d->started = false;
    err = geo_tube_outline(brush, d->run, d->run_count, add_vertex, d);
    if (err == GEO_OK) {
        err = add_edge(d, d->last, d->first, true);
    }
    d->run[0] = d->run[d->run_count - 1];
    d->run_count = 1;
    d->south_e7 = d->run[0].lat_e7;
    d->north_e7 = d->run[0].lat_e7;
    return err;
}

static geo_err add_to_run(drawing *d, geo_point point)
{
    if (d->run_count > 0 && geo_point_equal(d->run[d->run_count - 1], point)) {
        return GEO_OK;
    }
    int32_t south = d->run_count > 0 && d->south_e7 < point.lat_e7 ? d->south_e7 : point.lat_e7;
    int32_t north = d->run_count > 0 && d->north_e7 > point.lat_e7 ? d->north_e7 : point.lat_e7;
    int32_t steeper = abs(south) > abs(north) ? south : north;
    if (d->run_count > 1 && (int64_t)north - south > height_max_e7(d, steeper)) {
        geo_err err = end_run(d);
        if (err != GEO_OK) {
            return err;
        }
        south = d->south_e7 < point.lat_e7 ? d->south_e7 : point.lat_e7;
        north = d->north_e7 > point.lat_e7 ? d->north_e7 : point.lat_e7;
    }
    if (d->run_count == d->run_room) {
        uint32_t room = d->run_room * 2 + 64;
        geo_point *grown = realloc(d->run, room * sizeof *grown);
        if (grown == NULL) {
            return GEO_NO_MEMORY;
        }
        d->run = grown;
        d->run_room = room;
    }
    d->run[d->run_count++] = point;
    d->south_e7 = south;
    d->north_e7 = north;
    return GEO_OK;
}

/* Go on with the line to another point, in steps that are low enough for a run each. */
static geo_err go_to(drawing *d, geo_point to)
{
    if (d->run_count == 0) {
        return add_to_run(d, to);
    }
    geo_point from = d->run[d->run_count - 1];
    int64_t rise = (int64_t)to.lat_e7 - from.lat_e7;
    int32_t steeper = abs(to.lat_e7) > abs(from.lat_e7) ? to.lat_e7 : from.lat_e7;
    int64_t steps = llabs(rise) / height_max_e7(d, steeper) + 1;
    geo_err err = steps > GEO_NODES_EDGES_MAX ? GEO_TOO_BIG : GEO_OK;
    for (int64_t i = 1; i <= steps && err == GEO_OK; i++) {
        double part = (double)i / (double)steps;
        geo_point at = {
            .lon_e7 = (int32_t)lround(from.lon_e7 + ((double)to.lon_e7 - from.lon_e7) * part),
            .lat_e7 = (int32_t)lround(from.lat_e7 + (double)rise * part),
        };
        err = add_to_run(d, i < steps ? at : to);
    }
    return err;
}

static geo_err end_line(drawing *d)
{
    geo_err err = end_run(d);
    d->run_count = 0;
    return err;
}

/* ---- from the map to an area ---- */

static geo_err finish(drawing *d, geo_overlay_keep keep, geo_why *why, geo_area **out)
{
    geo_rings rings;
    geo_err err = geo_overlay(d->edges, d->count, keep, &rings);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t count = rings.count > 0 ? rings.ends[rings.count - 1] : 0;
    for (uint32_t v = 0; v < count; v++) {
        rings.vertices[v].lon_e7 = geo_lon_wrap_e7(rings.vertices[v].lon_e7 + d->lon_e7);
    }
    err = geo_area_new_cut(rings.vertices, rings.ends, rings.count, why, out);
    geo_rings_fini(&rings);
    return err;
}

static geo_err explain(geo_why *why, geo_err err)
{
    switch (err) {
    case GEO_POLE:
        return geo_why_set(why, err, "too close to a pole for its distance");
    case GEO_INVALID:
        return geo_why_set(why, err, "the shape is empty or goes round the world");
    case GEO_TOO_BIG:
        return geo_why_set(why, err,
                           "too much to work out for a shape of so many vertices: make the "
                           "distance smaller or the shape simpler");
    default:
        return err == GEO_OK ? err : geo_why_set(why, err, "%s", geo_err_text(err));
    }
}

static geo_err check_distance(double distance_m, geo_why *why)
{
    if (distance_m >= GEO_BUFFER_M_MIN && distance_m <= GEO_BUFFER_M_MAX) {
        return GEO_OK;
    }
    return geo_why_set(why, GEO_RANGE, "a distance of %g m, must be from %g to %g", distance_m,
                       GEO_BUFFER_M_MIN, GEO_BUFFER_M_MAX);
}

/* ---- corridors ---- */

static geo_err check_line(const geo_point *line, uint32_t count, geo_why *why)
{
    if (count == 0) {
        return geo_why_set(why, GEO_INVALID, "a line without vertices");
    }
    if (count > GEO_AREA_VERTICES_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "more than %d vertices", GEO_AREA_VERTICES_MAX);
    }
    for (uint32_t v = 0; v < count; v++) {
        if (line[v].lon_e7 < -GEO_LON_E7_MAX || line[v].lon_e7 > GEO_LON_E7_MAX ||
            line[v].lat_e7 < -GEO_LAT_E7_MAX || line[v].lat_e7 > GEO_LAT_E7_MAX) {
            return geo_why_set(why, GEO_RANGE, "vertex %u lies outside the world", v);
        }
    }
    return GEO_OK;
}

static int64_t short_way(geo_point from, geo_point to)
{
    int64_t lon = (int64_t)to.lon_e7 - from.lon_e7;
    return lon > GEO_LON_E7_MAX    ? lon - GEO_TURN_E7
           : lon < -GEO_LON_E7_MAX ? lon + GEO_TURN_E7
                                   : lon;
}

/* The middle of the line's extent and half of it, counted on from its first vertex. */
static void extent_of(const geo_point *line, uint32_t count, int64_t *middle, int64_t *half)
{
    int64_t lon = line[0].lon_e7;
    int64_t west = lon;
    int64_t east = lon;
    for (uint32_t v = 1; v < count; v++) {
        lon += short_way(line[v - 1], line[v]);
        west = lon < west ? lon : west;
        east = lon > east ? lon : east;
    }
    *middle = west + (east - west) / 2;
    *half = (east - west) / 2 + 1;
}

static geo_err draw_line(drawing *d, const geo_point *line, uint32_t count)
{
    geo_err err = GEO_OK;
    int64_t lon = line[0].lon_e7 - d->lon_e7;
    for (uint32_t v = 0; v < count && err == GEO_OK; v++) {
        lon += v > 0 ? short_way(line[v - 1], line[v]) : 0;
        err = go_to(d, (geo_point){(int32_t)lon, line[v].lat_e7});
    }
    return err == GEO_OK ? end_line(d) : err;
}

static bool is_one_place(const geo_point *line, uint32_t count)
{
    for (uint32_t v = 1; v < count; v++) {
        if (!geo_point_equal(line[v], line[0])) {
            return false;
        }
    }
    return true;
}

geo_err geo_corridor_new(const geo_point *line, uint32_t count, double width_m, geo_why *why,
                         geo_area **out)
{
    geo_err err = check_distance(width_m / 2, why);
    if (err == GEO_OK) {
        err = check_line(line, count, why);
    }
    if (err != GEO_OK) {
        return err;
    }
    if (is_one_place(line, count)) {
        return geo_circle_new(line[0], width_m / 2, why, out);
    }
    int64_t middle;
    int64_t half;
    extent_of(line, count, &middle, &half);
    if (half >= GEO_LON_E7_MAX) {
        return explain(why, GEO_INVALID);
    }
    drawing d;
    drawing_init(&d, width_m / 2, middle);
    err = draw_line(&d, line, count);
    if (err == GEO_OK) {
        err = finish(&d, GEO_KEEP_TUBES, why, out);
    }
    drawing_fini(&d);
    return explain(why, err);
}

/* ---- zones ---- */

static bool is_on_antimeridian(geo_point point)
{
    return point.lon_e7 == GEO_LON_E7_MAX || point.lon_e7 == -GEO_LON_E7_MAX;
}

/* An area that reaches both edges of the map goes on from one to the other. */
static bool is_cut(const geo_area *area)
{
    return area->box.min.lon_e7 == -GEO_LON_E7_MAX && area->box.max.lon_e7 == GEO_LON_E7_MAX;
}

static bool is_seam(const geo_area *area, geo_point a, geo_point b)
{
    return is_cut(area) && is_on_antimeridian(a) && a.lon_e7 == b.lon_e7;
}

static geo_point on_map(const drawing *d, geo_point point)
{
    return (geo_point){geo_lon_wrap_e7(point.lon_e7 - d->lon_e7), point.lat_e7};
}

typedef struct extent {
    int64_t west_e7;
    int64_t east_e7;
} extent;

static int compare_extents(const void *a, const void *b)
{
    const extent *left = a;
    const extent *right = b;
    return (left->west_e7 > right->west_e7) - (left->west_e7 < right->west_e7);
}

static extent ring_extent(const geo_point *ring, uint32_t count)
{
    extent all = {ring[0].lon_e7, ring[0].lon_e7};
    for (uint32_t v = 1; v < count; v++) {
        all.west_e7 = ring[v].lon_e7 < all.west_e7 ? ring[v].lon_e7 : all.west_e7;
        all.east_e7 = ring[v].lon_e7 > all.east_e7 ? ring[v].lon_e7 : all.east_e7;
    }
    return all;
}

/* The middle of the map on which the area lies farthest from both edges: they are amid the widest
 * of the gaps between its rings. */
static geo_err find_middle(const geo_area *area, int64_t *middle_e7)
{
    extent *extents = malloc(area->ring_count * sizeof *extents);
    if (extents == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        extents[r] = ring_extent(area->vertices + begin, area->ring_ends[r] - begin);
        begin = area->ring_ends[r];
    }
    qsort(extents, area->ring_count, sizeof *extents, compare_extents);
    int64_t widest_e7 = area->box.min.lon_e7 + GEO_TURN_E7 - area->box.max.lon_e7;
    int64_t reached_e7 = extents[0].east_e7;
    *middle_e7 = ((int64_t)area->box.min.lon_e7 + area->box.max.lon_e7) / 2;
    for (uint32_t r = 1; r < area->ring_count; r++) {
        if (extents[r].west_e7 - reached_e7 > widest_e7) {
            widest_e7 = extents[r].west_e7 - reached_e7;
            *middle_e7 = reached_e7 + widest_e7 / 2 + GEO_TURN_E7 / 2;
        }
        reached_e7 = extents[r].east_e7 > reached_e7 ? extents[r].east_e7 : reached_e7;
    }
    free(extents);
    return GEO_OK;
}

/* Draw a ring of the area and the tubes along it, without its seams. */
static geo_err draw_ring(drawing *d, const geo_area *area, const geo_point *ring, uint32_t count)
{
    geo_err err = GEO_OK;
    uint32_t start = 0;
    while (start < count && !is_seam(area, ring[start], ring[(start + 1) % count])) {
        start++;
    }
    for (uint32_t i = 0; i < count && err == GEO_OK; i++) {
        /* Begin after a seam, so that what lies between two seams is one line. */
        geo_point a = ring[(start + 1 + i) % count];
        geo_point b = ring[(start + 2 + i) % count];
        geo_point from = on_map(d, a);
        geo_point to = on_map(d, b);
        if ((int64_t)to.lon_e7 - from.lon_e7 != (int64_t)b.lon_e7 - a.lon_e7) {
            return GEO_INVALID;
        }
        err = add_edge(d, from, to, false);
        if (err == GEO_OK && is_seam(area, a, b)) {
            err = end_line(d);
        } else if (err == GEO_OK) {
            err = go_to(d, from);
            err = err == GEO_OK ? go_to(d, to) : err;
        }
    }
    return err == GEO_OK ? end_line(d) : err;
}

/* Where an area that was cut covers the antimeridian from one side only, that is boundary as well.
 * Laid over each other, the edges of both sides cancel out, and these are left. */
static geo_err draw_half_seams(drawing *d, const geo_area *area)
{
    drawing seams;
    drawing_init(&seams, d->distance_m, d->lon_e7);
    geo_err err = GEO_OK;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count && err == GEO_OK; r++) {
        geo_point a = area->vertices[area->ring_ends[r] - 1];
        for (uint32_t v = begin; v < area->ring_ends[r] && err == GEO_OK; v++) {
            geo_point b = area->vertices[v];
            err = is_seam(area, a, b) ? add_edge(&seams, on_map(d, a), on_map(d, b), false) : err;
            a = b;
        }
        begin = area->ring_ends[r];
    }
    geo_node_edge *left = NULL;
    uint32_t count = 0;
    if (err == GEO_OK && seams.count > 0) {
        err = geo_nodes(seams.edges, seams.count, &left, &count);
    }
    for (uint32_t i = 0; i < count && err == GEO_OK; i++) {
        err = go_to(d, left[i].west);
        err = err == GEO_OK ? go_to(d, left[i].east) : err;
        err = err == GEO_OK ? end_line(d) : err;
    }
    free(left);
    drawing_fini(&seams);
    return err;
}

geo_err geo_zone_new(const geo_area *area, double distance_m, bool inside, geo_why *why,
                     geo_area **out)
{
    geo_err err = check_distance(distance_m, why);
    if (err != GEO_OK) {
        return err;
    }
    int64_t middle_e7 = 0;
    err = find_middle(area, &middle_e7);
    if (err != GEO_OK) {
        return explain(why, err);
    }
    drawing d;
    drawing_init(&d, distance_m, middle_e7);
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count && err == GEO_OK; r++) {
        err = draw_ring(&d, area, area->vertices + begin, area->ring_ends[r] - begin);
        begin = area->ring_ends[r];
    }
    if (err == GEO_OK) {
        err = draw_half_seams(&d, area);
    }
    if (err == GEO_OK) {
        err =
            finish(&d, inside ? GEO_KEEP_TUBES_INSIDE_AREA : GEO_KEEP_TUBES_OUTSIDE_AREA, why, out);
    }
    drawing_fini(&d);
    return explain(why, err);
}
