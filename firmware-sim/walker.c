/* walker.c - grazing animals and driving vehicles.
 *
 * An animal has bouts of resting, grazing and walking, whose chances follow the hour; it wanders,
 * keeps near its herd, and turns at the fence, nearly always. */
#include "walker.h"

#include <math.h>

#define STEP_S_MAX 600.0 /* a longer silence is one long step */
#define REST_S_MEAN 1500.0
#define GRAZE_S_MEAN 900.0
#define WALK_S_MEAN 90.0
#define SPREAD_M 45.0        /* of a herd around its middle */
#define HERD_LEG_MS 1200000  /* the middle goes to a new place every 20 minutes */
#define ESCAPE_CHANCE 0.0002 /* that a fence does not stop an animal that walks against it */
#define ESCAPE_S 240.0
#define ESCAPE_MPS 2.2
#define HOUR_MS 3600000

/* Chance of rest and of walking by the hour (UTC); the rest of the day they graze. */
static const uint8_t rest_pct[24] = {85, 88, 88, 80, 55, 25, 15, 15, 20, 30, 40, 45,
                                     45, 40, 35, 25, 15, 15, 15, 20, 35, 55, 70, 80};
static const uint8_t walk_pct[24] = {2, 2, 2, 4,  10, 15, 12, 10, 8, 6, 5, 5,
                                     5, 6, 8, 10, 14, 15, 15, 12, 8, 5, 3, 2};

bool walker_is_within(const sim_fence *fence, sim_point at)
{
    bool is_within = false;
    for (uint32_t i = 0, j = fence->point_count - 1; i < fence->point_count; j = i++) {
        const sim_point *a = &fence->points[i];
        const sim_point *b = &fence->points[j];
        if ((a->y_m > at.y_m) != (b->y_m > at.y_m)) {
            double x = a->x_m + (at.y_m - a->y_m) / (b->y_m - a->y_m) * (b->x_m - a->x_m);
            is_within ^= at.x_m < x;
        }
    }
    return is_within;
}

static sim_point middle_of(const sim_fence *fence)
{
    sim_point sum = {0, 0};
    for (uint32_t i = 0; i < fence->point_count; i++) {
        sum.x_m += fence->points[i].x_m;
        sum.y_m += fence->points[i].y_m;
    }
    return (sim_point){sum.x_m / fence->point_count, sum.y_m / fence->point_count};
}

/* A point of the paddock: a corner drawn towards its middle. */
static sim_point spot_of(const sim_fence *fence, uint64_t bits)
{
    sim_point middle = middle_of(fence);
    const sim_point *corner = &fence->points[bits % fence->point_count];
    double part = (double)(bits >> 32 & 0xffff) / 65536.0 * 0.7;
    return (sim_point){middle.x_m + (corner->x_m - middle.x_m) * part,
                       middle.y_m + (corner->y_m - middle.y_m) * part};
}

/* Where the herd is drawn to at a time: the same for all of its animals. */
static sim_point herd_spot(const walker *w, int64_t now_ms)
{
    uint64_t leg = (uint64_t)(now_ms / HERD_LEG_MS);
    return spot_of(w->home, hr_hash64_seeded(&leg, sizeof leg, w->herd_seed));
}

static double towards(sim_point from, sim_point to)
{
    /* atan2 of the C library differs from machine to machine; eight directions are enough, the
     * wandering blurs them. */
    double dx = to.x_m - from.x_m;
    double dy = to.y_m - from.y_m;
    double ax = dx < 0 ? -dx : dx;
    double ay = dy < 0 ? -dy : dy;
    double eighth = ax + ay > 0 ? (ax < ay ? ax / (ax + ay) : 1.0 - ay / (ax + ay)) : 0.0;
    double quarter = eighth * 0.25; /* from north towards east or west */
    double turns = dy >= 0 ? quarter : 0.5 - quarter;
    return dx >= 0 ? turns : 1.0 - turns;
}

static double wrapped(double turns)
{
    return turns < 0 ? turns + 1.0 : turns >= 1.0 ? turns - 1.0 : turns;
}

static void begin_bout(walker *w, int64_t now_ms)
{
    unsigned hour = (unsigned)((uint64_t)(now_ms / HOUR_MS) % 24);
    uint64_t draw = hr_random_below(&w->random, 100);
    double mean_s = GRAZE_S_MEAN;
    w->bout = WALKER_GRAZE;
    if (draw < rest_pct[hour]) {
        w->bout = WALKER_REST;
        mean_s = REST_S_MEAN;
    } else if (draw < (uint64_t)rest_pct[hour] + walk_pct[hour]) {
        w->bout = WALKER_WALK;
        mean_s = WALK_S_MEAN;
    }
    w->bout_left_s = mean_s * (0.2 + 1.6 * hr_random_unit(&w->random));
}

void walker_init_animal(walker *w, const sim_fence *home, uint64_t seed, uint32_t herd,
                        uint64_t fleet_seed)
{
    *w = (walker){.random = {seed}, .home = home};
    w->herd_seed = hr_hash64_seeded(&herd, sizeof herd, fleet_seed);
    w->apart.x_m = SPREAD_M * (hr_random_unit(&w->random) + hr_random_unit(&w->random) - 1.0);
    w->apart.y_m = SPREAD_M * (hr_random_unit(&w->random) + hr_random_unit(&w->random) - 1.0);
    sim_point spot = spot_of(home, w->herd_seed);
    w->at = (sim_point){spot.x_m + w->apart.x_m, spot.y_m + w->apart.y_m};
    if (!walker_is_within(home, w->at)) {
        w->at = spot;
    }
    w->heading_turns = hr_random_unit(&w->random);
}

