/* tests/fuzz/fuzz_geojson.c - any text as GeoJSON, down to the fence; what was read must be sound.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "geo/geojson_fence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Deriving is bounded by the fuzzer's patience: zones along continents, or of thousands of
 * vertices, are slow and not what is looked for here. */
#define SIZE_CM_MAX 1000000
#define VERTICES_MAX 200
#define EXTENT_E7_MAX 2000000

static bool is_small(const geo_feature *feature)
{
    for (uint32_t i = 0; i < feature->vertex_count; i++) {
        int64_t lon = (int64_t)feature->vertices[i].lon_e7 - feature->vertices[0].lon_e7;
        int64_t lat = (int64_t)feature->vertices[i].lat_e7 - feature->vertices[0].lat_e7;
        if (llabs(lon) > EXTENT_E7_MAX || llabs(lat) > EXTENT_E7_MAX) {
            return false;
        }
    }
    return feature->vertex_count <= VERTICES_MAX && feature->size_cm <= SIZE_CM_MAX &&
           feature->approach_cm <= SIZE_CM_MAX;
}

static void derive(geo_feature *feature)
{
    const geo_fence *fence = NULL;
    geo_interval span = {INT64_C(1795000000000), INT64_C(1797000000000)};
    if (!is_small(feature)) {
        return;
    }
    if (geo_feature_fence(feature, "f", span, NULL, &fence, NULL) != GEO_OK) {
        return;
    }
    if (fence->area->vertex_count < 3 || geo_fence_compare(fence, fence) != GEO_FENCE_SAME) {
        abort();
    }
    geo_fence_unref(fence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    geo_geojson reader;
    geo_why why;
    geo_feature *feature = malloc(sizeof *feature);
    geo_geojson_options options = {.close_rings = size % 2 == 1};
    if (feature == NULL ||
        geo_geojson_open((const char *)data, size, &options, &reader, &why) != GEO_OK) {
        free(feature);
        return 0;
    }
    geo_err err;
    while ((err = geo_geojson_next(&reader, feature, &why)) != GEO_NOT_FOUND) {
        if (err != GEO_OK) {
            continue;
        }
        for (uint32_t i = 0; i < feature->vertex_count; i++) {
            if (abs(feature->vertices[i].lon_e7) > GEO_LON_E7_MAX ||
                abs(feature->vertices[i].lat_e7) > GEO_LAT_E7_MAX) {
                abort();
            }
        }
        derive(feature);
        geo_feature_fini(feature);
    }
    free(feature);
    return 0;
}
