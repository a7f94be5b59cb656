/* scenario.h - what is simulated: a farm, its animals and machines, and what goes wrong.
 *
 * A scenario file has one statement on a line; scenarios/README.md lists them. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "plane.h"

#define SIM_NAME_MAX 64
#define SIM_POINTS_MAX 64       /* of a fence or a route */
#define SIM_FENCES_MAX 100000   /* HR_TOO_BIG above */
#define SIM_HERDS_MAX 100000    /* HR_TOO_BIG above */
#define SIM_DEVICES_MAX 4000000 /* HR_TOO_BIG above */
#define SIM_GATEWAYS_MAX 1024   /* HR_TOO_BIG above */
#define SIM_SCENARIO_BYTES_MAX (1u << 20)
#define SIM_TREES_MAX 32

typedef enum sim_shape {
    SIM_POLYGON,
    SIM_CORRIDOR, /* size_m is its width */
    SIM_CIRCLE,   /* size_m is its radius; one point */
} sim_shape;

typedef struct sim_fence {
    char id[HR_FENCE_ID_MAX + 1];
    char name[SIM_NAME_MAX + 1];
    char intent[12];
    sim_shape shape;
    double size_m;
    uint32_t approach_m; /* 0: none */
    uint32_t dwell_s;    /* 0: none */
    char from[6];        /* "06:00": its daily schedule; "": always */
    char to[6];
    uint32_t point_count;
    sim_point points[SIM_POINTS_MAX];
} sim_fence;

/* Animals that live within a polygon fence. */
typedef struct sim_herd {
    char name[SIM_NAME_MAX + 1]; /* devices are name-1, name-2, ... */
    uint32_t count;
    uint32_t fence; /* index of the fence they live in */
} sim_herd;

/* Vehicles that follow a line to its end and back. */
typedef struct sim_route {
    char name[SIM_NAME_MAX + 1];
    uint32_t count;
    double speed_mps;
    uint32_t point_count;
    sim_point points[SIM_POINTS_MAX];
} sim_route;

typedef struct sim_trees {
    sim_point at;
    double radius_m;
} sim_trees;

/* Chances are parts of 1. */
typedef struct sim_faults {
    double loss;              /* a message that never arrives */
    double duplicate;         /* a message that arrives twice */
    double reorder;           /* a message that arrives after the next one */
    double ack_loss;          /* an acknowledgement that never arrives */
    double late_fix;          /* a fix that its device tells after the next one */
    double repeated_fix;      /* a fix that its device tells twice */
    uint32_t outage_s;        /* how long the uplink of a gateway is away, each time */
    uint32_t outage_every_s;  /* 0: never */
    uint32_t restart_every_s; /* a gateway forgets what it had sent; 0: never */
} sim_faults;

struct sim_replay;

typedef struct sim_scenario {
    uint64_t seed;
    sim_plane plane;
    uint32_t period_ms;  /* between the fixes of a device */
    uint32_t gateways;   /* devices are dealt to them in turn */
    double noise_m;      /* of a fix under open sky */
    double outlier;      /* chance of a fix that is far off */
    double drift_ppm;    /* of the devices' clocks, at most */
    double battery_days; /* a full one lasts so long */
    uint32_t escape_s;   /* somebody breaks out so often; 0: never */
    sim_faults faults;
    sim_fence *fences;
    uint32_t fence_count;
    sim_herd *herds;
    uint32_t herd_count;
    sim_route *routes;
    uint32_t route_count;
    sim_trees trees[SIM_TREES_MAX];
    uint32_t trees_count;
    uint32_t device_count;
    struct sim_replay *replay; /* instead of herds and vehicles; NULL: none */
} sim_scenario;

/* Read a scenario. *out is freed with sim_scenario_free. HR_INVALID: why begins with "file:line: ",
 * and says what would be right. sim_scenario_load takes a file, or the name of a shipped scenario.
 */
HR_MUST_USE hr_err sim_scenario_parse(const char *file, const char *text, size_t size,
                                      sim_scenario **out, hr_why *why);
HR_MUST_USE hr_err sim_scenario_load(const char *path_or_name, sim_scenario **out, hr_why *why);
void sim_scenario_free(sim_scenario *scenario);

/* A scenario of recorded tracks (replay.h), which becomes its owner; NULL without memory. */
sim_scenario *sim_scenario_of_replay(struct sim_replay *replay);

/* The text of scenarios/NAME.scenario, and the names in turn; NULL: there is none. */
#define SIM_DEMO_SCENARIO "farm-demo" /* the farm that ./run shows */
const char *sim_scenario_shipped(const char *name);
const char *sim_scenario_name(size_t index);

/* How the statements of a file are written, in turn; NULL: that is all. */
const char *sim_scenario_usage(size_t index);

#endif
