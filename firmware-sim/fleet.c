/* fleet.c - who is in the fleet, whose turn it is, and what the receiver makes of a place. */
#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "replay.h"
#include "walker.h"

#define NOISE_LASTS_S 115.0 /* an error wanders away in the time that satellites take to move */
#define TREES_NOISE 4.0     /* times as bad under trees */
#define TREES_LOSS 0.2      /* of the fixes under trees */
#define OUTLIER_MIN_M 150.0
#define OUTLIER_MAX_M 1500.0
#define OUTLIER_OWNED_UP 0.5 /* outliers whose accuracy admits it */
#define FIRST_ESCAPE_MS 4000
#define DAY_S 86400.0
#define BATTERY_CHANGED_PCT 3.0 /* somebody comes with a full one */

typedef struct device {
    walker walker;
    double noise_x_m;
    double noise_y_m;
    double drift_ppm;
    double battery_pct;
    hr_fix held; /* to be told after the next one */
    bool has_held;
} device;

struct sim_fleet {
    const sim_scenario *scenario;
    int64_t start_ms;
    uint64_t turn; /* of turns: device turn % size, round turn / size */
    int64_t next_escape_ms;
    uint32_t size;
    uint32_t animal_count; /* the first ones; vehicles follow */
    uint32_t *first;       /* per herd, then per route, its first device; and the end */
    double noise_kept;     /* of the error, from fix to fix */
    double noise_fresh;    /* of a new one, so that its size stays the same */
    device *devices;
};

static void place_herds(sim_fleet *fleet)
{
    const sim_scenario *s = fleet->scenario;
    uint32_t at = 0;
    for (uint32_t h = 0; h < s->herd_count; h++) {
        fleet->first[h] = at;
        for (uint32_t i = 0; i < s->herds[h].count; i++, at++) {
            device *d = &fleet->devices[at];
            walker_init_animal(&d->walker, &s->fences[s->herds[h].fence],
                               hr_hash64_seeded(&at, sizeof at, s->seed), h, s->seed);
        }
    }
    fleet->animal_count = at;
    for (uint32_t r = 0; r < s->route_count; r++) {
        fleet->first[s->herd_count + r] = at;
        for (uint32_t i = 0; i < s->routes[r].count; i++, at++) {
            device *d = &fleet->devices[at];
            walker_init_vehicle(&d->walker, &s->routes[r],
                                hr_hash64_seeded(&at, sizeof at, s->seed));
        }
    }
    fleet->first[s->herd_count + s->route_count] = at;
}

sim_fleet *sim_fleet_new(const sim_scenario *scenario, int64_t start_ms)
{
    sim_fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL) {
        return NULL;
    }
    *fleet = (sim_fleet){.scenario = scenario,
                         .start_ms = start_ms,
                         .next_escape_ms = start_ms + FIRST_ESCAPE_MS,
                         .size = scenario->device_count};
    /* Nearly exp(-period / lasts), of operations that give the same bits everywhere. */
    fleet->noise_kept = 1.0 / (1.0 + (double)scenario->period_ms / 1000.0 / NOISE_LASTS_S);
    fleet->noise_fresh = sqrt(1.0 - fleet->noise_kept * fleet->noise_kept);
    size_t groups = (size_t)scenario->herd_count + scenario->route_count + 1;
    fleet->first = calloc(groups, sizeof *fleet->first);
    fleet->devices = calloc(fleet->size, sizeof *fleet->devices);
    if (fleet->first == NULL || fleet->devices == NULL) {
        sim_fleet_free(fleet);
        return NULL;
    }
    place_herds(fleet);
    for (uint32_t i = 0; i < fleet->size; i++) {
        device *d = &fleet->devices[i];
        d->battery_pct = 55.0 + 45.0 * hr_random_unit(&d->walker.random);
        d->drift_ppm = scenario->drift_ppm * (2.0 * hr_random_unit(&d->walker.random) - 1.0);
    }
    return fleet;
}

