/* geo/geojson_private.h - the halves of the GeoJSON reader; for geo/geojson*.c only. */
#ifndef GEO_GEOJSON_PRIVATE_H
#define GEO_GEOJSON_PRIVATE_H

#include "geo/geojson.h"
#include "geo/json_number.h"

/* A member of an object: where its value stands, if it is there. */
typedef struct member {
    const char *name;
    bool found;
    geo_json value;
} member;

/* Read an object whose opening token comes next, and note where the named members are.
 * GEO_SYNTAX: it is not an object; why says what is given here. GEO_INVALID: one of them is there
 * twice, of which some readers of the same text would take the first and others the last. */
GEO_MUST_USE geo_err find_members(geo_json *json, member *members, size_t count,
                                  const char *no_object, geo_why *why);

/* The value as text; "" when absent or null. GEO_SYNTAX: something else; GEO_TOO_BIG. */
GEO_MUST_USE geo_err member_text(const member *m, char *text, size_t size);

/* The value in units of 10^-scale, 0 when absent or null. GEO_SYNTAX, GEO_RANGE. */
GEO_MUST_USE geo_err member_number(const member *m, unsigned scale, int64_t min, int64_t max,
                                   int64_t *value);
GEO_MUST_USE geo_err member_bool(const member *m, bool *value);

/* All properties but radius_m and width_m, whose members the geometry looks at. */
GEO_MUST_USE geo_err read_properties(geo_json json, const geo_geojson_options *options,
                                     geo_feature *out, member *radius, member *width, geo_why *why);

/* A geometry object into the feature's vertices. */
GEO_MUST_USE geo_err read_geometry(geo_json json, const geo_geojson_options *options,
                                   const member *radius, const member *width, geo_feature *out,
                                   geo_why *why);

#endif
