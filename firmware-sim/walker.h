/* walker.h - how one animal or vehicle moves. */
#ifndef SIM_WALKER_H
#define SIM_WALKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "scenario.h"

typedef enum walker_bout {
    WALKER_REST,
    WALKER_GRAZE,
    WALKER_WALK,
} walker_bout;

/* Plain values; the fence or route is borrowed from the scenario. */
typedef struct walker {
    hr_random random;
    const sim_fence *home;  /* NULL: a vehicle */
    const sim_route *route; /* NULL: an animal */
    uint64_t herd_seed;     /* where the herd wanders is a function of it and of time */
    sim_point at;
    sim_point apart; /* where it likes to be, from the herd's middle */
    double heading_turns;
    double speed_mps;
    double bout_left_s;
    double free_left_s; /* of an escape */
    walker_bout bout;
    bool is_free;
    uint32_t leg; /* of a vehicle: the point it left */
    bool is_returning;
} walker;

void walker_init_animal(walker *w, const sim_fence *home, uint64_t seed, uint32_t herd,
                        uint64_t fleet_seed);
void walker_init_vehicle(walker *w, const sim_route *route, uint64_t seed);

/* step_s more seconds, up to now_ms. */
void walker_live(walker *w, double step_s, int64_t now_ms);

/* From now on it makes for the fence, and through it. */
void walker_break_out(walker *w);

/* Is a point within a polygon; points on the line may be either. */
bool walker_is_within(const sim_fence *fence, sim_point at);

#endif
