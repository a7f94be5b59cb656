/* tests/geo/worlds.c - random worlds of fences, and points that are hard for them. */
#include "worlds.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define VERTICES_MAX 600
#define HITS_MAX 4096

void world_init(world *w, uint64_t seed, geo_point center, int32_t radius)
{
    memset(w, 0, sizeof *w);
    w->random = seed;
    w->center = center;
    w->radius = radius;
}

void world_fini(world *w)
{
    for (uint32_t id = 0; id < WORLD_FENCES_MAX; id++) {
        geo_area_free(w->areas[id]);
    }
}

static int64_t dice(world *w, int64_t low, int64_t high)
{
    return shape_random(&w->random, low, high);
}

static int32_t clamp_to(int64_t value, int32_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : (int32_t)value;
}

static geo_point in_world(int64_t lon, int64_t lat)
{
    return (geo_point){clamp_to(lon, GEO_LON_E7_MAX), clamp_to(lat, GEO_LAT_E7_MAX)};
}

/* Only boxes and points come to lie on the antimeridian: shapes that were pressed flat against it
 * would be no valid fences. */
static geo_point off_meridian(geo_point p)
{
    return (geo_point){clamp_to(p.lon_e7, GEO_LON_E7_MAX - 1), p.lat_e7};
}

static geo_point near(world *w, geo_point center, int64_t radius)
{
    return off_meridian(in_world(center.lon_e7 + dice(w, -radius, radius),
                                 center.lat_e7 + dice(w, -radius, radius)));
}

/* A star whose vertices stay on the lattice of the world. */
static uint32_t star(world *w, geo_point center, int32_t radius, uint32_t count, geo_point *out)
{
    shape_star(&w->random, (geo_point){0, 0}, radius < 3 ? 3 : radius, count, out);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = off_meridian(in_world((int64_t)center.lon_e7 + out[i].lon_e7,
                                       (int64_t)center.lat_e7 + out[i].lat_e7));
    }
    return count;
}

static uint32_t box(geo_point min, geo_point max, geo_point *out)
{
    out[0] = min;
    out[1] = (geo_point){max.lon_e7, min.lat_e7};
    out[2] = max;
    out[3] = (geo_point){min.lon_e7, max.lat_e7};
    return 4;
}

/* A multiple of a power of two, like the sides of the index's squares. */
static int64_t on_grid(world *w, int64_t value)
{
    int64_t step = (int64_t)1 << dice(w, 6, 17);
    return value / step * step;
}

static uint32_t grid_box(world *w, geo_point *out)
{
    geo_point a = near(w, w->center, w->radius);
    geo_point b = near(w, a, w->radius / 2 + 1);
    a = in_world(on_grid(w, a.lon_e7), on_grid(w, a.lat_e7));
    b = in_world(on_grid(w, b.lon_e7) + dice(w, -1, 1), on_grid(w, b.lat_e7) + dice(w, -1, 1));
    return box(a, b, out);
}

/* One shell, a hole in it, and another part beside it: three rings. */
static uint32_t three_rings(world *w, geo_point *out, uint32_t *ends)
{
    geo_point center = near(w, w->center, w->radius);
    int32_t radius = (int32_t)dice(w, 8, w->radius / 4 + 9);
    uint32_t count = star(w, center, radius, (uint32_t)dice(w, 3, 60), out);
    ends[0] = count;
    count += star(w, center, radius / 3, (uint32_t)dice(w, 3, 20), out + count);
    ends[1] = count;
    center = near(w, center, 3 * (int64_t)radius);
    count += star(w, center, radius, (uint32_t)dice(w, 3, 20), out + count);
    ends[2] = count;
    return 3;
}

static uint32_t tangle(world *w, int64_t radius, uint32_t count, geo_point *out)
{
    geo_point center = near(w, w->center, w->radius);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = near(w, center, radius);
    }
    return count;
}