void walker_init_vehicle(walker *w, const sim_route *route, uint64_t seed)
{
    *w = (walker){.random = {seed}, .route = route};
    /* Anywhere on the way and in either direction: who began at its corners would drive in convoys,
     * and cross fences at the same moments. */
    uint32_t leg = (uint32_t)hr_random_below(&w->random, route->point_count - 1);
    double part = hr_random_unit(&w->random);
    const sim_point *a = &route->points[leg], *b = &route->points[leg + 1];
    w->at = (sim_point){a->x_m + (b->x_m - a->x_m) * part, a->y_m + (b->y_m - a->y_m) * part};
    w->is_returning = hr_random_below(&w->random, 2) == 1;
    w->leg = w->is_returning ? leg + 1 : leg;
}

void walker_break_out(walker *w)
{
    if (w->home != NULL && !w->is_free) {
        /* Near the fence to begin with: who escapes has been standing there for a while. */
        sim_point middle = middle_of(w->home);
        const sim_point *a = &w->home->points[0];
        const sim_point *b = &w->home->points[1];
        sim_point gate = {(a->x_m + b->x_m) / 2.0, (a->y_m + b->y_m) / 2.0};
        w->heading_turns = towards(middle, gate);
        w->is_free = true;
        w->free_left_s = ESCAPE_S;
        w->at.x_m = gate.x_m + (middle.x_m - gate.x_m) * 0.03;
        w->at.y_m = gate.y_m + (middle.y_m - gate.y_m) * 0.03;
    }
}

/* Outside, an animal strays for a while and then goes home. */
static void stray(walker *w, double step_s)
{
    w->free_left_s -= step_s;
    w->speed_mps = w->free_left_s > ESCAPE_S / 2.0 ? ESCAPE_MPS : 1.0;
    if (w->free_left_s < ESCAPE_S / 2.0) {
        w->heading_turns = towards(w->at, middle_of(w->home));
    } else {
        w->heading_turns = wrapped(w->heading_turns + 0.03 * (hr_random_unit(&w->random) - 0.5));
    }
    w->at.x_m += w->speed_mps * step_s * sim_sin(w->heading_turns);
    w->at.y_m += w->speed_mps * step_s * sim_cos(w->heading_turns);
    if (w->free_left_s < ESCAPE_S / 2.0 && walker_is_within(w->home, w->at)) {
        w->is_free = false;
        w->bout_left_s = 0;
    }
}

static double speed_of(walker *w)
{
    switch (w->bout) {
    case WALKER_REST:
        return 0.0;
    case WALKER_GRAZE:
        return 0.02 + 0.16 * hr_random_unit(&w->random);
    case WALKER_WALK:
        return 0.7 + 0.7 * hr_random_unit(&w->random);
    }
    return 0.0;
}

static void roam(walker *w, double step_s, int64_t now_ms)
{
    w->bout_left_s -= step_s;
    if (w->bout_left_s <= 0) {
        begin_bout(w, now_ms);
        sim_point spot = herd_spot(w, now_ms);
        spot = (sim_point){spot.x_m + w->apart.x_m, spot.y_m + w->apart.y_m};
        w->heading_turns = towards(w->at, spot);
    }
    w->speed_mps = speed_of(w);
    if (w->bout == WALKER_REST) {
        return;
    }
    double turn = w->bout == WALKER_GRAZE ? 0.30 : 0.06;
    w->heading_turns = wrapped(w->heading_turns + turn * (hr_random_unit(&w->random) - 0.5));
    double length_m = w->speed_mps * step_s;
    sim_point to = {w->at.x_m + length_m * sim_sin(w->heading_turns),
                    w->at.y_m + length_m * sim_cos(w->heading_turns)};
    if (walker_is_within(w->home, to)) {
        w->at = to;
    } else if (hr_random_unit(&w->random) < ESCAPE_CHANCE) {
        w->at = to;
        w->is_free = true;
        w->free_left_s = ESCAPE_S;
    } else {
        w->heading_turns = towards(w->at, middle_of(w->home));
    }
}

static void drive(walker *w, double step_s)
{
    const sim_route *route = w->route;
    double left_m = route->speed_mps * step_s * (0.7 + 0.3 * hr_random_unit(&w->random));
    w->speed_mps = step_s > 0 ? left_m / step_s : 0;
    for (unsigned legs = 0; left_m > 0 && legs < 2 * SIM_POINTS_MAX; legs++) {
        if (w->leg == route->point_count - 1) {
            w->is_returning = true;
        } else if (w->leg == 0) {
            w->is_returning = false;
        }
        uint32_t next = w->is_returning ? w->leg - 1 : w->leg + 1;
        double dx = route->points[next].x_m - w->at.x_m;
        double dy = route->points[next].y_m - w->at.y_m;
        double length_m = sqrt(dx * dx + dy * dy); /* exactly rounded everywhere */
        w->heading_turns = towards(w->at, route->points[next]);
        if (length_m > left_m) {
            w->at.x_m += dx * (left_m / length_m);
            w->at.y_m += dy * (left_m / length_m);
            return;
        }
        w->at = route->points[next];
        w->leg = next;
        left_m -= length_m;
    }
}

void walker_live(walker *w, double step_s, int64_t now_ms)
{
    double step = step_s < STEP_S_MAX ? step_s : STEP_S_MAX;
    if (w->route != NULL) {
        drive(w, step);
    } else if (w->is_free) {
        stray(w, step);
    } else {
        roam(w, step, now_ms);
    }
}
