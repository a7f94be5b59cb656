/* oracle_area.h - the geometry that TRACKER.md asks for, answered by GEOS.
 *
 * Coordinates are lattice numbers (1e-7 degree) as doubles, so nothing is rounded on the way in. */
#ifndef SIM_ORACLE_AREA_H
#define SIM_ORACLE_AREA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define ORACLE_PIECES_MAX 512 /* of one segment in one area; more are an error of the test */

typedef struct oracle_place {
    int32_t lon_e7;
    int32_t lat_e7;
} oracle_place;

/* A part of a segment, by fractions of its length; a touch has from == to. */
typedef struct oracle_piece {
    double from;
    double to;
} oracle_piece;

/* A closed set of rings, even-odd. Opaque. Threads: one. */
typedef struct oracle_area oracle_area;

void oracle_geos_start(void);
void oracle_geos_stop(void);

/* From `rings_e7` of GET /v1/rules/{v}. NULL for JSON null. */
HR_MUST_USE hr_err oracle_area_new(const cJSON *rings, oracle_area **out, hr_why *why);
void oracle_area_free(oracle_area *area);

/* Boundary included. */
bool oracle_area_covers(const oracle_area *area, oracle_place at);

/* Is anything of the area in the box of both places? False is quick and certain. */
bool oracle_area_is_near(const oracle_area *area, oracle_place a, oracle_place b);

/* From a place to the boundary in metres, in the plane at `plane`. */
double oracle_area_distance_m(const oracle_area *area, oracle_place at, oracle_place plane);

/* The pieces of the segment from a to b within the area, in order; their number. */
unsigned oracle_area_pieces(const oracle_area *area, oracle_place a, oracle_place b,
                            oracle_piece pieces[ORACLE_PIECES_MAX]);

/* A longitude by whole turns: the way from it to another one is the short one; within +-180. */
double oracle_lon_beside(double lon_e7, double other_e7);
double oracle_lon_wrapped(double lon_e7);

/* Metres between two places, in the plane at `plane`. */
double oracle_distance_m(oracle_place a, oracle_place b, oracle_place plane);

#endif
