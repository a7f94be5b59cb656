/* tests/fuzz/fuzz_csv.c - any text as a CSV file of fixes; the fast ways of reading must say what
 * the exact ones say. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "geo/csv.h"
#include "geo/json_number.h"
#include "geo/tracker_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const geo_csv_fix *fix)
{
    if (abs(fix->place.lon_e7) > GEO_LON_E7_MAX || abs(fix->place.lat_e7) > GEO_LAT_E7_MAX ||
        fix->time_ms > GEO_TIME_MS_MAX || fix->time_ms < GEO_TIME_MS_MIN || fix->device_size == 0 ||
        fix->device_size > GEO_DEVICE_ID_MAX) {
        abort();
    }
}

/* The bytes once more as a time and a longitude in a row of their own. */
static void check_fast_ways(const char *text, size_t size)
{
    char row[256];
    geo_csv csv;
    geo_csv_fix fix;
    int64_t time_ms = 0;
    int64_t lon_e7 = 0;
    const char header[] = "lon,lat,device,time";
    if (size > 200 || memchr(text, ',', size) != NULL || memchr(text, '"', size) != NULL ||
        memchr(text, '\r', size) != NULL ||
        geo_csv_header(&csv, header, sizeof header - 1, NULL) != GEO_OK) {
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        /* In the second pass the day has been seen. */
        memcpy(row, "1,2,d,", 6);
        memcpy(row + 6, text, size);
        bool exact = geo_time_parse(text, size, &time_ms) == GEO_OK && time_ms <= GEO_TIME_MS_MAX &&
                     time_ms >= GEO_TIME_MS_MIN;
        bool fast = geo_csv_row(&csv, row, 6 + size, &fix, NULL) == GEO_OK;
        if (exact != fast || (fast && fix.time_ms != time_ms)) {
            abort();
        }
    }
    memcpy(row, text, size);
    memcpy(row + size, ",2,d,1", 6);
    bool exact = geo_number_parse(text, size, 7, &lon_e7) == GEO_OK && lon_e7 <= GEO_LON_E7_MAX &&
                 lon_e7 >= -GEO_LON_E7_MAX;
    bool fast = geo_csv_row(&csv, row, size + 6, &fix, NULL) == GEO_OK;
    if (exact != fast || (fast && fix.place.lon_e7 != lon_e7)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = text + size;
    const char *newline = size == 0 ? NULL : memchr(text, '\n', size);
    geo_csv csv;
    geo_csv_fix fix;
    geo_why why;
    if (newline == NULL) {
        check_fast_ways(text, size);
        return 0;
    }
    if (geo_csv_header(&csv, text, (size_t)(newline - text), &why) != GEO_OK) {
        return 0;
    }
    while (newline != NULL) {
        const char *line = newline + 1;
        newline = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
        size_t length = (size_t)((newline != NULL ? newline : end) - line);
        if (geo_csv_row(&csv, line, length, &fix, &why) == GEO_OK) {
            check_row(&fix);
        }
    }
    return 0;
}
