/* tests/sim/truths.c - lives through the beginning of every shipped scenario and hashes it. */
#include "truths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "firmware-sim/fleet.h"
#include "firmware-sim/scenario.h"

#define START_MS INT64_C(1795161600000)
#define TURNS 30000

/* A scenario that is changed on purpose gets another number here: the one that is printed. */
static const struct {
    const char *name;
    uint64_t hash;
} truths[] = {
    {"availability", UINT64_C(0x2d8251d116f97023)}, {"county", UINT64_C(0xd2bdfa7cf2490806)},
    {"farm-demo", UINT64_C(0xa100517c23b36128)},    {"faults", UINT64_C(0xf4b8aacd4b2b455a)},
    {"footprint", UINT64_C(0x2d8251d116f97023)},    {"latency", UINT64_C(0x26e1b8c15c73560b)},
    {"owntracks", UINT64_C(0xacd16522219b00ae)},    {"pull", UINT64_C(0x052604d11b7b8fa0)},
    {"push", UINT64_C(0x2d8251d116f97023)},         {"scaling-1", UINT64_C(0x136d0766537b50fe)},
    {"scaling-2", UINT64_C(0x2d8251d116f97023)},    {"scaling-4", UINT64_C(0x14897cf0d895cdb6)},
    {"village", UINT64_C(0x25f365b513d3f3c9)},
};

static uint64_t hash_of(const sim_fix *fix, uint64_t hash)
{
    uint8_t bytes[HR_FIX_BYTES];
    hr_fix of_device = fix->fix;
    of_device.device = fix->device;
    hr_fix_store(bytes, &of_device);
    return hr_hash64_seeded(bytes, sizeof bytes, hash);
}

static uint64_t live_through(const sim_scenario *scenario)
{
    sim_fleet *fleet = sim_fleet_new(scenario, START_MS);
    uint64_t hash = 0;
    for (unsigned i = 0; i < TURNS && fleet != NULL; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        unsigned count = sim_fleet_next(fleet, fixes);
        for (unsigned k = 0; k < count; k++) {
            hash = hash_of(&fixes[k], hash);
        }
    }
    sim_fleet_free(fleet);
    return hash;
}

static uint64_t known_hash(const char *name)
{
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        if (strcmp(truths[i].name, name) == 0) {
            return truths[i].hash;
        }
    }
    return 0;
}

bool truths_are_right(void)
{
    bool are_right = true;
    const char *name;
    for (size_t i = 0; (name = sim_scenario_name(i)) != NULL; i++) {
        sim_scenario *scenario = NULL;
        hr_why why = {""};
        const char *text = sim_scenario_shipped(name);
        if (sim_scenario_parse(name, text, strlen(text), &scenario, &why) != HR_OK) {
            printf("%s: %s\n", name, why.text);
            return false;
        }
        uint64_t hash = live_through(scenario);
        if (hash != known_hash(name)) {
            printf("    {\"%s\", UINT64_C(0x%016" PRIx64 ")},\n", name, hash);
            are_right = false;
        }
        sim_scenario_free(scenario);
    }
    return are_right;
}