void sim_fleet_free(sim_fleet *fleet)
{
    if (fleet != NULL) {
        free(fleet->first);
        free(fleet->devices);
        free(fleet);
    }
}

uint32_t sim_fleet_size(const sim_fleet *fleet)
{
    return fleet->size;
}

void sim_fleet_id(const sim_fleet *fleet, uint32_t index, char text[HR_DEVICE_ID_MAX + 1])
{
    const sim_scenario *s = fleet->scenario;
    if (s->replay != NULL) {
        memcpy(text, s->replay->ids[index], HR_DEVICE_ID_MAX + 1);
        return;
    }
    uint32_t low = 0;
    uint32_t high = s->herd_count + s->route_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (fleet->first[middle] <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const char *name =
        low < s->herd_count ? s->herds[low].name : s->routes[low - s->herd_count].name;
    snprintf(text, HR_DEVICE_ID_MAX + 1, "%.48s-%u", name, index - fleet->first[low] + 1);
}

/* Turns of one round are spread evenly over the period. */
static int64_t turn_ms(const sim_fleet *fleet, uint64_t turn)
{
    uint64_t round = turn / fleet->size;
    uint64_t within = turn % fleet->size;
    return fleet->start_ms + (int64_t)(round * fleet->scenario->period_ms +
                                       within * fleet->scenario->period_ms / fleet->size);
}

int64_t sim_fleet_due_ms(const sim_fleet *fleet)
{
    const sim_replay *replay = fleet->scenario->replay;
    if (replay != NULL) {
        return fleet->turn < replay->row_count ? replay->rows[fleet->turn].fix.time_ms : INT64_MAX;
    }
    return turn_ms(fleet, fleet->turn);
}

static bool is_under_trees(const sim_scenario *s, sim_point at)
{
    for (uint32_t i = 0; i < s->trees_count; i++) {
        double dx = at.x_m - s->trees[i].at.x_m;
        double dy = at.y_m - s->trees[i].at.y_m;
        if (dx * dx + dy * dy < s->trees[i].radius_m * s->trees[i].radius_m) {
            return true;
        }
    }
    return false;
}

/* The sum of four uniform numbers is a good bell curve for this purpose: mean 0, deviation 1. */
static double bell(hr_random *random)
{
    uint64_t bits = hr_random_next(random);
    double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                 (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);
    return (sum - 131070.0) * (1.0 / 37837.0);
}

static uint16_t tenths(double metres)
{
    return metres > 6000.0 ? 60000 : (uint16_t)(metres * 10.0 + 0.5);
}

/* What the receiver says: place with its correlated error, and how good it believes that is. */
static void receive(const sim_fleet *fleet, device *d, bool under_trees, hr_fix *fix)
{
    const sim_scenario *s = fleet->scenario;
    hr_random *random = &d->walker.random;
    double noise_m = s->noise_m * (under_trees ? TREES_NOISE : 1.0);
    d->noise_x_m = fleet->noise_kept * d->noise_x_m + fleet->noise_fresh * noise_m * bell(random);
    d->noise_y_m = fleet->noise_kept * d->noise_y_m + fleet->noise_fresh * noise_m * bell(random);
    double accuracy_m = noise_m * (1.2 + 0.8 * hr_random_unit(random));
    sim_point at = {d->walker.at.x_m + d->noise_x_m, d->walker.at.y_m + d->noise_y_m};
    if (s->outlier > 0 && hr_random_unit(random) < s->outlier) {
        double off_m = OUTLIER_MIN_M + (OUTLIER_MAX_M - OUTLIER_MIN_M) * hr_random_unit(random);
        double turns = hr_random_unit(random);
        at.x_m += off_m * sim_sin(turns);
        at.y_m += off_m * sim_cos(turns);
        accuracy_m = hr_random_unit(random) < OUTLIER_OWNED_UP ? off_m : accuracy_m;
    }
    sim_plane_place(&s->plane, at, &fix->lon_e7, &fix->lat_e7);
    fix->accuracy_dm = tenths(accuracy_m);
    fix->speed_cm_s = (uint16_t)(d->walker.speed_mps * 100.0 + 0.5);
    double turns = d->walker.heading_turns;
    fix->heading_cdeg = (uint16_t)(turns * 36000.0);
    fix->heading_cdeg = fix->heading_cdeg < 36000 ? fix->heading_cdeg : 0;
    fix->battery_pct = (uint8_t)d->battery_pct;
}

/* Now and then a device tells a fix after the next one, or twice. */
static unsigned tell(const sim_scenario *s, device *d, uint32_t index, const hr_fix *fix,
                     sim_fix out[SIM_FIXES_AT_ONCE])
{
    unsigned count = 0;
    hr_random *random = &d->walker.random;
    if (!d->has_held && s->faults.late_fix > 0 && hr_random_unit(random) < s->faults.late_fix) {
        d->held = *fix;
        d->has_held = true;
        return 0;
    }
    out[count++] = (sim_fix){index, *fix};
    if (d->has_held) {
        out[count++] = (sim_fix){index, d->held};
        d->has_held = false;
    }
    if (s->faults.repeated_fix > 0 && hr_random_unit(random) < s->faults.repeated_fix) {
        out[count++] = (sim_fix){index, *fix};
    }
    return count;
}

/* Somebody who is in breaks out when it is time. */
static void break_out(sim_fleet *fleet, int64_t now_ms)
{
    const sim_scenario *s = fleet->scenario;
    if (s->escape_s == 0 || fleet->animal_count == 0 || now_ms < fleet->next_escape_ms) {
        return;
    }
    uint64_t salt = (uint64_t)(fleet->next_escape_ms - fleet->start_ms);
    uint64_t pick = hr_hash64_seeded(&salt, sizeof salt, s->seed);
    walker_break_out(&fleet->devices[pick % fleet->animal_count].walker);
    fleet->next_escape_ms += (int64_t)s->escape_s * 1000;
}

static unsigned replay_next(sim_fleet *fleet, sim_fix out[SIM_FIXES_AT_ONCE])
{
    const sim_replay *replay = fleet->scenario->replay;
    if (fleet->turn >= replay->row_count) {
        return 0;
    }
    const sim_replay_row *row = &replay->rows[fleet->turn++];
    out[0] = (sim_fix){row->device, row->fix};
    return 1;
}

unsigned sim_fleet_next(sim_fleet *fleet, sim_fix out[SIM_FIXES_AT_ONCE])
{
    const sim_scenario *s = fleet->scenario;
    if (s->replay != NULL) {
        return replay_next(fleet, out);
    }
    uint32_t index = (uint32_t)(fleet->turn % fleet->size);
    int64_t now_ms = turn_ms(fleet, fleet->turn);
    bool is_first = fleet->turn < fleet->size;
    device *d = &fleet->devices[index];
    fleet->turn++;
    break_out(fleet, now_ms);
    double step_s = is_first ? 0.0 : (double)s->period_ms / 1000.0;
    walker_live(&d->walker, step_s, now_ms);
    d->battery_pct -= step_s * 100.0 / (s->battery_days * DAY_S);
    d->battery_pct = d->battery_pct < BATTERY_CHANGED_PCT ? 100.0 : d->battery_pct;
    bool under_trees = is_under_trees(s, d->walker.at);
    if (under_trees && hr_random_unit(&d->walker.random) < TREES_LOSS) {
        return 0;
    }
    double drift_ms = (double)(now_ms - fleet->start_ms) * d->drift_ppm * 1e-6;
    hr_fix fix = {.time_ms = now_ms + (int64_t)drift_ms};
    receive(fleet, d, under_trees, &fix);
    return tell(s, d, index, &fix, out);
}

sim_point sim_fleet_where(const sim_fleet *fleet, uint32_t index)
{
    return fleet->devices[index].walker.at;
}

bool sim_fleet_has_escaped(const sim_fleet *fleet, uint32_t index)
{
    return fleet->devices[index].walker.is_free;
}
