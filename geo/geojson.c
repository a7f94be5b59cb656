/* geo/geojson.c - from GeoJSON text to features, one after the other. */
#include "geo/geojson.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geojson_private.h"

geo_err find_members(geo_json *json, member *members, size_t count, const char *no_object,
                     geo_why *why)
{
    const char *twice = NULL;
    geo_json_token token = geo_json_next(json);
    bool sound = token == GEO_JSON_OBJECT;
    while (sound && (token = geo_json_next(json)) == GEO_JSON_KEY) {
        for (size_t i = 0; i < count; i++) {
            if (geo_json_is(json, members[i].name)) {
                twice = members[i].found ? members[i].name : twice;
                members[i].found = true;
                members[i].value = *json;
            }
        }
        sound = geo_json_skip(json);
    }
    if (!sound || token != GEO_JSON_OBJECT_END) {
        return geo_why_set(why, GEO_SYNTAX, "%s", no_object);
    }
    return twice == NULL ? GEO_OK : geo_why_set(why, GEO_INVALID, "%s is there twice", twice);
}

geo_err member_text(const member *m, char *text, size_t size)
{
    text[0] = '\0';
    if (!m->found) {
        return GEO_OK;
    }
    geo_json json = m->value;
    switch (geo_json_next(&json)) {
    case GEO_JSON_NULL:
        return GEO_OK;
    case GEO_JSON_TEXT:
        return geo_json_copy(&json, text, size);
    default:
        return GEO_SYNTAX;
    }
}

geo_err member_number(const member *m, unsigned scale, int64_t min, int64_t max, int64_t *value)
{
    *value = 0;
    if (!m->found) {
        return GEO_OK;
    }
    geo_json json = m->value;
    geo_json_token token = geo_json_next(&json);
    if (token != GEO_JSON_NUMBER) {
        return token == GEO_JSON_NULL ? GEO_OK : GEO_SYNTAX;
    }
    geo_err err = geo_number_parse(json.slice, json.slice_size, scale, value);
    return err == GEO_OK && (*value < min || *value > max) ? GEO_RANGE : err;
}

geo_err member_bool(const member *m, bool *value)
{
    *value = false;
    if (!m->found) {
        return GEO_OK;
    }
    geo_json json = m->value;
    geo_json_token token = geo_json_next(&json);
    *value = token == GEO_JSON_TRUE;
    return token == GEO_JSON_TRUE || token == GEO_JSON_FALSE || token == GEO_JSON_NULL ? GEO_OK
                                                                                       : GEO_SYNTAX;
}