static uint32_t sliver(world *w, geo_point *out)
{
    out[0] = near(w, w->center, w->radius);
    out[1] = near(w, w->center, 4 * (int64_t)w->radius);
    out[2] = off_meridian(in_world(out[1].lon_e7 + dice(w, -2, 2), out[1].lat_e7 + dice(w, 1, 3)));
    out[3] = off_meridian(in_world(out[0].lon_e7 + dice(w, -2, 2), out[0].lat_e7 + dice(w, 1, 3)));
    return 4;
}

static uint32_t one_ring(world *w, geo_point *out)
{
    geo_point center = near(w, w->center, w->radius);
    switch (dice(w, 0, 11)) {
    case 0:
        return tangle(w, w->radius, (uint32_t)dice(w, 3, 30), out);
    case 1:
        return sliver(w, out);
    case 2:
    case 3:
        return grid_box(w, out);
    case 4: /* a speck */
        return tangle(w, 4, (uint32_t)dice(w, 3, 6), out);
    case 5: /* many edges in a small place */
        return tangle(w, w->radius / 16 + 2, (uint32_t)dice(w, 50, 200), out);
    case 6:
        return star(w, center, w->radius, (uint32_t)dice(w, 200, VERTICES_MAX), out);
    case 7: /* a whole region, once around the world in the extreme */
        return dice(w, 0, 3) == 0
                   ? box(in_world(-GEO_LON_E7_MAX, dice(w, -GEO_LAT_E7_MAX, 0)),
                         in_world(GEO_LON_E7_MAX - dice(w, 0, 1), dice(w, 1, GEO_LAT_E7_MAX)), out)
                   : star(w, w->center, w->radius * 3 / 2, (uint32_t)dice(w, 3, 100), out);
    default:
        return star(w, center, (int32_t)dice(w, 3, w->radius / 4 + 4), (uint32_t)dice(w, 3, 60),
                    out);
    }
}

geo_area *world_area(world *w)
{
    geo_point vertices[3 * VERTICES_MAX];
    uint32_t ends[3];
    geo_area *area = NULL;
    while (area == NULL) {
        uint32_t rings = 1;
        if (dice(w, 0, 5) == 0) {
            rings = three_rings(w, vertices, ends);
        } else {
            ends[0] = one_ring(w, vertices);
        }
        if (geo_area_new(vertices, ends, rings, &area) != GEO_OK) {
            area = NULL; /* all vertices fell on one place: throw again */
        }
    }
    return area;
}

void world_fill(world *w, uint32_t count)
{
    for (uint32_t id = 0; id < count; id++) {
        geo_area_free(w->areas[id]);
        w->areas[id] = world_area(w);
    }
    w->id_end = count > w->id_end ? count : w->id_end;
}

static geo_point on_edge(world *w, const geo_area *area)
{
    uint32_t i = (uint32_t)dice(w, 0, area->vertex_count - 1);
    geo_point a = area->vertices[i];
    geo_point b = area->vertices[(i + 1) % area->vertex_count];
    int64_t dx = (int64_t)b.lon_e7 - a.lon_e7;
    int64_t dy = (int64_t)b.lat_e7 - a.lat_e7;
    /* Steps of the greatest common divisor lie on the edge exactly. */
    int64_t g = llabs(dx);
    for (int64_t r = llabs(dy); r != 0;) {
        int64_t rest = g % r;
        g = r;
        r = rest;
    }
    int64_t step = g == 0 ? 0 : dice(w, 0, g);
    g = g == 0 ? 1 : g;
    return in_world(a.lon_e7 + dx / g * step, a.lat_e7 + dy / g * step);
}

geo_point world_point(world *w)
{
    const geo_area *area = NULL;
    for (int try = 0; try < 8 && area == NULL && w->id_end != 0; try++) {
        area = w->areas[dice(w, 0, w->id_end - 1)];
    }
    geo_point p = near(w, w->center, 2 * (int64_t)w->radius);
    switch (area != NULL ? dice(w, 0, 7) : 0) {
    case 0:
        return in_world(on_grid(w, p.lon_e7) + dice(w, -1, 1), on_grid(w, p.lat_e7));
    case 1:
        return p;
    case 2:
        return area->vertices[dice(w, 0, area->vertex_count - 1)];
    case 3:
    case 4:
        p = area->vertices[dice(w, 0, area->vertex_count - 1)];
        return in_world((int64_t)p.lon_e7 + dice(w, -1, 1), (int64_t)p.lat_e7 + dice(w, -1, 1));
    case 5:
        return on_edge(w, area);
    case 6:
        p = on_edge(w, area);
        return dice(w, 0, 20) != 0 ? near(w, p, 1)
                                   : in_world(dice(w, 0, 1) ? INT32_MAX : INT32_MIN, p.lat_e7);
    default:
        return near(w, area->vertices[0], w->radius / 8 + 2);
    }
}

