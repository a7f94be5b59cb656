/* fence_read.c - fences as GeoJSON, as they are and as they were. */
#include "catalog/fence.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "internal.h"
#include "schema.h"
#include "wkb.h"

static uint32_t limit_of(uint32_t limit)
{
    return limit == 0 || limit > CATALOG_PAGE_MAX ? CATALOG_PAGE_MAX : limit;
}

geo_err catalog_fence_get(catalog *store, const char *id, catalog_text *out, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT text, revision FROM fence_text WHERE fence = ? AND"
                                  " +until_version = ?");
    db_text(&query, id);
    db_i64(&query, VERSION_OPEN);
    err = text_from_row(&query, "there is no such fence", out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_fence_at(catalog *store, const char *id, uint64_t revision, catalog_text *out,
                         geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    db_query query = db_begin(db, "SELECT text, revision FROM fence_text WHERE fence = ? AND"
                                  " revision = ?");
    db_text(&query, id);
    db_i64(&query, revision > INT64_MAX ? -1 : (int64_t)revision);
    err = text_from_row(&query, "that revision of the fence is not kept", out, why);
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_fence_list(catalog *store, const catalog_page *page, catalog_text *out,
                           geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t limit = limit_of(page->limit);
    /* The small table has what is there now, in order; the revisions have the text. */
    db_query query = db_begin(db, "SELECT t.text, json_quote(f.id) FROM fence AS f CROSS JOIN"
                                  " fence_text AS t ON t.fence = f.id AND t.revision = f.revision"
                                  " WHERE f.id > ? ORDER BY f.id LIMIT ?");
    db_text(&query, page->after == NULL ? "" : page->after);
    db_i64(&query, (int64_t)limit + 1);
    err = text_from_page(&query, "{\"type\":\"FeatureCollection\",\"features\":[", limit,
                         CATALOG_PAGE_BYTES_MAX, out, why);
    catalog_reader_give(store, db);
    return err;
}

static void put_area_ring(text_build *build, const geo_area *area, uint32_t ring)
{
    uint32_t begin = ring == 0 ? 0 : area->ring_ends[ring - 1];
    text_build_ring(build, area->vertices + begin, area->ring_ends[ring] - begin);
}

static geo_err write_shape(const geo_area *area, catalog_text *out, geo_why *why)
{
    uint32_t *shells = NULL;
    text_build build = {0};
    geo_err err = area_shells(area, &shells);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s", geo_err_text(err));
    }
    bool first = true;
    text_build_literal(&build, "{\"type\":\"MultiPolygon\",\"coordinates\":[");
    for (uint32_t shell = 0; shell < area->ring_count; shell++) {
        if (shells[shell] != shell) {
            continue;
        }
        text_build_literal(&build, first ? "[" : ",[");
        put_area_ring(&build, area, shell);
        for (uint32_t ring = 0; ring < area->ring_count; ring++) {
            if (ring != shell && shells[ring] == shell) {
                text_build_literal(&build, ",");
                put_area_ring(&build, area, ring);
            }
        }
        text_build_literal(&build, "]");
        first = false;
    }
    text_build_literal(&build, "]}");
    free(shells);
    return text_build_end(&build, out, why);
}

geo_err catalog_fence_shape(catalog *store, const char *id, catalog_text *out, geo_why *why)
{
    const geo_rules *rules = rules_current(store);
    geo_err err = GEO_OK;
    uint32_t slot = geo_rules_find(rules, id);
    if (slot == GEO_NO_SLOT) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there is no such fence");
    } else {
        err = write_shape(geo_rules_fence(rules, slot)->area, out, why);
    }
    geo_rules_unref(rules);
    return err;
}

/* So that an unknown fence is told from one whose page is empty. */
static geo_err check_known(catalog_db *db, const char *id, geo_why *why)
{
    db_query query = db_begin(db, "SELECT count(*) FROM (SELECT 1 FROM revision WHERE fence = ?"
                                  " LIMIT 1)");
    db_text(&query, id);
    geo_err err = db_one(&query, why);
    if (err == GEO_OK && db_column_i64(&query, 0) == 0) {
        err = geo_why_set(why, GEO_NOT_FOUND, "there never was a fence %.64s", id);
    }
    return db_finish(&query, err, why);
}

geo_err catalog_fence_versions(catalog *store, const char *id, uint64_t before, uint32_t limit,
                               catalog_text *out, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    err = check_known(db, id, why);
    if (err == GEO_OK) {
        limit = limit_of(limit);
        db_query query = db_begin(
            db, "SELECT json_object('revision', revision, 'version', from_version, 'what', what,"
                " 'who', who, 'time',"
                " strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch'), 'name', name,"
                " 'area_ha', area_ha), revision FROM revision"
                " WHERE fence = ? AND revision < ? ORDER BY revision DESC LIMIT ?");
        db_text(&query, id);
        db_i64(&query, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
        db_i64(&query, (int64_t)limit + 1);
        err = text_from_page(&query, "{\"versions\":[", limit, CATALOG_PAGE_BYTES_MAX, out, why);
    }
    catalog_reader_give(store, db);
    return err;
}

geo_err catalog_fence_removed(catalog *store, const catalog_page *page, catalog_text *out,
                              geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t limit = limit_of(page->limit);
    db_query query = db_begin(
        db, "SELECT json_object('id', fence, 'revision', revision, 'who', who, 'time',"
            " strftime('%Y-%m-%dT%H:%M:%fZ', time_ms / 1000.0, 'unixepoch'), 'name', name),"
            " json_quote(fence) FROM revision AS r WHERE fence > ? AND what = 'removed'"
            " AND revision = (SELECT max(n.revision) FROM revision AS n WHERE n.fence = r.fence)"
            " ORDER BY fence LIMIT ?");
    db_text(&query, page->after == NULL ? "" : page->after);
    db_i64(&query, (int64_t)limit + 1);
    err = text_from_page(&query, "{\"removed\":[", limit, CATALOG_PAGE_BYTES_MAX, out, why);
    catalog_reader_give(store, db);
    return err;
}

static geo_err export_rows(catalog_db *db, catalog_sink sink, void *context, geo_why *why)
{
    static const char head[] = "{\"type\":\"FeatureCollection\",\"features\":[\n";
    static const char foot[] = "\n]}\n";
    db_query query = db_begin(db, "SELECT t.text FROM fence AS f CROSS JOIN fence_text AS t ON"
                                  " t.fence = f.id AND t.revision = f.revision ORDER BY f.id");
    bool row = false;
    bool go_on = sink(context, head, sizeof head - 1);
    bool first = true;
    geo_err err = GEO_OK;
    while (go_on && (err = db_step(&query, &row, why)) == GEO_OK && row) {
        size_t size = 0;
        const char *text = db_column_text(&query, 0, &size);
        go_on = query.code == SQLITE_OK && (first || sink(context, ",\n", 2)) &&
                sink(context, text, size);
        first = false;
    }
    err = db_finish(&query, err, why);
    if (err == GEO_OK && !(go_on && sink(context, foot, sizeof foot - 1))) {
        err = geo_why_set(why, GEO_IO, "the export was stopped");
    }
    return err;
}

geo_err catalog_export(catalog *store, catalog_sink sink, void *context, geo_why *why)
{
    catalog_db *db = NULL;
    geo_err err = catalog_reader_take(store, &db, why);
    if (err == GEO_OK) {
        err = export_rows(db, sink, context, why);
        catalog_reader_give(store, db);
    }
    return err;
}
