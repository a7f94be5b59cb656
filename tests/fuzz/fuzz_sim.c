/* tests/fuzz/fuzz_sim.c - any bytes as a scenario, or as recorded tracks; what is accepted lives.
 * The first byte says as which. */
#include <stdint.h>
#include <stdlib.h>

#include "firmware-sim/fleet.h"
#include "firmware-sim/replay.h"

#define TURNS 200
#define DEVICES_MAX 1000 /* larger fleets take too long */
#define START_MS INT64_C(1795161600000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fix(const sim_fix *fix, uint32_t device_count)
{
    if (fix->device >= device_count || fix->fix.lon_e7 < -1800000000 ||
        fix->fix.lon_e7 > 1800000000 || fix->fix.lat_e7 < -900000000 ||
        fix->fix.lat_e7 > 900000000) {
        abort();
    }
}

/* Owns the scenario. */
static void live(sim_scenario *scenario)
{
    if (scenario->device_count <= DEVICES_MAX) {
        sim_fleet *fleet = sim_fleet_new(scenario, START_MS);
        for (int i = 0; i < TURNS && fleet != NULL; i++) {
            sim_fix fixes[SIM_FIXES_AT_ONCE];
            unsigned count = sim_fleet_next(fleet, fixes);
            for (unsigned k = 0; k < count; k++) {
                check_fix(&fixes[k], scenario->device_count);
            }
        }
        sim_fleet_free(fleet);
    }
    sim_scenario_free(scenario);
}

static void replay(const char *path, const char *text, size_t size)
{
    sim_replay *tracks = NULL;
    hr_why why;
    if (sim_replay_parse(path, text, size, &tracks, &why) != HR_OK) {
        return;
    }
    sim_scenario *scenario = sim_scenario_of_replay(tracks);
    if (scenario == NULL) {
        sim_replay_free(tracks);
    } else {
        live(scenario);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    sim_scenario *scenario = NULL;
    hr_why why;
    if (data[0] == 'c') {
        replay("a.csv", text, size - 1);
    } else if (data[0] == 'g') {
        replay("a.gpx", text, size - 1);
    } else if (sim_scenario_parse("a", text, size - 1, &scenario, &why) == HR_OK) {
        live(scenario);
    }
    return 0;
}
