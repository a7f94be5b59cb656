/* plane.h - metres around an origin, and sines that are the same on every machine. */
#ifndef SIM_PLANE_H
#define SIM_PLANE_H

#include <stdint.h>

/* A flat piece of the world: good for some tens of kilometres. Plain values. */
typedef struct sim_plane {
    double lon_e7;
    double lat_e7;
    double lon_e7_per_m;
    double lat_e7_per_m;
} sim_plane;

typedef struct sim_point {
    double x_m; /* east of the origin */
    double y_m; /* north of it */
} sim_point;

/* The C library's sines differ in the last bit from machine to machine; these use only what
 * IEEE 754 fixes. The angle is in turns: 1 is a full circle. Error below 1e-7. */
double sim_sin(double turns);
double sim_cos(double turns);

void sim_plane_init(sim_plane *plane, double lon_deg, double lat_deg);

/* The nearest lattice point (1e-7 degree), kept within +-180 and +-90 degrees. */
void sim_plane_place(const sim_plane *plane, sim_point at, int32_t *lon_e7, int32_t *lat_e7);

#endif
