/* geo/geojson_coordinates.c - the geometry of a feature. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/area.h"
#include "geo/json_number.h"
#include "geojson_private.h"

/* Where we are, for messages: "polygon 1 ring 0". */
typedef struct place {
    bool multi;
    uint32_t polygon;
    uint32_t ring;
} place;

typedef struct shape_reader {
    geo_json json;
    bool close_rings;
    geo_feature *out;
    uint32_t vertex_capacity;
    uint32_t ring_capacity;
    place at;
    geo_why *why;
} shape_reader;

static geo_err fail(shape_reader *r, geo_err err, const char *what)
{
    if (r->at.multi) {
        return geo_why_set(r->why, err, "geometry polygon %u ring %u %s", (unsigned)r->at.polygon,
                           (unsigned)r->at.ring, what);
    }
    if (r->out->kind == GEO_FEATURE_POLYGON) {
        return geo_why_set(r->why, err, "geometry ring %u %s", (unsigned)r->at.ring, what);
    }
    return geo_why_set(r->why, err, "geometry %s", what);
}

static geo_err push_vertex(shape_reader *r, geo_point vertex)
{
    geo_feature *out = r->out;
    if (out->vertex_count == r->vertex_capacity) {
        /* One more than an area may have, because the last vertex of a ring repeats the first. */
        if (out->vertex_count > GEO_AREA_VERTICES_MAX) {
            return fail(r, GEO_TOO_BIG, "makes more than 100000 vertices");
        }
        uint32_t capacity = r->vertex_capacity < 8 ? 8 : r->vertex_capacity * 2;
        capacity = capacity > GEO_AREA_VERTICES_MAX + 1 ? GEO_AREA_VERTICES_MAX + 1 : capacity;
        geo_point *vertices = realloc(out->vertices, capacity * sizeof *vertices);
        if (vertices == NULL) {
            return fail(r, GEO_NO_MEMORY, "does not fit into memory");
        }
        out->vertices = vertices;
        r->vertex_capacity = capacity;
    }
    out->vertices[out->vertex_count++] = vertex;
    return GEO_OK;
}

static geo_err end_ring(shape_reader *r)
{
    geo_feature *out = r->out;
    if (out->ring_count == r->ring_capacity) {
        if (out->ring_count == GEO_AREA_RINGS_MAX) {
            return fail(r, GEO_TOO_BIG, "is above 10000 rings");
        }
        uint32_t capacity = r->ring_capacity < 4 ? 4 : r->ring_capacity * 2;
        uint32_t *ends = realloc(out->ring_ends, capacity * sizeof *ends);
        if (ends == NULL) {
            return fail(r, GEO_NO_MEMORY, "does not fit into memory");
        }
        out->ring_ends = ends;
        uint32_t *polygons = realloc(out->ring_polygons, capacity * sizeof *polygons);
        if (polygons == NULL) {
            return fail(r, GEO_NO_MEMORY, "does not fit into memory");
        }
        out->ring_polygons = polygons;
        r->ring_capacity = capacity;
    }
    out->ring_ends[out->ring_count] = out->vertex_count;
    out->ring_polygons[out->ring_count++] = r->at.polygon;
    return GEO_OK;
}

static geo_err read_degrees(shape_reader *r, int32_t max_e7, const char *name, int32_t *out)
{
    int64_t value = 0;
    char what[96];
    if (geo_json_next(&r->json) != GEO_JSON_NUMBER) {
        return fail(r, GEO_SYNTAX, "has a position that is not two numbers");
    }
    geo_err err = geo_number_parse(r->json.slice, r->json.slice_size, 7, &value);
    if (err != GEO_OK || value > max_e7 || value < -(int64_t)max_e7) {
        int shown = r->json.slice_size < 24 ? (int)r->json.slice_size : 24;
        snprintf(what, sizeof what, "has the %s %.*s, which is not within %d", name, shown,
                 r->json.slice, max_e7 / 10000000);
        return fail(r, GEO_RANGE, what);
    }
    *out = (int32_t)value;
    return GEO_OK;
}

/* A position, whose opening bracket has been read. Heights and more are passed over. */
static geo_err read_position(shape_reader *r, geo_point *out)
{
    geo_err err = read_degrees(r, GEO_LON_E7_MAX, "longitude", &out->lon_e7);
    err = err == GEO_OK ? read_degrees(r, GEO_LAT_E7_MAX, "latitude", &out->lat_e7) : err;
    if (err != GEO_OK) {
        return err;
    }
    geo_json_token token;
    while ((token = geo_json_next(&r->json)) == GEO_JSON_NUMBER) {
    }
    return token == GEO_JSON_ARRAY_END
               ? GEO_OK
               : fail(r, GEO_SYNTAX, "has a position that is not just numbers");
}

/* The positions of a line or ring, whose opening bracket has been read. */
static geo_err read_positions(shape_reader *r)
{
    geo_json_token token;
    while ((token = geo_json_next(&r->json)) == GEO_JSON_ARRAY) {
        geo_point vertex;
        geo_err err = read_position(r, &vertex);
        err = err == GEO_OK ? push_vertex(r, vertex) : err;
        if (err != GEO_OK) {
            return err;
        }
    }
    return token == GEO_JSON_ARRAY_END ? GEO_OK
                                       : fail(r, GEO_SYNTAX, "is not an array of positions");
}

