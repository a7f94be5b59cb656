/* tests/geo/rulebook.h - rule sets written as text, and an index that looks at every fence. */
#ifndef TESTS_GEO_RULEBOOK_H
#define TESTS_GEO_RULEBOOK_H

#include "geo/rules.h"
#include "geo/tracker.h"

/* One metre in lattice units, near latitude 0. */
#define WORLD_METRE 89.831528

geo_point world_point(double x_m, double y_m);

/* Rules from lines "id intent x0 y0 x1 y1 [key=value ...]" in metres: dwell= confirm= expires= on=
 * from-to (seconds, may be repeated) group= name= zone=x0,y0,x1,y1; "device key group..." sets a
 * device's groups, "device key stale=60" its stale time; "settings gap=.. speed=.. accuracy=..
 * stale=.. late=..". Built on top of `base`, whose fences not named here are removed. */
const geo_rules *world_rules(const geo_rules *base, uint64_t version, const char *text);

/* An index over rules by looking at all of them; context is the rules. */
geo_tracker_index world_index(const geo_rules *rules);

/* The hits of a point, into areas; fails the test above capacity. */
size_t world_hits(const geo_rules *rules, geo_point point, uint32_t *areas, size_t capacity);

#endif
