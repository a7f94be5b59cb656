/* geo/geojson.h - fences as people write them: GeoJSON with the properties below. */
#ifndef GEO_GEOJSON_H
#define GEO_GEOJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/json.h"
#include "geo/point.h"
#include "geo/rules_fence.h"
#include "geo/schedule.h"

#define GEO_FEATURE_ID_MAX 256
#define GEO_FEATURE_COLOR_MAX 32
#define GEO_RADIUS_CM_MAX 500000000
#define GEO_APPROACH_CM_MAX 10000000
#define GEO_DWELL_S_MAX 31536000

typedef enum geo_feature_kind {
    GEO_FEATURE_POLYGON,  /* Polygon or MultiPolygon */
    GEO_FEATURE_CIRCLE,   /* Point with radius_m: one vertex */
    GEO_FEATURE_CORRIDOR, /* LineString with width_m: the line's vertices */
} geo_feature_kind;

/* One Feature, as it was written: on the lattice, but neither cut nor checked for its shape. */
typedef struct geo_feature {
    char id[GEO_FEATURE_ID_MAX + 1];   /* "": none; a number is taken as its text */
    char name[GEO_FENCE_NAME_MAX + 1]; /* "": none */
    char color[GEO_FEATURE_COLOR_MAX + 1];
    geo_intent intent;
    uint32_t dwell_s;
    uint32_t approach_cm;
    uint32_t confirm_fixes;
    int64_t expires_at_ms;
    bool geodesic;
    bool has_schedule;
    geo_weekly schedule;
    uint32_t group_count;
    char groups[GEO_FENCE_GROUPS_MAX][GEO_GROUP_NAME_MAX + 1];
    geo_feature_kind kind;
    uint32_t size_cm; /* radius of a circle, width of a corridor */
    /* Rings without their repeated last vertex. One allocation each, owned by the feature. */
    geo_point *vertices;
    uint32_t *ring_ends;
    uint32_t *ring_polygons; /* ring r belongs to polygon ring_polygons[r], its shell first */
    uint32_t vertex_count;
    uint32_t ring_count; /* 1 for a corridor and a circle */
} geo_feature;

typedef struct geo_geojson_options {
    bool close_rings;   /* close what is not closed, instead of refusing it */
    bool geometry_only; /* of the properties read only name, radius_m, width_m and geodesic */
} geo_geojson_options;

/* A plain value; the text is borrowed. */
typedef struct geo_geojson {
    geo_geojson_options options;
    geo_json json; /* before the next feature */
    bool collection;
    bool done;
    uint32_t number; /* of the next feature, from 0 */
} geo_geojson;

/* Begin reading a Feature, a FeatureCollection or a bare geometry. The whole text is checked to be
 * JSON before the first feature comes. options may be NULL.
 * GEO_SYNTAX, with line and column in *why: not JSON, nested too deeply, or no GeoJSON. */
GEO_MUST_USE geo_err geo_geojson_open(const char *text, size_t size,
                                      const geo_geojson_options *options, geo_geojson *out,
                                      geo_why *why);

/* The next feature; the caller frees its arrays with geo_feature_fini().
 * GEO_NOT_FOUND: there are no more. GEO_SYNTAX, GEO_RANGE, GEO_INVALID, GEO_TOO_BIG with the place
 * in *why ("feature 3: geometry ring 0 is not closed"); the next call goes on behind it. */
GEO_MUST_USE geo_err geo_geojson_next(geo_geojson *reader, geo_feature *out, geo_why *why);

void geo_feature_fini(geo_feature *feature);

#endif
