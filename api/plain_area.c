/* api/plain_area.c - one pass over the text, then every pair of edges. */
#include "plain_area.h"

#include <stdbool.h>
#include <string.h>

#include "geo/predicate.h"

#define WHOLE_DIGITS_MAX 3
#define PLACES 7 /* of a lattice coordinate; a number with more needs rounding */
#define WIDTH_E7_MAX                                                                               \
    INT64_C(1799999999) /* wider, and neighbours may be meant the other way round */

/* Where a reader stands. Every step says whether what it wants is there. */
typedef struct reader {
    const char *at;
    const char *end;
} reader;

static void pass_blanks(reader *r)
{
    while (r->at < r->end &&
           (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) {
        r->at++;
    }
}

static bool take(reader *r, char wanted)
{
    pass_blanks(r);
    if (r->at == r->end || *r->at != wanted) {
        return false;
    }
    r->at++;
    return true;
}

static bool take_text(reader *r, const char *wanted, size_t size)
{
    if (!take(r, '"') || (size_t)(r->end - r->at) < size || memcmp(r->at, wanted, size) != 0) {
        return false;
    }
    r->at += size;
    return true;
}

/* So many digits at most; returns how many there are. */
static int take_digits(reader *r, int count_max, int32_t *value)
{
    int count = 0;
    for (; count < count_max && r->at < r->end && *r->at >= '0' && *r->at <= '9'; count++) {
        *value = *value * 10 + (*r->at++ - '0');
    }
    return count;
}

static bool take_degrees(reader *r, int32_t max_e7, int32_t *value_e7)
{
    static const int32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    bool is_negative = take(r, '-');
    int32_t whole = 0;
    int32_t part = 0;
    int places = 0;
    const char *first = r->at;
    int count = take_digits(r, WHOLE_DIGITS_MAX, &whole);
    if (count == 0 || (count > 1 && *first == '0') || whole > max_e7 / tens[PLACES]) {
        return false;
    }
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        places = take_digits(r, PLACES, &part);
        if (places == 0) {
            return false;
        }
    }
    int32_t e7 = whole * tens[PLACES] + part * tens[PLACES - places];
    *value_e7 = is_negative ? -e7 : e7;
    /* More digits, or an exponent: whoever wants a comma or a bracket next will not find it. */
    return e7 < max_e7;
}

static bool take_vertex(reader *r, geo_point *vertex)
{
    return take(r, '[') && take_degrees(r, GEO_LON_E7_MAX, &vertex->lon_e7) && take(r, ',') &&
           take_degrees(r, GEO_LAT_E7_MAX, &vertex->lat_e7) && take(r, ']');
}

/* A closed ring alone in its polygon; its last vertex is left out. 0: it is not. */
static uint32_t take_coordinates(reader *r, geo_point *ring)
{
    uint32_t count = 0;
    if (!take(r, '[') || !take(r, '[')) {
        return 0;
    }
    do {
        if (count > PLAIN_AREA_VERTICES_MAX || !take_vertex(r, &ring[count])) {
            return 0;
        }
        count++;
    } while (take(r, ','));
    const geo_point *last = &ring[count - 1];
    bool is_closed = count > 3 && ring[0].lon_e7 == last->lon_e7 && ring[0].lat_e7 == last->lat_e7;
    return take(r, ']') && take(r, ']') && is_closed ? count - 1 : 0;
}

static bool take_type(reader *r)
{
    return take_text(r, "type\"", 5) && take(r, ':') && take_text(r, "Polygon\"", 8);
}

static uint32_t take_ring(reader *r, geo_point *ring)
{
    reader before = *r;
    uint32_t count = 0;
    if (take_type(r)) {
        count = take(r, ',') && take_text(r, "coordinates\"", 12) && take(r, ':')
                    ? take_coordinates(r, ring)
                    : 0;
    } else {
        *r = before;
        count = take_text(r, "coordinates\"", 12) && take(r, ':') ? take_coordinates(r, ring) : 0;
        count = take(r, ',') && take_type(r) ? count : 0;
    }
    return count;
}

/* No two edges have a point in common but for the corner between neighbours, and every vertex is a
 * corner: then nobody has any doubt about what is inside. */
static bool is_simple(const geo_point *ring, uint32_t count)
{
    int64_t west = ring[0].lon_e7;
    int64_t east = west;
    for (uint32_t i = 0; i < count; i++) {
        geo_point a = ring[i];
        geo_point b = ring[i + 1 < count ? i + 1 : 0];
        geo_point c = ring[i + 2 < count ? i + 2 : i + 2 - count];
        if (geo_orientation(a, b, c) == 0) {
            return false;
        }
        for (uint32_t j = i + 2; j < count && !(i == 0 && j == count - 1); j++) {
            if (geo_segments_meet(a, b, ring[j], ring[j + 1 < count ? j + 1 : 0]) != GEO_APART) {
                return false;
            }
        }
        west = a.lon_e7 < west ? a.lon_e7 : west;
        east = a.lon_e7 > east ? a.lon_e7 : east;
    }
    return east - west <= WIDTH_E7_MAX;
}

geo_area *plain_area_new(const char *text, size_t size)
{
    geo_point ring[PLAIN_AREA_VERTICES_MAX + 1];
    reader r = {.at = text, .end = text + size};
    uint32_t count = take(&r, '{') ? take_ring(&r, ring) : 0;
    bool is_whole = count > 0 && take(&r, '}');
    geo_area *area = NULL;
    pass_blanks(&r);
    if (!is_whole || r.at != r.end || !is_simple(ring, count) ||
        geo_area_new(ring, &count, 1, &area) != GEO_OK) {
        return NULL;
    }
    return area;
}
