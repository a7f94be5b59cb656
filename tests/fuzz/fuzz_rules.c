/* tests/fuzz/fuzz_rules.c - any bytes as a device's state, whose reading must give the same bytes
 * again, or as a time zone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "geo/schedule_zone.h"
#include "geo/tracker_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_state(const uint8_t *data, size_t size)
{
    geo_tracker_state state;
    size_t used = 0;
    if (geo_tracker_state_read(&state, data, size, &used) == GEO_OK) {
        uint8_t *bytes = malloc(geo_tracker_state_size(&state));
        if (bytes == NULL) {
            abort();
        }
        if (geo_tracker_state_write(&state, bytes) != used || memcmp(bytes, data, used) != 0) {
            abort();
        }
        free(bytes);
    }
    geo_tracker_state_fini(&state);
}

static void read_zone(const uint8_t *data, size_t size)
{
    geo_zone *zone = NULL;
    if (geo_zone_parse(data, size, &zone) != GEO_OK) {
        return;
    }
    for (int64_t at = -4000000000; at < 8000000000; at += 123456789) {
        int64_t first;
        int64_t last;
        geo_zone_instants(zone, at + geo_zone_offset_s(zone, at), &first, &last);
    }
    geo_zone_free(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'T':
        read_zone(data, size);
        break;
    default:
        read_state(data, size);
        break;
    }
    return 0;
}
