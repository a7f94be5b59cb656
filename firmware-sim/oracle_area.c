/* oracle_area.c - areas as GEOS sees them: every predicate and every distance is GEOS's own. */
#include "oracle_area.h"

#include <geos_c.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_M 0.0111319491
#define LON_SEAM_E7 1800000000.0
#define TURN_E7 3600000000.0
#define SAME_FRACTION 1e-12 /* cuts closer than this are one cut, met by two edges */
#define CUTS_MAX (2 * ORACLE_PIECES_MAX)
#define PI 3.14159265358979323846

typedef struct ring {
    uint32_t count; /* of vertices; the first is not repeated */
    double *xy;
    GEOSGeometry *polygon;
    const GEOSPreparedGeometry *prepared;
    GEOSGeometry *line;
    bool has_seam;
    double min_x, min_y, max_x, max_y;
} ring;

struct oracle_area {
    uint32_t ring_count;
    ring *rings;
};

static void on_message(const char *message, void *context)
{
    (void)context;
    fprintf(stderr, "hedgerow-oracle: GEOS: %s\n", message);
}

static GEOSContextHandle_t geos;

void oracle_geos_start(void)
{
    geos = GEOS_init_r();
    GEOSContext_setErrorMessageHandler_r(geos, on_message, NULL);
}

void oracle_geos_stop(void)
{
    GEOS_finish_r(geos);
}

/* A line through the vertices, each moved and stretched; closed if asked. */
static GEOSGeometry *line_of(const double *xy, uint32_t count, bool is_closed, double dx, double dy,
                             double stretch)
{
    uint32_t size = count + (is_closed ? 1 : 0);
    GEOSCoordSequence *sequence = GEOSCoordSeq_create_r(geos, size, 2);
    for (uint32_t i = 0; i < size; i++) {
        const double *at = &xy[(i % count) * 2];
        GEOSCoordSeq_setXY_r(geos, sequence, i, (at[0] - dx) * stretch, at[1] - dy);
    }
    return GEOSGeom_createLineString_r(geos, sequence);
}

static GEOSGeometry *point_of(double x, double y)
{
    GEOSCoordSequence *sequence = GEOSCoordSeq_create_r(geos, 1, 2);
    GEOSCoordSeq_setXY_r(geos, sequence, 0, x, y);
    return GEOSGeom_createPoint_r(geos, sequence);
}

/* ---- making ---- */

static void find_box(ring *r)
{
    r->min_x = r->max_x = r->xy[0];
    r->min_y = r->max_y = r->xy[1];
    for (uint32_t i = 0; i < r->count; i++) {
        const double *at = &r->xy[i * 2];
        const double *next = &r->xy[(i + 1) % r->count * 2];
        r->min_x = fmin(r->min_x, at[0]);
        r->max_x = fmax(r->max_x, at[0]);
        r->min_y = fmin(r->min_y, at[1]);
        r->max_y = fmax(r->max_y, at[1]);
        r->has_seam |= fabs(at[0]) == LON_SEAM_E7 && fabs(next[0]) == LON_SEAM_E7;
    }
}

static bool read_ring(const cJSON *json, ring *r)
{
    int count = cJSON_GetArraySize(json);
    r->xy = count >= 3 ? malloc((size_t)count * 2 * sizeof *r->xy) : NULL;
    if (r->xy == NULL) {
        return false;
    }
    const cJSON *vertex;
    cJSON_ArrayForEach(vertex, json)
    {
        const cJSON *x = cJSON_GetArrayItem(vertex, 0);
        const cJSON *y = cJSON_GetArrayItem(vertex, 1);
        if (!cJSON_IsNumber(x) || !cJSON_IsNumber(y)) {
            return false;
        }
        r->xy[r->count * 2] = x->valuedouble;
        r->xy[r->count * 2 + 1] = y->valuedouble;
        r->count++;
    }
    find_box(r);
    r->line = line_of(r->xy, r->count, true, 0, 0, 1);
    GEOSGeometry *shell = GEOSGeom_createLinearRing_r(
        geos, GEOSCoordSeq_clone_r(geos, GEOSGeom_getCoordSeq_r(geos, r->line)));
    r->polygon = shell != NULL ? GEOSGeom_createPolygon_r(geos, shell, NULL, 0) : NULL;
    r->prepared = r->polygon != NULL ? GEOSPrepare_r(geos, r->polygon) : NULL;
    return r->prepared != NULL;
}

