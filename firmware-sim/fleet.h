/* fleet.h - the animals and vehicles of a scenario, and the fixes that their collars tell.
 *
 * One scenario and one start give one sequence of fixes, on every machine: all arithmetic is
 * integers and the operations that IEEE 754 fixes. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "scenario.h"

/* A fix as its device told it. */
typedef struct sim_fix {
    uint32_t device; /* index in the fleet */
    hr_fix fix;      /* its field device is not set */
} sim_fix;

/* Opaque. Threads: one. */
typedef struct sim_fleet sim_fleet;

/* Borrows the scenario. The first device tells its first fix at start_ms. NULL without memory. */
sim_fleet *sim_fleet_new(const sim_scenario *scenario, int64_t start_ms);
void sim_fleet_free(sim_fleet *fleet);

uint32_t sim_fleet_size(const sim_fleet *fleet);

/* The device's id; written into text. */
void sim_fleet_id(const sim_fleet *fleet, uint32_t device, char text[HR_DEVICE_ID_MAX + 1]);

/* When the next fix is due, in the scenario's time. */
int64_t sim_fleet_due_ms(const sim_fleet *fleet);

/* Let the next device live on until its turn and tell. Usually one fix; none when it hears no
 * satellites, or keeps the fix until its next turn; up to SIM_FIXES_AT_ONCE otherwise. */
#define SIM_FIXES_AT_ONCE 4
unsigned sim_fleet_next(sim_fleet *fleet, sim_fix out[SIM_FIXES_AT_ONCE]);

/* Where an animal really is, for tests. */
sim_point sim_fleet_where(const sim_fleet *fleet, uint32_t device);
bool sim_fleet_has_escaped(const sim_fleet *fleet, uint32_t device);

#endif
