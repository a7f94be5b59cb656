/* geo/metric.h - "farther than", decided by integers alone.
 *
 * The metric is a plane at one point: x = dlon * c by the short way round, y = dlat, in lattice
 * units, where c is a checked-in cosine of the point's latitude rounded to 0.01 degree. One unit of
 * y is 0.0111319491 m. "Farther" is strict. */
#ifndef GEO_METRIC_H
#define GEO_METRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/area.h"
#include "geo/point.h"

#define GEO_METRIC_UM_PER_DM 100000
#define GEO_METRIC_M_PER_E7 0.0111319491 /* one lattice unit of latitude */

/* Whether two points lie farther apart than a limit in micrometres, in the plane at newer. A speed
 * in mm/s times a time in ms is such a limit; so is GEO_METRIC_UM_PER_DM times an accuracy. */
bool geo_metric_farther_than(geo_point older, geo_point newer, uint64_t limit_um);

/* Whether point lies farther from the boundary of area than an accuracy, in the plane at point.
 * With an accuracy of 0: whether it is not on the boundary. A seam at +-180 degrees, where the area
 * goes on at the other side, is no boundary. Looks at every edge, but most of them only in passing.
 */
bool geo_boundary_farther(const geo_area *area, geo_point point, uint32_t accuracy_dm);

#endif