static bool same_place(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7;
}

static geo_err read_ring(shape_reader *r)
{
    uint32_t begin = r->out->vertex_count;
    geo_err err = read_positions(r);
    if (err != GEO_OK) {
        return err;
    }
    uint32_t end = r->out->vertex_count;
    if (end - begin < 3) {
        return fail(r, GEO_INVALID, "has fewer than 3 different positions");
    }
    if (same_place(r->out->vertices[begin], r->out->vertices[end - 1])) {
        r->out->vertex_count--;
    } else if (!r->close_rings) {
        return fail(r, GEO_INVALID, "is not closed: its last position is not its first");
    }
    if (r->out->vertex_count - begin < 3) {
        return fail(r, GEO_INVALID, "has fewer than 3 different positions");
    }
    return end_ring(r);
}

/* The rings of a polygon, whose opening bracket has been read. */
static geo_err read_polygon(shape_reader *r)
{
    geo_json_token token;
    r->at.ring = 0;
    while ((token = geo_json_next(&r->json)) == GEO_JSON_ARRAY) {
        geo_err err = read_ring(r);
        if (err != GEO_OK) {
            return err;
        }
        r->at.ring++;
    }
    if (token != GEO_JSON_ARRAY_END) {
        return fail(r, GEO_SYNTAX, "is not an array of positions");
    }
    return r->at.ring > 0 ? GEO_OK : fail(r, GEO_INVALID, "is missing: the polygon is empty");
}

static geo_err read_multipolygon(shape_reader *r)
{
    geo_json_token token;
    r->at.multi = true;
    while ((token = geo_json_next(&r->json)) == GEO_JSON_ARRAY) {
        geo_err err = read_polygon(r);
        if (err != GEO_OK) {
            return err;
        }
        r->at.polygon++;
    }
    if (token != GEO_JSON_ARRAY_END) {
        return fail(r, GEO_SYNTAX, "is not an array of polygons");
    }
    return r->at.polygon > 0 ? GEO_OK
                             : fail(r, GEO_INVALID, "is missing: the multipolygon is empty");
}

/* radius_m or width_m, which the kind of geometry needs. */
static geo_err read_size(shape_reader *r, const member *size)
{
    int64_t size_cm = 0;
    geo_err err = member_number(size, 2, 1, GEO_RADIUS_CM_MAX, &size_cm);
    if (err != GEO_OK || size_cm == 0) {
        return geo_why_set(r->why, err == GEO_OK ? GEO_INVALID : err,
                           "%s must be a number of metres, above 0 and at most %d", size->name,
                           GEO_RADIUS_CM_MAX / 100);
    }
    r->out->size_cm = (uint32_t)size_cm;
    return GEO_OK;
}

static geo_err read_circle(shape_reader *r, const member *radius)
{
    geo_point center;
    geo_err err = read_position(r, &center);
    err = err == GEO_OK ? push_vertex(r, center) : err;
    err = err == GEO_OK ? end_ring(r) : err;
    return err == GEO_OK ? read_size(r, radius) : err;
}

static geo_err read_corridor(shape_reader *r, const member *width)
{
    geo_err err = read_positions(r);
    if (err == GEO_OK && r->out->vertex_count < 2) {
        err = fail(r, GEO_INVALID, "has fewer than 2 positions");
    }
    err = err == GEO_OK ? end_ring(r) : err;
    return err == GEO_OK ? read_size(r, width) : err;
}

#define NO_GEOMETRY "the geometry is not an object with a \"type\""

geo_err read_geometry(geo_json json, const geo_geojson_options *options, const member *radius,
                      const member *width, geo_feature *out, geo_why *why)
{
    member members[] = {{.name = "type"}, {.name = "coordinates"}};
    char type[32];
    geo_err err = find_members(&json, members, 2, NO_GEOMETRY, why);
    if (err != GEO_OK) {
        return err;
    }
    if (!members[0].found || member_text(&members[0], type, sizeof type) != GEO_OK) {
        return geo_why_set(why, GEO_SYNTAX, NO_GEOMETRY);
    }
    shape_reader r = {
        .json = members[1].value, .close_rings = options->close_rings, .out = out, .why = why};
    bool point = strcmp(type, "Point") == 0;
    bool line = strcmp(type, "LineString") == 0;
    bool polygon = strcmp(type, "Polygon") == 0;
    if (!point && !line && !polygon && strcmp(type, "MultiPolygon") != 0) {
        return geo_why_set(why, GEO_INVALID,
                           "a geometry of type %s cannot be a fence; Polygon, MultiPolygon, Point "
                           "with radius_m and LineString with width_m can",
                           type);
    }
    if (!members[1].found || geo_json_next(&r.json) != GEO_JSON_ARRAY) {
        return geo_why_set(why, GEO_SYNTAX, "the geometry has no array \"coordinates\"");
    }
    out->kind = point ? GEO_FEATURE_CIRCLE : line ? GEO_FEATURE_CORRIDOR : GEO_FEATURE_POLYGON;
    if (point) {
        return read_circle(&r, radius);
    }
    if (line) {
        return read_corridor(&r, width);
    }
    return polygon ? read_polygon(&r) : read_multipolygon(&r);
}
