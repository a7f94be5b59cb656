/* tests/bench/bench_farm.c - a synthetic countryside from a seed. */
#include "bench_farm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CENTER_LON_DEG 16.37
#define CENTER_LAT_DEG 59.85
#define UNITS_PER_M 89.8315284 /* of latitude */
#define DEVICES 10000
#define VERTICES_MAX 100000
#define STEP_M 5.0
#define PI 3.14159265358979323846

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

/* splitmix64 */
uint64_t farm_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double uniform(farm *f)
{
    return (double)(farm_random(&f->random) >> 11) * 0x1p-53;
}

static double normal(farm *f)
{
    return sqrt(-2 * log(1 - uniform(f))) * cos(2 * PI * uniform(f));
}

/* Metres from the lower left corner to the lattice. */
static geo_point place(double x_m, double y_m)
{
    double lon_units_per_m = UNITS_PER_M / cos(CENTER_LAT_DEG * PI / 180);
    return (geo_point){
        (int32_t)lround(CENTER_LON_DEG * 1e7 + (x_m - FARM_SIDE_M / 2) * lon_units_per_m),
        (int32_t)lround(CENTER_LAT_DEG * 1e7 + (y_m - FARM_SIDE_M / 2) * UNITS_PER_M),
    };
}

static uint32_t vertex_count(farm *f)
{
    if (f->options.vertex_count != 0) {
        return f->options.vertex_count;
    }
    double n = 25 * exp(1.3 * normal(f));
    return n < 4 ? 4 : n > 4522 ? 4522 : (uint32_t)n;
}

/* A star: an oval outline with a few bulges, each vertex off it by up to `spike`. */
static geo_area *star(farm *f, double x_m, double y_m)
{
    static geo_point ring[VERTICES_MAX];
    double mean = sqrt(FARM_SIDE_M * FARM_SIDE_M * f->options.cover / f->options.fence_count / PI);
    geo_area *area = NULL;
    while (area == NULL) {
        uint32_t n = vertex_count(f);
        double radius = mean * exp(0.5 * normal(f) - 0.25);
        double bulge2 = 0.15 * normal(f);
        double bulge3 = 0.12 * normal(f);
        double turn2 = uniform(f) * 2 * PI;
        double turn3 = uniform(f) * 2 * PI;
        double spike = f->options.spike * uniform(f) * (n > 300 && n != 5000 ? 0.3 : 1);
        for (uint32_t i = 0; i < n; i++) {
            double angle = 2 * PI * (i + 0.6 * (uniform(f) - 0.5)) / n;
            double r = 1 + bulge2 * cos(2 * angle + turn2) + bulge3 * cos(3 * angle + turn3);
            r *= radius * (1 + spike * (2 * uniform(f) - 1));
            r = r < 0.15 * radius ? 0.15 * radius : r;
            ring[i] = place(x_m + r * cos(angle), y_m + r * sin(angle));
        }
        if (geo_area_new(ring, &n, 1, &area) != GEO_OK) {
            area = NULL; /* too small for the lattice */
        }
    }
    return area;
}

void farm_init(farm *f, const farm_options *options)
{
    *f = (farm){.options = *options, .random = 20261120};
    f->areas = need(calloc(options->fence_count, sizeof(geo_area *)));
    f->ids = need(calloc(options->fence_count, sizeof(uint32_t)));
    for (uint32_t i = 0; i < options->fence_count; i++) {
        double x = uniform(f) * FARM_SIDE_M;
        double y = uniform(f) * FARM_SIDE_M;
        f->areas[i] = star(f, x, y);
        f->ids[i] = i;
    }
}

void farm_fini(farm *f)
{
    for (uint32_t i = 0; i < f->options.fence_count; i++) {
        geo_area_free(f->areas[i]);
    }
    free(f->areas);
    free(f->ids);
}

geo_area *farm_another(farm *f, const geo_area *old)
{
    double lon_units_per_m = UNITS_PER_M / cos(CENTER_LAT_DEG * PI / 180);
    double lon = ((double)old->box.min.lon_e7 + old->box.max.lon_e7) / 2;
    double lat = ((double)old->box.min.lat_e7 + old->box.max.lat_e7) / 2;
    return star(f, (lon - CENTER_LON_DEG * 1e7) / lon_units_per_m + FARM_SIDE_M / 2,
                (lat - CENTER_LAT_DEG * 1e7) / UNITS_PER_M + FARM_SIDE_M / 2);
}

static void walk(farm *f, geo_point *points, size_t count)
{
    static double x[DEVICES];
    static double y[DEVICES];
    for (size_t d = 0; d < DEVICES; d++) {
        x[d] = uniform(f) * FARM_SIDE_M;
        y[d] = uniform(f) * FARM_SIDE_M;
    }
    for (size_t i = 0; i < count; i++) {
        size_t d = i % DEVICES;
        double angle = uniform(f) * 2 * PI;
        x[d] = fmin(fmax(x[d] + STEP_M * cos(angle), 0), FARM_SIDE_M);
        y[d] = fmin(fmax(y[d] + STEP_M * sin(angle), 0), FARM_SIDE_M);
        points[i] = place(x[d], y[d]);
    }
}

/* Every other point is a vertex, the others lie on an edge: exactly, when its halves are whole. */
static geo_point border_point(farm *f)
{
    const geo_area *area = f->areas[farm_random(&f->random) % f->options.fence_count];
    uint32_t i = (uint32_t)(farm_random(&f->random) % area->vertex_count);
    geo_point a = area->vertices[i];
    geo_point b = area->vertices[(i + 1) % area->vertex_count];
    if (farm_random(&f->random) % 2 == 0) {
        return a;
    }
    return (geo_point){a.lon_e7 + (b.lon_e7 - a.lon_e7) / 2, a.lat_e7 + (b.lat_e7 - a.lat_e7) / 2};
}

geo_point *farm_make_points(farm *f, farm_points kind, size_t count)
{
    geo_point *points = need(malloc(count * sizeof *points));
    if (kind == FARM_WALKING) {
        walk(f, points, count);
        return points;
    }
    for (size_t i = 0; i < count; i++) {
        points[i] = kind == FARM_BORDERS
                        ? border_point(f)
                        : place(uniform(f) * FARM_SIDE_M, uniform(f) * FARM_SIDE_M);
    }
    return points;
}