geo_point world_step(world *w, geo_point from)
{
    const int64_t reach = (int64_t)1 << dice(w, 3, 14);
    return in_world(from.lon_e7 + dice(w, -reach, reach), from.lat_e7 + dice(w, -reach, reach));
}

geo_index *world_index(const world *w)
{
    const geo_area *areas[WORLD_FENCES_MAX];
    uint32_t ids[WORLD_FENCES_MAX];
    size_t count = 0;
    for (uint32_t id = w->id_end; id > 0; id--) { /* any order will do */
        if (w->areas[id - 1] != NULL) {
            areas[count] = w->areas[id - 1];
            ids[count++] = id - 1;
        }
    }
    geo_index *index = NULL;
    assert_int_equal(geo_index_new(NULL, &index), GEO_OK);
    assert_int_equal(geo_index_build(index, areas, ids, count), GEO_OK);
    assert_int_equal(geo_index_publish(index), GEO_OK);
    return index;
}

static int compare_hits(const void *a, const void *b)
{
    const geo_hit *x = a;
    const geo_hit *y = b;
    if (x->point != y->point) {
        return x->point < y->point ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

geo_hit *world_hits(const geo_index_version *version, const geo_point *points, size_t count,
                    size_t *hit_count)
{
    size_t room = count * 8 + 64;
    geo_hit *hits = malloc(room * sizeof *hits);
    size_t done = 0;
    *hit_count = 0;
    assert_non_null(hits);
    while (done < count) {
        size_t own;
        size_t answered;
        geo_err err = geo_index_query(version, points + done, count - done, hits + *hit_count,
                                      room - *hit_count, &own, &answered);
        if (err == GEO_OK) {
            for (size_t h = 0; h < own; h++) {
                hits[*hit_count + h].point += (uint32_t)done;
            }
            *hit_count += own;
            done += answered;
        }
        if (done < count) {
            room *= 2;
            hits = realloc(hits, room * sizeof *hits);
            assert_non_null(hits);
        }
    }
    qsort(hits, *hit_count, sizeof *hits, compare_hits);
    return hits;
}

static void check_point(const world *w, const geo_index_version *version, geo_point point,
                        const geo_hit *hits, size_t hit_count)
{
    uint32_t ids[HITS_MAX];
    size_t id_count;
    size_t n = 0;
    assert_int_equal(geo_index_query_one(version, point, ids, HITS_MAX, &id_count), GEO_OK);
    assert_int_equal(id_count, hit_count);
    for (uint32_t id = 0; id < w->id_end; id++) {
        bool expected = w->areas[id] != NULL && geo_area_contains(w->areas[id], point);
        bool found = n < hit_count && hits[n].id == id;
        if (expected != found) {
            fail_msg("point %d %d, fence %u: expected %d, found %d", point.lon_e7, point.lat_e7, id,
                     expected, found);
        }
        if (found) {
            assert_int_equal(ids[n], id);
            n++;
        }
    }
    assert_int_equal(n, hit_count);
}

void world_check_points(world *w, const geo_index_version *version, uint32_t count)
{
    geo_point *points = malloc(count * sizeof *points);
    assert_non_null(points);
    for (uint32_t i = 0; i < count; i++) {
        points[i] = world_point(w);
    }
    size_t hit_count;
    geo_hit *hits = world_hits(version, points, count, &hit_count);
    size_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t end = first;
        while (end < hit_count && hits[end].point == i) {
            end++;
        }
        check_point(w, version, points[i], hits + first, end - first);
        first = end;
    }
    assert_int_equal(first, hit_count);
    free(hits);
    free(points);
}