hr_err oracle_area_new(const cJSON *rings, oracle_area **out, hr_why *why)
{
    if (cJSON_IsNull(rings)) {
        *out = NULL;
        return HR_OK;
    }
    oracle_area *area = calloc(1, sizeof *area);
    uint32_t count = (uint32_t)cJSON_GetArraySize(rings);
    if (area != NULL) {
        area->rings = calloc(count > 0 ? count : 1, sizeof *area->rings);
    }
    if (area == NULL || area->rings == NULL) {
        oracle_area_free(area);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    const cJSON *json;
    cJSON_ArrayForEach(json, rings)
    {
        if (!read_ring(json, &area->rings[area->ring_count++])) {
            oracle_area_free(area);
            return hr_why_set(why, HR_INVALID, "a ring of the rules is none");
        }
    }
    *out = area;
    return HR_OK;
}

void oracle_area_free(oracle_area *area)
{
    if (area == NULL) {
        return;
    }
    for (uint32_t i = 0; i < area->ring_count && area->rings != NULL; i++) {
        ring *r = &area->rings[i];
        if (r->prepared != NULL) {
            GEOSPreparedGeom_destroy_r(geos, r->prepared);
        }
        if (r->polygon != NULL) {
            GEOSGeom_destroy_r(geos, r->polygon);
        }
        if (r->line != NULL) {
            GEOSGeom_destroy_r(geos, r->line);
        }
        free(r->xy);
    }
    free(area->rings);
    free(area);
}

/* ---- longitudes go round ---- */

double oracle_lon_beside(double lon_e7, double other_e7)
{
    double gap = lon_e7 - other_e7;
    return gap > LON_SEAM_E7 ? lon_e7 - TURN_E7 : gap < -LON_SEAM_E7 ? lon_e7 + TURN_E7 : lon_e7;
}

double oracle_lon_wrapped(double lon_e7)
{
    return oracle_lon_beside(lon_e7, 0);
}

/* A ring also stands a turn to the west and to the east of where it is written. */
static bool is_beside(const ring *r, double turn, double west, double east)
{
    return east + turn >= r->min_x && west + turn <= r->max_x;
}

/* ---- asking ---- */

static bool covers(const oracle_area *area, double x, double y)
{
    bool is_in = false;
    GEOSGeometry *point = NULL;
    for (uint32_t i = 0; i < area->ring_count; i++) {
        const ring *r = &area->rings[i];
        if (x < r->min_x || x > r->max_x || y < r->min_y || y > r->max_y) {
            continue;
        }
        point = point != NULL ? point : point_of(x, y);
        if (GEOSPreparedContains_r(geos, r->prepared, point) == 1) {
            is_in = !is_in;
        } else if (GEOSPreparedIntersects_r(geos, r->prepared, point) == 1) {
            is_in = true; /* on the line, which belongs to the area */
            break;
        }
    }
    if (point != NULL) {
        GEOSGeom_destroy_r(geos, point);
    }
    return is_in;
}

bool oracle_area_covers(const oracle_area *area, oracle_place at)
{
    return covers(area, at.lon_e7, at.lat_e7);
}

bool oracle_area_is_near(const oracle_area *area, oracle_place a, oracle_place b)
{
    double to = oracle_lon_beside(b.lon_e7, a.lon_e7);
    double west = fmin(a.lon_e7, to), east = fmax(a.lon_e7, to);
    for (uint32_t i = 0; i < area->ring_count; i++) {
        const ring *r = &area->rings[i];
        bool is_in_rows =
            fmax(a.lat_e7, b.lat_e7) >= r->min_y && fmin(a.lat_e7, b.lat_e7) <= r->max_y;
        for (double turn = -TURN_E7; is_in_rows && turn <= TURN_E7; turn += TURN_E7) {
            if (is_beside(r, turn, west, east)) {
                return true;
            }
        }
    }
    return false;
}

/* TRACKER.md, Metric: the cosine of the latitude to 0.01 degree, to 1/65536. */
static double stretch_at(oracle_place plane)
{
    double hundredths = round(plane.lat_e7 / 100000.0);
    return round(65536.0 * cos(hundredths / 100.0 * (PI / 180.0))) / 65536.0;
}

double oracle_distance_m(oracle_place a, oracle_place b, oracle_place plane)
{
    double dx = (oracle_lon_beside(a.lon_e7, b.lon_e7) - b.lon_e7) * stretch_at(plane);
    double dy = (double)a.lat_e7 - b.lat_e7;
    return sqrt(dx * dx + dy * dy) * UNIT_M;
}

static double ring_distance(const ring *r, const GEOSGeometry *origin, double lon_e7, double lat_e7,
                            double stretch)
{
    double least = INFINITY, distance = INFINITY;
    if (!r->has_seam) {
        GEOSGeometry *line = line_of(r->xy, r->count, true, lon_e7, lat_e7, stretch);
        GEOSDistance_r(geos, line, origin, &least);
        GEOSGeom_destroy_r(geos, line);
        return least;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t next = (i + 1) % r->count;
        double edge[4] = {r->xy[i * 2], r->xy[i * 2 + 1], r->xy[next * 2], r->xy[next * 2 + 1]};
        if (fabs(edge[0]) == LON_SEAM_E7 && fabs(edge[2]) == LON_SEAM_E7) {
            continue;
        }
        GEOSGeometry *line = line_of(edge, 2, false, lon_e7, lat_e7, stretch);
        GEOSDistance_r(geos, line, origin, &distance);
        GEOSGeom_destroy_r(geos, line);
        least = fmin(least, distance);
    }
    return least;
}

double oracle_area_distance_m(const oracle_area *area, oracle_place at, oracle_place plane)
{
    double stretch = stretch_at(plane);
    double least = INFINITY;
    GEOSGeometry *origin = point_of(0, 0);
    for (uint32_t i = 0; i < area->ring_count; i++) {
        const ring *r = &area->rings[i];
        for (double turn = -TURN_E7; turn <= TURN_E7; turn += TURN_E7) {
            if (is_beside(r, turn, at.lon_e7 - LON_SEAM_E7, at.lon_e7 + LON_SEAM_E7)) {
                least = fmin(least, ring_distance(r, origin, at.lon_e7 + turn, at.lat_e7, stretch));
            }
        }
    }
    GEOSGeom_destroy_r(geos, origin);
    return least * UNIT_M;
}

/* ---- pieces of a segment ---- */

/* A place on the segment that is in the area for certain, and whether the line goes on within the
 * boundary up to the next one. */
typedef struct cut {
    double at;
    bool runs_along;
} cut;

typedef struct cuts {
    double from_x, from_y;
    double to_x, to_y; /* the short way: to_x may lie beyond +-180 */
    unsigned count;
    cut all[CUTS_MAX];
} cuts;

static double fraction_of(const cuts *c, double x, double y)
{
    double dx = c->to_x - c->from_x;
    double dy = c->to_y - c->from_y;
    return fabs(dx) >= fabs(dy) ? (x - c->from_x) / dx : (y - c->from_y) / dy;
}

static void add_cut(cuts *c, double at, bool runs_along)
{
    if (c->count < CUTS_MAX) {
        c->all[c->count++] = (cut){fmin(fmax(at, 0), 1), runs_along};
    }
}

/* Points and lines in which the segment meets a ring. */
static void add_meeting(cuts *c, const GEOSGeometry *meeting, double turn)
{
    int parts = GEOSGetNumGeometries_r(geos, meeting);
    for (int i = 0; i < parts; i++) {
        const GEOSGeometry *part = GEOSGetGeometryN_r(geos, meeting, i);
        int type = GEOSGeomTypeId_r(geos, part);
        if (GEOSisEmpty_r(geos, part) == 1 || (type != GEOS_POINT && type != GEOS_LINESTRING)) {
            continue;
        }
        const GEOSCoordSequence *sequence = GEOSGeom_getCoordSeq_r(geos, part);
        unsigned size = 0;
        double x, y, least = 2, most = -1;
        GEOSCoordSeq_getSize_r(geos, sequence, &size);
        for (unsigned k = 0; k < size; k++) {
            GEOSCoordSeq_getXY_r(geos, sequence, k, &x, &y);
            least = fmin(least, fraction_of(c, x - turn, y));
            most = fmax(most, fraction_of(c, x - turn, y));
        }
        add_cut(c, least, type == GEOS_LINESTRING);
        if (type == GEOS_LINESTRING) {
            add_cut(c, most, false);
        }
    }
}

static int by_place(const void *a, const void *b)
{
    double x = ((const cut *)a)->at, y = ((const cut *)b)->at;
    return (x > y) - (x < y);
}

static void find_cuts(const oracle_area *area, cuts *c)
{
    double ends[4] = {c->from_x, c->from_y, c->to_x, c->to_y};
    for (double turn = -TURN_E7; turn <= TURN_E7; turn += TURN_E7) {
        GEOSGeometry *segment = line_of(ends, 2, false, -turn, 0, 1);
        for (uint32_t i = 0; i < area->ring_count; i++) {
            const ring *r = &area->rings[i];
            GEOSGeometry *meeting =
                is_beside(r, turn, fmin(c->from_x, c->to_x), fmax(c->from_x, c->to_x))
                    ? GEOSIntersection_r(geos, segment, r->line)
                    : NULL;
            if (meeting != NULL) {
                add_meeting(c, meeting, turn);
                GEOSGeom_destroy_r(geos, meeting);
            }
        }
        GEOSGeom_destroy_r(geos, segment);
    }
    if (covers(area, c->from_x, c->from_y)) {
        add_cut(c, 0, false);
    }
    if (covers(area, oracle_lon_wrapped(c->to_x), c->to_y)) {
        add_cut(c, 1, false);
    }
    qsort(c->all, c->count, sizeof c->all[0], by_place);
}

unsigned oracle_area_pieces(const oracle_area *area, oracle_place a, oracle_place b,
                            oracle_piece pieces[ORACLE_PIECES_MAX])
{
    cuts c = {.from_x = a.lon_e7,
              .from_y = a.lat_e7,
              .to_x = oracle_lon_beside(b.lon_e7, a.lon_e7),
              .to_y = b.lat_e7};
    if (a.lon_e7 == b.lon_e7 && a.lat_e7 == b.lat_e7) {
        pieces[0] = (oracle_piece){0, 1};
        return oracle_area_covers(area, a) ? 1 : 0;
    }
    find_cuts(area, &c);
    unsigned count = 0;
    bool goes_on = false; /* from the cut before to this one */
    for (unsigned i = 0; i < c.count; i++) {
        if (!goes_on) {
            pieces[count++] = (oracle_piece){c.all[i].at, c.all[i].at};
        }
        pieces[count - 1].to = c.all[i].at;
        if (i + 1 < c.count && count < ORACLE_PIECES_MAX) {
            double middle = (c.all[i].at + c.all[i + 1].at) / 2.0;
            double x = oracle_lon_wrapped(c.from_x + middle * (c.to_x - c.from_x));
            double y = c.from_y + middle * (c.to_y - c.from_y);
            goes_on = c.all[i].runs_along || c.all[i + 1].at - c.all[i].at < SAME_FRACTION ||
                      covers(area, x, y);
        }
    }
    return count;
}
