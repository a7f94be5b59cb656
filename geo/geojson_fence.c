/* geo/geojson_fence.c - deriving areas and fences from features. */
#include "geo/geojson_fence.h"

#include <stdlib.h>

#include "geo/antimeridian.h"
#include "geo/buffer.h"
#include "geo/circle.h"
#include "geo/geodesic.h"
#include "geo/validate.h"

static geo_err checked_area(const geo_feature *feature, const geo_point *vertices,
                            const uint32_t *ring_ends, geo_area **out, geo_why *why)
{
    geo_err err =
        geo_validate(vertices, ring_ends, feature->ring_count, feature->ring_polygons, why);
    return err == GEO_OK ? geo_area_new_cut(vertices, ring_ends, feature->ring_count, why, out)
                         : err;
}

static geo_err geodesic_area(const geo_feature *feature, geo_area **out, geo_why *why)
{
    geo_point *vertices = NULL;
    uint32_t *ring_ends = malloc(feature->ring_count * sizeof *ring_ends);
    if (ring_ends == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    geo_err err = geo_densify(feature->vertices, feature->ring_ends, feature->ring_count, why,
                              &vertices, ring_ends);
    err = err == GEO_OK ? checked_area(feature, vertices, ring_ends, out, why) : err;
    free(vertices);
    free(ring_ends);
    return err;
}

/* A line densified as the ring that runs along it and back: an edge gets the same vertices in both
 * directions, so the way out is the first half. */
static geo_err geodesic_line(const geo_feature *feature, geo_point **out, uint32_t *count,
                             geo_why *why)
{
    uint32_t ring_count = 2 * feature->vertex_count - 2;
    geo_point *ring = malloc(ring_count * sizeof *ring);
    if (ring == NULL) {
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < ring_count; i++) {
        ring[i] = feature->vertices[i < feature->vertex_count ? i : ring_count - i];
    }
    geo_err err = geo_densify(ring, &ring_count, 1, why, out, count);
    *count = *count / 2 + 1;
    free(ring);
    return err;
}

static geo_err corridor_area(const geo_feature *feature, geo_area **out, geo_why *why)
{
    double width_m = feature->size_cm / 100.0;
    geo_point *line = NULL;
    uint32_t count = 0;
    if (!feature->geodesic) {
        return geo_corridor_new(feature->vertices, feature->vertex_count, width_m, why, out);
    }
    geo_err err = geodesic_line(feature, &line, &count, why);
    err = err == GEO_OK ? geo_corridor_new(line, count, width_m, why, out) : err;
    free(line);
    return err;
}

geo_err geo_feature_area(const geo_feature *feature, geo_area **out, geo_why *why)
{
    switch (feature->kind) {
    case GEO_FEATURE_CIRCLE:
        return geo_circle_new(feature->vertices[0], feature->size_cm / 100.0, why, out);
    case GEO_FEATURE_CORRIDOR:
        return corridor_area(feature, out, why);
    case GEO_FEATURE_POLYGON:
        break;
    }
    return feature->geodesic
               ? geodesic_area(feature, out, why)
               : checked_area(feature, feature->vertices, feature->ring_ends, out, why);
}

/* Inside the line for keep-in, outside otherwise. */
static geo_err approach_zone(const geo_feature *feature, const geo_area *area, geo_area **out,
                             geo_why *why)
{
    geo_why reason = {""};
    geo_err err = geo_zone_new(area, feature->approach_cm / 100.0, feature->intent == GEO_KEEP_IN,
                               &reason, out);
    return err == GEO_OK ? GEO_OK
                         : geo_why_set(why, err, "approach_m: %.200s",
                                       reason.text[0] != '\0' ? reason.text : geo_err_text(err));
}

geo_err geo_feature_fence(const geo_feature *feature, const char *id, geo_interval span,
                          const char *zoneinfo, const geo_fence **out, geo_why *why)
{
    const char *groups[GEO_FENCE_GROUPS_MAX];
    geo_interval *on = NULL;
    geo_area *area = NULL;
    geo_area *zone = NULL;
    geo_fence fence = {
        .id = id,
        .name = feature->name,
        .intent = feature->intent,
        .dwell_s = feature->dwell_s,
        .approach_cm = feature->approach_cm,
        .confirm_fixes = feature->confirm_fixes,
        .expires_at_ms = feature->expires_at_ms,
        .schedule.scheduled = feature->has_schedule,
        .groups = groups,
        .group_count = feature->group_count,
    };
    for (uint32_t i = 0; i < feature->group_count; i++) {
        groups[i] = feature->groups[i];
    }
    geo_err err = geo_feature_area(feature, &area, why);
    if (err == GEO_OK && feature->approach_cm > 0) {
        err = approach_zone(feature, area, &zone, why);
    }
    if (err == GEO_OK && feature->has_schedule) {
        fence.schedule.span = span;
        err = geo_schedule_resolve(&feature->schedule, span, zoneinfo, &on,
                                   &fence.schedule.on_count, why);
        fence.schedule.on = on;
    }
    fence.area = area;
    fence.zone = zone;
    err = err == GEO_OK ? geo_fence_new(&fence, out, why) : err;
    if (err != GEO_OK) {
        geo_area_free(area);
        geo_area_free(zone);
    }
    free(on);
    return err;
}
