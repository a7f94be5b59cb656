/* tests/bench/bench_geos.c - point queries as one writes them with GEOS. */
#include "bench_geos.h"

#include <geos_c.h>
#include <stdio.h>
#include <stdlib.h>

struct peer {
    GEOSContextHandle_t context;
    GEOSSTRtree *tree;
    GEOSGeometry **shapes;
    const GEOSPreparedGeometry **prepared;
    uint32_t count;
};

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "GEOS failed\n");
        exit(1);
    }
    return memory;
}

static GEOSGeometry *polygon(peer *p, const geo_area *area)
{
    unsigned count = area->vertex_count;
    GEOSCoordSequence *points = need(GEOSCoordSeq_create_r(p->context, count + 1, 2));
    for (unsigned i = 0; i <= count; i++) {
        geo_point v = area->vertices[i % count];
        GEOSCoordSeq_setXY_r(p->context, points, i, v.lon_e7, v.lat_e7);
    }
    GEOSGeometry *ring = need(GEOSGeom_createLinearRing_r(p->context, points));
    return need(GEOSGeom_createPolygon_r(p->context, ring, NULL, 0));
}

static void ignore(void *item, void *data)
{
    (void)item;
    (void)data;
}

void peer_rebuild_tree(peer *p)
{
    if (p->tree != NULL) {
        GEOSSTRtree_destroy_r(p->context, p->tree);
    }
    p->tree = need(GEOSSTRtree_create_r(p->context, 10));
    for (uint32_t i = 0; i < p->count; i++) {
        GEOSSTRtree_insert_r(p->context, p->tree, p->shapes[i], (void *)p->prepared[i]);
    }
    /* The tree is built by the first query. */
    GEOSGeometry *point = need(GEOSGeom_createPointFromXY_r(p->context, 0, 0));
    GEOSSTRtree_query_r(p->context, p->tree, point, ignore, NULL);
    GEOSGeom_destroy_r(p->context, point);
}

peer *peer_new(geo_area *const *areas, uint32_t count)
{
    peer *p = need(calloc(1, sizeof *p));
    p->context = need(GEOS_init_r());
    p->count = count;
    p->shapes = need(calloc(count, sizeof(GEOSGeometry *)));
    p->prepared = need(calloc(count, sizeof(GEOSPreparedGeometry *)));
    for (uint32_t i = 0; i < count; i++) {
        p->shapes[i] = polygon(p, areas[i]);
        p->prepared[i] = need((void *)GEOSPrepare_r(p->context, p->shapes[i]));
    }
    peer_rebuild_tree(p);
    return p;
}

void peer_free(peer *p)
{
    GEOSSTRtree_destroy_r(p->context, p->tree);
    for (uint32_t i = 0; i < p->count; i++) {
        GEOSPreparedGeom_destroy_r(p->context, p->prepared[i]);
        GEOSGeom_destroy_r(p->context, p->shapes[i]);
    }
    GEOS_finish_r(p->context);
    free(p->shapes);
    free(p->prepared);
    free(p);
}

typedef struct search {
    GEOSContextHandle_t context;
    const GEOSGeometry *point;
    uint64_t hits;
} search;

static void meet(void *item, void *data)
{
    search *s = data;
    s->hits += GEOSPreparedIntersects_r(s->context, item, s->point) == 1;
}

uint64_t peer_count_hits(peer *p, const geo_point *points, size_t count)
{
    search s = {.context = p->context};
    for (size_t i = 0; i < count; i++) {
        GEOSGeometry *point =
            GEOSGeom_createPointFromXY_r(p->context, points[i].lon_e7, points[i].lat_e7);
        s.point = point;
        GEOSSTRtree_query_r(p->context, p->tree, point, meet, &s);
        GEOSGeom_destroy_r(p->context, point);
    }
    return s.hits;
}
