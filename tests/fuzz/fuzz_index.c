/* tests/fuzz/fuzz_index.c - any fences put, replaced and removed: the index is the one that a build
 * gives, and its answers are those of the plain ring test, in every build of the queries.
 *
 * Input: scale and place, then operations: a byte that says which fence and what becomes of it,
 * and for a new fence its ring sizes and vertices, two bytes for each coordinate. The points asked
 * about are the vertices, those beside them, and whatever the rest of the input says. */
#include <stdlib.h>
#include <string.h>

#include "geo/index.h"

#define FENCES 8
#define RINGS_MAX 2
#define RING_VERTICES_MAX 32
#define POINTS_MAX (2 * GEO_INDEX_QUERY_POINTS + 5)
#define HITS_MAX (POINTS_MAX * FENCES + 512)

typedef struct reader {
    const uint8_t *data;
    size_t size;
    int32_t scale;
    geo_point center;
} reader;

static uint8_t read_byte(reader *r)
{
    if (r->size == 0) {
        return 0;
    }
    r->size--;
    return *r->data++;
}

static int32_t clamp_to(int64_t value, int32_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : (int32_t)value;
}

static geo_point beside(const reader *r, int64_t lon, int64_t lat)
{
    /* Shapes pressed flat against the antimeridian would be no fences. */
    return (geo_point){clamp_to(r->center.lon_e7 + lon, GEO_LON_E7_MAX - 1),
                       clamp_to(r->center.lat_e7 + lat, GEO_LAT_E7_MAX)};
}

static geo_point read_point(reader *r)
{
    int16_t lon = (int16_t)(read_byte(r) | read_byte(r) << 8);
    int16_t lat = (int16_t)(read_byte(r) | read_byte(r) << 8);
    return beside(r, (int64_t)lon * r->scale / 16, (int64_t)lat * r->scale / 16);
}

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static geo_area *read_area(reader *r)
{
    geo_point vertices[RINGS_MAX * RING_VERTICES_MAX];
    uint32_t ends[RINGS_MAX];
    uint32_t count = 0;
    geo_area *area = NULL;
    const uint32_t rings = 1 + read_byte(r) % RINGS_MAX;
    for (uint32_t ring = 0; ring < rings; ring++) {
        for (uint32_t left = read_byte(r) % RING_VERTICES_MAX; left > 0; left--) {
            vertices[count++] = read_point(r);
        }
        ends[ring] = count;
    }
    return geo_area_new(vertices, ends, rings, &area) == GEO_OK ? area : NULL;
}

/* Points where errors would show. */
static uint32_t choose_points(reader *r, geo_area *const *areas, geo_point *points)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < FENCES; id++) {
        for (uint32_t v = 0; areas[id] != NULL && v < areas[id]->vertex_count; v += 3) {
            geo_point p = areas[id]->vertices[v];
            p.lon_e7 = clamp_to((int64_t)p.lon_e7 + (int32_t)(v % 3) - 1, GEO_LON_E7_MAX - 1);
            if (count < POINTS_MAX / 2) {
                points[count++] = p;
            }
        }
    }
    while (count < POINTS_MAX && (r->size > 0 || count < GEO_INDEX_BLOCK_POINTS)) {
        points[count] = r->size > 0 ? read_point(r) : beside(r, (int64_t)count * r->scale, count);
        count++;
    }
    return count;
}

static void check_points(const geo_index_version *version, geo_area *const *areas,
                         const geo_point *points, uint32_t count)
{
    static geo_hit hits[HITS_MAX];
    uint32_t found[POINTS_MAX] = {0};
    size_t hit_count;
    size_t done;
    require(geo_index_query(version, points, count, hits, HITS_MAX, &hit_count, &done) == GEO_OK);
    require(done == count);
    for (size_t h = 0; h < hit_count; h++) {
        require(!(found[hits[h].point] >> hits[h].id & 1));
        found[hits[h].point] |= 1u << hits[h].id;
    }
    for (uint32_t p = 0; p < count; p++) {
        for (uint32_t id = 0; id < FENCES; id++) {
            require((found[p] >> id & 1) ==
                    (areas[id] != NULL && geo_area_contains(areas[id], points[p])));
        }
    }
}

/* What is said of the way from one point to the next must not contradict the points. */
static void check_ways(const geo_index_version *version, const geo_point *points, uint32_t count)
{
    for (uint32_t p = 0; p + 1 < count; p++) {
        uint32_t touched[FENCES];
        uint32_t bounds[FENCES];
        uint32_t ids[FENCES];
        size_t touched_count;
        size_t bound_count;
        size_t id_count;
        const geo_point a = points[p];
        const geo_point b = points[p + 1];
        require(geo_index_segment(version, a, b, touched, FENCES, &touched_count) == GEO_OK);
        require(geo_index_boundaries(version, a, b, bounds, FENCES, &bound_count) == GEO_OK);
        require(geo_index_query_one(version, a, ids, FENCES, &id_count) == GEO_OK);
        /* Both ascend; what is touched is at the start or has its boundary crossed. */
        for (size_t t = 0, at = 0, bound = 0; t < touched_count; t++) {
            const bool is_at = at < id_count && ids[at] == touched[t];
            const bool is_bound = bound < bound_count && bounds[bound] == touched[t];
            require(is_at || is_bound);
            at += is_at;
            bound += is_bound;
            require(t + 1 < touched_count || (at == id_count && bound == bound_count));
        }
        require(touched_count != 0 || (id_count == 0 && bound_count == 0));
        require(bound_count == 0 || geo_index_clear(version, &a, &b, 1) == 0);
    }
}

static void check_index(reader *r, geo_index *index, geo_area *const *areas)
{
    geo_point points[POINTS_MAX];
    geo_why why;
    const geo_index_isa best = geo_index_isa_in_use();
    const uint32_t count = choose_points(r, areas, points);
    require(geo_index_check(index, &why));
    require(geo_index_publish(index) == GEO_OK);
    geo_index_version *version = geo_index_acquire(index);
    for (int isa = GEO_INDEX_SCALAR; isa <= GEO_INDEX_AVX512; isa++) {
        if (geo_index_force_isa((geo_index_isa)isa)) {
            check_points(version, areas, points, count);
            check_ways(version, points, count);
        }
    }
    require(geo_index_force_isa(best));
    geo_index_release(version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t scales[] = {16, 300, 10000, 60000};
    static const geo_point centers[] = {
        {163725000, 598512000}, {0, 0}, {67108864, -33554432}, {1799000000, 100000}};
    reader r = {.data = data, .size = size};
    const uint8_t where = read_byte(&r);
    r.scale = scales[where % 4];
    r.center = centers[where / 4 % 4];
    geo_area *areas[FENCES] = {NULL};
    geo_index *index = NULL;
    require(geo_index_new(NULL, &index) == GEO_OK);
    for (uint32_t changes = read_byte(&r) % 16; changes > 0; changes--) {
        const uint8_t what = read_byte(&r);
        const uint32_t id = what % FENCES;
        geo_area *area = what >= 0xc0 ? NULL : read_area(&r);
        if (area != NULL) {
            require(geo_index_put(index, id, area) == GEO_OK);
        } else {
            require(geo_index_remove(index, id) == (areas[id] == NULL ? GEO_NOT_FOUND : GEO_OK));
        }
        geo_area_free(areas[id]);
        areas[id] = area;
    }
    check_index(&r, index, areas);
    geo_index_free(index);
    for (uint32_t id = 0; id < FENCES; id++) {
        geo_area_free(areas[id]);
    }
    return 0;
}
