/* build.c - text put together piece by piece, much of it from rows that are JSON already. */
#include "build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/json_number.h"

void catalog_text_fini(catalog_text *text)
{
    free(text->data);
    *text = (catalog_text){0};
}

void text_build_put(text_build *build, const char *text, size_t size)
{
    if (build->failed) {
        return;
    }
    if (build->capacity - build->size <= size) {
        size_t capacity = (build->size + size + 1) * 2;
        char *data = realloc(build->data, capacity);
        if (data == NULL) {
            build->failed = true;
            return;
        }
        build->data = data;
        build->capacity = capacity;
    }
    memcpy(build->data + build->size, text, size);
    build->size += size;
    build->data[build->size] = '\0';
}

void text_build_literal(text_build *build, const char *text)
{
    text_build_put(build, text, strlen(text));
}

void text_build_u64(text_build *build, uint64_t value)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, value);
    text_build_put(build, digits, (size_t)size);
}

void text_build_id(text_build *build, const char *id)
{
    text_build_literal(build, "\"");
    text_build_literal(build, id);
    text_build_literal(build, "\"");
}

static void put_degrees(text_build *build, int32_t e7)
{
    char digits[GEO_NUMBER_TEXT_SIZE];
    text_build_put(build, digits, geo_number_format(e7, 7, digits));
}

void text_build_ring(text_build *build, const geo_point *vertices, uint32_t count)
{
    for (uint32_t i = 0; i <= count; i++) {
        geo_point point = vertices[i == count ? 0 : i];
        text_build_literal(build, i == 0 ? "[[" : ",[");
        put_degrees(build, point.lon_e7);
        text_build_literal(build, ",");
        put_degrees(build, point.lat_e7);
        text_build_literal(build, "]");
    }
    text_build_literal(build, "]");
}

void text_build_fini(text_build *build)
{
    free(build->data);
    *build = (text_build){0};
}

geo_err text_build_end(text_build *build, catalog_text *out, geo_why *why)
{
    text_build_put(build, "", 0); /* so that there is an end, even of nothing */
    if (build->failed) {
        text_build_fini(build);
        return geo_why_set(why, GEO_NO_MEMORY, "out of memory");
    }
    *out = (catalog_text){.data = build->data, .size = build->size};
    *build = (text_build){0};
    return GEO_OK;
}

geo_err text_from_row(db_query *query, const char *not_found, catalog_text *out, geo_why *why)
{
    bool row = false;
    geo_err err = db_step(query, &row, why);
    if (err == GEO_OK && !row) {
        err = geo_why_set(why, GEO_NOT_FOUND, "%s", not_found);
    }
    catalog_text text = {0};
    if (err == GEO_OK) {
        text_build build = {0};
        size_t size = 0;
        const char *data = db_column_text(query, 0, &size);
        text_build_put(&build, data, size);
        err = text_build_end(&build, &text, why);
        text.revision = (uint64_t)db_column_i64(query, 1);
    }
    err = db_finish(query, err, why);
    if (err != GEO_OK) {
        catalog_text_fini(&text);
        return err;
    }
    *out = text;
    return GEO_OK;
}

geo_err text_from_page(db_query *query, const char *head, uint32_t limit, size_t bytes_max,
                       catalog_text *out, geo_why *why)
{
    text_build build = {0};
    text_build next = {0};
    text_build_literal(&build, head);
    uint32_t count = 0;
    bool row = false;
    geo_err err = GEO_OK;
    while ((err = db_step(query, &row, why)) == GEO_OK && row) {
        if (count == limit || (count > 0 && build.size >= bytes_max)) {
            break;
        }
        size_t size = 0;
        const char *data = db_column_text(query, 0, &size);
        text_build_literal(&build, count == 0 ? "" : ",");
        text_build_put(&build, data, size);
        data = db_column_text(query, 1, &size);
        next.size = 0;
        text_build_put(&next, data, size);
        count++;
    }
    text_build_literal(&build, "],\"next\":");
    text_build_put(&build, row ? next.data : "null", row ? next.size : 4);
    text_build_literal(&build, "}");
    build.failed = build.failed || next.failed;
    text_build_fini(&next);
    err = db_finish(query, err, why);
    if (err != GEO_OK) {
        text_build_fini(&build);
        return err;
    }
    return text_build_end(&build, out, why);
}