static bool is_geometry(const char *type)
{
    static const char *const types[] = {"Polygon",           "MultiPolygon", "Point",
                                        "LineString",        "MultiPoint",   "MultiLineString",
                                        "GeometryCollection"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define TYPE_SIZE 32
#define NO_TYPE "not GeoJSON: no object with a \"type\""

/* Where and why the text is not JSON; GEO_OK if it is. */
static geo_err check_syntax(const char *text, size_t size, geo_why *why)
{
    geo_json json = geo_json_read(text, size);
    if (geo_json_skip(&json) && geo_json_next(&json) == GEO_JSON_END) {
        return GEO_OK;
    }
    unsigned line;
    unsigned column;
    geo_json_position(&json, &line, &column);
    return geo_why_set(why, GEO_SYNTAX, "line %u, column %u: %s", line, column,
                       json.wrong != NULL ? json.wrong : "not JSON");
}

geo_err geo_geojson_open(const char *text, size_t size, const geo_geojson_options *options,
                         geo_geojson *out, geo_why *why)
{
    member members[] = {{.name = "type"}, {.name = "features"}};
    char type[TYPE_SIZE];
    geo_json json = geo_json_read(text, size);
    geo_geojson reader = {.json = json};
    if (options != NULL) {
        reader.options = *options;
    }
    /* This goes through the whole text, so that no feature is taken from what is not JSON. */
    geo_err err = find_members(&json, members, 2, NO_TYPE, why);
    if (err == GEO_SYNTAX || geo_json_next(&json) != GEO_JSON_END) {
        geo_err wrong = check_syntax(text, size, why);
        err = wrong != GEO_OK ? wrong : err;
    }
    if (err != GEO_OK) {
        return err;
    }
    if (!members[0].found || member_text(&members[0], type, sizeof type) != GEO_OK) {
        return geo_why_set(why, GEO_SYNTAX, NO_TYPE);
    }
    reader.json.is_checked = true;
    members[1].value.is_checked = true;
    if (strcmp(type, "FeatureCollection") == 0) {
        reader.collection = true;
        reader.json = members[1].value;
        if (!members[1].found || geo_json_next(&reader.json) != GEO_JSON_ARRAY) {
            return geo_why_set(why, GEO_SYNTAX, "the FeatureCollection has no array \"features\"");
        }
    } else if (strcmp(type, "Feature") != 0 && !is_geometry(type)) {
        return geo_why_set(why, GEO_SYNTAX,
                           "\"type\" is neither Feature nor FeatureCollection nor a geometry");
    }
    *out = reader;
    return GEO_OK;
}

/* An id is a text or a number, which is kept as it is written. */
static geo_err read_id(const member *m, geo_feature *out, geo_why *why)
{
    geo_json json = m->value;
    if (m->found && geo_json_next(&json) == GEO_JSON_NUMBER && json.slice_size < sizeof out->id) {
        memcpy(out->id, json.slice, json.slice_size);
        out->id[json.slice_size] = '\0';
        return GEO_OK;
    }
    geo_err err = member_text(m, out->id, sizeof out->id);
    return err == GEO_OK
               ? GEO_OK
               : geo_why_set(why, err, "id must be a text of at most %d bytes", GEO_FEATURE_ID_MAX);
}

static geo_err read_feature(geo_json json, const geo_geojson_options *options, geo_feature *out,
                            geo_why *why)
{
    member members[] = {
        {.name = "type"}, {.name = "id"}, {.name = "properties"}, {.name = "geometry"}};
    member radius = {.name = "radius_m"};
    member width = {.name = "width_m"};
    char type[TYPE_SIZE];
    geo_json start = json;
    geo_err err = find_members(&json, members, 4, "not an object", why);
    if (err != GEO_OK) {
        return err;
    }
    if (!members[0].found || member_text(&members[0], type, sizeof type) != GEO_OK) {
        return geo_why_set(why, GEO_SYNTAX, "no \"type\"");
    }
    if (is_geometry(type)) {
        return read_geometry(start, options, &radius, &width, out, why);
    }
    if (strcmp(type, "Feature") != 0) {
        return geo_why_set(why, GEO_SYNTAX, "\"type\" is not Feature");
    }
    err = read_id(&members[1], out, why);
    if (err == GEO_OK && members[2].found) {
        err = read_properties(members[2].value, options, out, &radius, &width, why);
    }
    if (err != GEO_OK) {
        return err;
    }
    if (!members[3].found) {
        return geo_why_set(why, GEO_SYNTAX, "no geometry");
    }
    return read_geometry(members[3].value, options, &radius, &width, out, why);
}

/* Put "feature 3: " before the reason. */
static void name_feature(geo_why *why, uint32_t number)
{
    if (why != NULL) {
        geo_why reason = *why;
        (void)geo_why_set(why, GEO_OK, "feature %u: %.230s", (unsigned)number, reason.text);
    }
}

geo_err geo_geojson_next(geo_geojson *reader, geo_feature *out, geo_why *why)
{
    geo_json value = reader->json;
    if (reader->done) {
        return GEO_NOT_FOUND;
    }
    if (!reader->collection) {
        reader->done = true;
    } else {
        geo_json peek = reader->json;
        if (geo_json_next(&peek) == GEO_JSON_ARRAY_END) {
            reader->done = true;
            return GEO_NOT_FOUND;
        }
        if (!geo_json_skip(&reader->json)) {
            reader->done = true;
            return geo_why_set(why, GEO_SYNTAX, "%s", reader->json.wrong);
        }
    }
    memset(out, 0, sizeof *out);
    out->expires_at_ms = GEO_NEVER_MS;
    geo_err err = read_feature(value, &reader->options, out, why);
    if (err != GEO_OK) {
        geo_feature_fini(out);
        if (reader->collection) {
            name_feature(why, reader->number);
        }
    }
    reader->number++;
    return err;
}

void geo_feature_fini(geo_feature *feature)
{
    free(feature->vertices);
    free(feature->ring_ends);
    free(feature->ring_polygons);
    feature->vertices = NULL;
    feature->ring_ends = NULL;
    feature->ring_polygons = NULL;
}
