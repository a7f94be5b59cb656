/* scenario.c - reads scenario files: one statement on a line, words between blanks. */
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "replay.h"

#define WORDS_MAX (SIM_POINTS_MAX * 2 + 16)
#define LINE_BYTES_MAX 4096

/* The statement at hand. */
typedef struct line {
    sim_scenario *scenario;
    const char *file;
    unsigned number;
    const char *usage; /* of its statement */
    char *words[WORDS_MAX];
    unsigned count;
    hr_why *why;
} line;

/* With how the statement is written, if there is one of that name. */
static hr_err complain(const line *l, const char *what)
{
    bool has_usage = l->usage != NULL;
    return hr_why_set(l->why, HR_INVALID, "%s:%u: %s: %s%s%s%s", l->file, l->number, l->words[0],
                      what, has_usage ? " (write: " : "", has_usage ? l->usage : "",
                      has_usage ? ")" : "");
}

static bool number_of(const char *word, double *value)
{
    char *end = NULL;
    errno = 0;
    *value = strtod(word, &end);
    return end != word && *end == '\0' && errno == 0 && *value == *value && *value > -1e12 &&
           *value < 1e12;
}

/* Word i as a number from min to max. */
static hr_err take_number(const line *l, unsigned i, double min, double max, double *value)
{
    if (i >= l->count || !number_of(l->words[i], value) || *value < min || *value > max) {
        char what[96];
        snprintf(what, sizeof what, "word %u must be a number %.10g to %.10g", i + 1, min, max);
        return complain(l, what);
    }
    return HR_OK;
}

static hr_err take_u32(const line *l, unsigned i, double max, uint32_t *value)
{
    double number = 0;
    hr_err err = take_number(l, i, 0, max, &number);
    if (err == HR_OK) {
        *value = (uint32_t)number;
    }
    return err;
}

/* Words from i on: x y x y ... */
static hr_err take_points(const line *l, unsigned i, unsigned min, sim_point *points,
                          uint32_t *count)
{
    uint32_t n = 0;
    for (; i + 1 < l->count && n < SIM_POINTS_MAX; i += 2, n++) {
        if (!number_of(l->words[i], &points[n].x_m) ||
            !number_of(l->words[i + 1], &points[n].y_m)) {
            return complain(l, "points are pairs of metres east and north of the origin");
        }
    }
    if (n < min || i < l->count) {
        return complain(l, "too few points, too many, or half of one");
    }
    *count = n;
    return HR_OK;
}

/* Room for one more item; NULL without memory or beyond the limit. */
static void *grow(void **items, uint32_t count, uint32_t count_max, size_t size)
{
    if (count >= count_max) {
        return NULL;
    }
    if ((count & (count - 1)) == 0) {
        void *bigger = realloc(*items, (count > 0 ? (size_t)count * 2 : 1) * size);
        if (bigger == NULL) {
            return NULL;
        }
        *items = bigger;
    }
    char *item = (char *)*items + count * size;
    memset(item, 0, size);
    return item;
}

static sim_fence *add_fence(sim_scenario *s)
{
    void *items = s->fences;
    sim_fence *fence = grow(&items, s->fence_count, SIM_FENCES_MAX, sizeof *fence);
    s->fences = items;
    s->fence_count += fence != NULL;
    return fence;
}

static sim_herd *add_herd(sim_scenario *s)
{
    void *items = s->herds;
    sim_herd *herd = grow(&items, s->herd_count, SIM_HERDS_MAX, sizeof *herd);
    s->herds = items;
    s->herd_count += herd != NULL;
    return herd;
}

static hr_err count_devices(const line *l, uint32_t count)
{
    if (count == 0 || count > SIM_DEVICES_MAX - l->scenario->device_count) {
        return complain(l, "no devices, or more than there may be");
    }
    l->scenario->device_count += count;
    return HR_OK;
}

/* ---- statements ---- */

static hr_err on_seed(const line *l)
{
    double value = 0;
    hr_err err = take_number(l, 1, 0, 9e15, &value);
    l->scenario->seed = err == HR_OK ? (uint64_t)value : 0;
    return err;
}

static hr_err on_origin(const line *l)
{
    double lon = 0, lat = 0;
    hr_err err = take_number(l, 1, -180, 180, &lon);
    if (err == HR_OK) {
        err = take_number(l, 2, -85, 85, &lat);
    }
    if (err == HR_OK) {
        sim_plane_init(&l->scenario->plane, lon, lat);
    }
    return err;
}

static hr_err on_period(const line *l)
{
    double period_s = 0;
    hr_err err = take_number(l, 1, 0.001, 86400, &period_s);
    l->scenario->period_ms = err == HR_OK ? (uint32_t)(period_s * 1000.0 + 0.5) : 0;
    return err;
}

static hr_err on_gateways(const line *l)
{
    hr_err err = take_u32(l, 1, SIM_GATEWAYS_MAX, &l->scenario->gateways);
    return err == HR_OK && l->scenario->gateways == 0 ? complain(l, "at least one") : err;
}

static hr_err on_gps(const line *l)
{
    hr_err err = take_number(l, 1, 0, 1000, &l->scenario->noise_m);
    if (err == HR_OK) {
        err = take_number(l, 2, 0, 1, &l->scenario->outlier);
    }
    return err == HR_OK ? take_number(l, 3, 0, 10000, &l->scenario->drift_ppm) : err;
}

static hr_err on_trees(const line *l)
{
    sim_scenario *s = l->scenario;
    if (s->trees_count >= SIM_TREES_MAX) {
        return complain(l, "too many woods");
    }
    sim_trees *trees = &s->trees[s->trees_count];
    hr_err err = take_number(l, 1, -1e6, 1e6, &trees->at.x_m);
    if (err == HR_OK) {
        err = take_number(l, 2, -1e6, 1e6, &trees->at.y_m);
    }
    if (err == HR_OK) {
        err = take_number(l, 3, 1, 1e5, &trees->radius_m);
    }
    s->trees_count += err == HR_OK;
    return err;
}

static hr_err on_battery(const line *l)
{
    return take_number(l, 1, 0.001, 10000, &l->scenario->battery_days);
}

static hr_err on_escapes(const line *l)
{
    return take_u32(l, 1, 1e6, &l->scenario->escape_s);
}

/* Blanks of a name are written _. */
static hr_err on_fence(const line *l)
{
    if (l->count < 7 || !hr_fence_id_is_valid(l->words[1], strlen(l->words[1]))) {
        return complain(l, "too few words, or no good id");
    }
    if (strcmp(l->words[2], "keep-in") != 0 && strcmp(l->words[2], "keep-out") != 0 &&
        strcmp(l->words[2], "info") != 0) {
        return complain(l, "the intent is keep-in, keep-out or info");
    }
    sim_fence *fence = add_fence(l->scenario);
    if (fence == NULL) {
        return complain(l, "too many fences");
    }
    snprintf(fence->id, sizeof fence->id, "%s", l->words[1]);
    snprintf(fence->intent, sizeof fence->intent, "%s", l->words[2]);
    snprintf(fence->name, sizeof fence->name, "%s", l->words[3]);
    for (char *c = fence->name; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    if (strcmp(l->words[4], "polygon") == 0) {
        return take_points(l, 5, 3, fence->points, &fence->point_count);
    }
    fence->shape = strcmp(l->words[4], "circle") == 0 ? SIM_CIRCLE : SIM_CORRIDOR;
    if (fence->shape == SIM_CORRIDOR && strcmp(l->words[4], "corridor") != 0) {
        return complain(l, "the shape is polygon, corridor or circle");
    }
    hr_err err = take_number(l, 5, 0.5, 1e6, &fence->size_m);
    return err == HR_OK ? take_points(l, 6, fence->shape == SIM_CIRCLE ? 1 : 2, fence->points,
                                      &fence->point_count)
                        : err;
}

static sim_fence *last_fence(const line *l)
{
    uint32_t count = l->scenario->fence_count;
    return count > 0 ? &l->scenario->fences[count - 1] : NULL;
}

static hr_err on_approach(const line *l)
{
    sim_fence *fence = last_fence(l);
    return fence != NULL ? take_u32(l, 1, 10000, &fence->approach_m)
                         : complain(l, "there is no fence above it");
}

static hr_err on_dwell(const line *l)
{
    sim_fence *fence = last_fence(l);
    return fence != NULL ? take_u32(l, 1, 1e6, &fence->dwell_s)
                         : complain(l, "there is no fence above it");
}

static bool is_time_of_day(const char *word)
{
    return strlen(word) == 5 && word[2] == ':' && strspn(word, "0123456789") == 2 &&
           strspn(word + 3, "0123456789") == 2 && strncmp(word, "23:59", 5) <= 0 && word[3] < '6';
}

static hr_err on_daily(const line *l)
{
    sim_fence *fence = last_fence(l);
    if (fence == NULL || l->count != 3 || !is_time_of_day(l->words[1]) ||
        !is_time_of_day(l->words[2])) {
        return complain(l, "it takes two times of day, below a fence");
    }
    memcpy(fence->from, l->words[1], sizeof fence->from);
    memcpy(fence->to, l->words[2], sizeof fence->to);
    return HR_OK;
}

static hr_err on_herd(const line *l)
{
    sim_scenario *s = l->scenario;
    uint32_t count = 0;
    hr_err err = take_u32(l, 2, SIM_DEVICES_MAX, &count);
    if (err != HR_OK || l->count != 4 || !hr_fence_id_is_valid(l->words[1], strlen(l->words[1]))) {
        return complain(l, "it takes a name, a count and the id of a fence");
    }
    uint32_t fence = 0;
    while (fence < s->fence_count && strcmp(s->fences[fence].id, l->words[3]) != 0) {
        fence++;
    }
    if (fence == s->fence_count || s->fences[fence].shape != SIM_POLYGON) {
        return complain(l, "no polygon above it has that id");
    }
    sim_herd *herd = add_herd(s);
    if (herd == NULL) {
        return complain(l, "too many herds");
    }
    snprintf(herd->name, sizeof herd->name, "%.48s", l->words[1]);
    herd->count = count;
    herd->fence = fence;
    return count_devices(l, count);
}

static hr_err on_vehicles(const line *l)
{
    sim_scenario *s = l->scenario;
    void *items = s->routes;
    sim_route *route = grow(&items, s->route_count, SIM_HERDS_MAX, sizeof *route);
    s->routes = items;
    if (route == NULL || l->count < 8 || !hr_fence_id_is_valid(l->words[1], strlen(l->words[1]))) {
        return complain(l, "too few words, no good name, or too many kinds of vehicles");
    }
    snprintf(route->name, sizeof route->name, "%.48s", l->words[1]);
    hr_err err = take_u32(l, 2, SIM_DEVICES_MAX, &route->count);
    if (err == HR_OK) {
        err = take_number(l, 3, 0.1, 100, &route->speed_mps);
    }
    if (err == HR_OK) {
        err = take_points(l, 4, 2, route->points, &route->point_count);
    }
    s->route_count += err == HR_OK;
    return err == HR_OK ? count_devices(l, route->count) : err;
}

/* Square paddocks in rows, each with its herd. */
static hr_err on_farms(const line *l)
{
    sim_scenario *s = l->scenario;
    uint32_t count = 0, animals = 0;
    double side_m = 0, gap_m = 0;
    hr_err err = take_u32(l, 1, SIM_FENCES_MAX, &count);
    err = err == HR_OK ? take_u32(l, 2, 10000, &animals) : err;
    err = err == HR_OK ? take_number(l, 3, 10, 1e5, &side_m) : err;
    err = err == HR_OK ? take_number(l, 4, 0, 1e5, &gap_m) : err;
    uint32_t columns = 1;
    while (columns * columns < count) {
        columns++;
    }
    double step_m = side_m + gap_m;
    for (uint32_t i = 0; err == HR_OK && i < count; i++) {
        sim_fence *fence = add_fence(s);
        sim_herd *herd = fence != NULL ? add_herd(s) : NULL;
        if (herd == NULL) {
            return complain(l, "too many farms");
        }
        double x = ((double)(i % columns) - (double)columns / 2.0) * step_m;
        double y = ((double)(i / columns) - (double)columns / 2.0) * step_m;
        snprintf(fence->id, sizeof fence->id, "farm-%u", i + 1);
        snprintf(fence->name, sizeof fence->name, "Farm %u", i + 1);
        snprintf(fence->intent, sizeof fence->intent, "keep-in");
        fence->point_count = 4;
        fence->points[0] = (sim_point){x, y};
        fence->points[1] = (sim_point){x + side_m, y};
        fence->points[2] = (sim_point){x + side_m, y + side_m};
        fence->points[3] = (sim_point){x, y + side_m};
        *herd = (sim_herd){.count = animals, .fence = s->fence_count - 1};
        snprintf(herd->name, sizeof herd->name, "f%u", i + 1);
        err = count_devices(l, animals);
    }
    return err;
}

static hr_err on_fault(const line *l)
{
    sim_faults *f = &l->scenario->faults;
    const struct {
        const char *name;
        double *chance;
    } chances[] = {
        {"loss", &f->loss},         {"duplicate", &f->duplicate},
        {"reorder", &f->reorder},   {"ack-loss", &f->ack_loss},
        {"late-fix", &f->late_fix}, {"repeated-fix", &f->repeated_fix},
    };
    const char *kind = l->count > 1 ? l->words[1] : "";
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        if (strcmp(kind, chances[i].name) == 0) {
            return take_number(l, 2, 0, 0.95, chances[i].chance);
        }
    }
    if (strcmp(kind, "outage") == 0) {
        hr_err err = take_u32(l, 2, 1e6, &f->outage_s);
        return err == HR_OK ? take_u32(l, 3, 1e6, &f->outage_every_s) : err;
    }
    if (strcmp(kind, "restart") == 0) {
        return take_u32(l, 2, 1e6, &f->restart_every_s);
    }
    return complain(l, "there is no such fault");
}

static const struct {
    const char *usage; /* begins with its word */
    unsigned words_max;
    hr_err (*take)(const line *l);
} statements[] = {
    {"seed N", 2, on_seed},
    {"origin LON LAT", 3, on_origin},
    {"period_s S", 2, on_period},
    {"gateways N", 2, on_gateways},
    {"gps NOISE_M OUTLIERS DRIFT_PPM", 4, on_gps},
    {"trees X Y RADIUS_M", 4, on_trees},
    {"battery_days D", 2, on_battery},
    {"escapes_s S", 2, on_escapes},
    {"fence ID keep-in|keep-out|info NAME polygon X Y X Y X Y ...|corridor WIDTH_M X Y X Y ...|"
     "circle RADIUS_M X Y",
     WORDS_MAX, on_fence},
    {"approach_m M", 2, on_approach},
    {"dwell_s S", 2, on_dwell},
    {"daily 06:00 20:00", 3, on_daily},
    {"herd NAME COUNT FENCE", 4, on_herd},
    {"vehicles NAME COUNT SPEED_MPS X Y X Y ...", WORDS_MAX, on_vehicles},
    {"farms COUNT ANIMALS SIDE_M GAP_M", 5, on_farms},
    {"fault loss|duplicate|reorder|ack-loss|late-fix|repeated-fix CHANCE, fault outage SECONDS "
     "EVERY_S, fault restart EVERY_S",
     4, on_fault},
};

#define STATEMENTS (sizeof statements / sizeof statements[0])

const char *sim_scenario_usage(size_t index)
{
    return index < STATEMENTS ? statements[index].usage : NULL;
}

static hr_err take_line(line *l)
{
    size_t size = strlen(l->words[0]);
    l->usage = NULL;
    for (size_t i = 0; i < STATEMENTS; i++) {
        const char *usage = statements[i].usage;
        if (strncmp(l->words[0], usage, size) == 0 && usage[size] == ' ') {
            l->usage = usage;
            return l->count <= statements[i].words_max ? statements[i].take(l)
                                                       : complain(l, "too many words");
        }
    }
    return complain(l, "there is no such statement; hedgerow-sim --help lists them");
}

/* Words of a line, up to a # that begins a word. */
static void split(line *l, char *text)
{
    char *rest = NULL;
    l->count = 0;
    for (char *word = strtok_r(text, " \t\r", &rest); word != NULL && word[0] != '#';
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (l->count < WORDS_MAX) {
            l->words[l->count] = word;
        }
        l->count++;
    }
}

static hr_err take_lines(sim_scenario *s, const char *file, const char *text, size_t size,
                         hr_why *why)
{
    static const char too_long[] = "%s:%u: a line is at most %u bytes long";
    char copy[LINE_BYTES_MAX];
    line l = {.scenario = s, .file = file, .why = why};
    hr_err err = HR_OK;
    for (size_t at = 0; err == HR_OK && at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - text) - at : size - at;
        l.number++;
        if (length >= sizeof copy) {
            return hr_why_set(why, HR_INVALID, too_long, file, l.number, LINE_BYTES_MAX - 1);
        }
        memcpy(copy, text + at, length);
        copy[length] = '\0';
        at += length + 1;
        split(&l, copy);
        err = l.count > 0 ? take_line(&l) : HR_OK;
    }
    return err;
}

hr_err sim_scenario_parse(const char *file, const char *text, size_t size, sim_scenario **out,
                          hr_why *why)
{
    sim_scenario *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    *s = (sim_scenario){
        .seed = 1, .period_ms = 10000, .gateways = 1, .noise_m = 2.5, .battery_days = 90};
    sim_plane_init(&s->plane, 16.37, 59.85);
    hr_err err = take_lines(s, file, text, size, why);
    if (err == HR_OK && s->device_count == 0) {
        err =
            hr_why_set(why, HR_INVALID, "%s: nobody is in it; add a herd, vehicles or farms", file);
    }
    if (err != HR_OK) {
        sim_scenario_free(s);
        return err;
    }
    if (s->gateways > s->device_count) {
        s->gateways = s->device_count;
    }
    *out = s;
    return HR_OK;
}

sim_scenario *sim_scenario_of_replay(struct sim_replay *replay)
{
    sim_scenario *s = calloc(1, sizeof *s);
    if (s != NULL) {
        *s = (sim_scenario){.seed = 1,
                            .period_ms = 1000,
                            .gateways = 1,
                            .device_count = replay->id_count,
                            .replay = replay};
    }
    return s;
}

static hr_err no_scenario(const char *name, hr_why *why)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; sim_scenario_name(i) != NULL && used < sizeof names; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", sim_scenario_name(i));
    }
    return hr_why_set(why, HR_NOT_FOUND, "there is no file \"%s\"; shipped are:%s", name, names);
}

hr_err sim_scenario_load(const char *path_or_name, sim_scenario **out, hr_why *why)
{
    const char *shipped = sim_scenario_shipped(path_or_name);
    const char *path = path_or_name;
    FILE *file = fopen(path, "rb");
    if (file == NULL && shipped != NULL) {
        return sim_scenario_parse(path, shipped, strlen(shipped), out, why);
    }
    if (file == NULL) {
        return errno == ENOENT ? no_scenario(path, why) : hr_why_errno(why, errno, "%s", path);
    }
    char *text = malloc(SIM_SCENARIO_BYTES_MAX);
    size_t size = text != NULL ? fread(text, 1, SIM_SCENARIO_BYTES_MAX, file) : 0;
    fclose(file);
    if (text == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    hr_err err = size < SIM_SCENARIO_BYTES_MAX ? sim_scenario_parse(path, text, size, out, why)
                                               : hr_why_set(why, HR_TOO_BIG, "%s: above %u bytes",
                                                            path, SIM_SCENARIO_BYTES_MAX);
    free(text);
    return err;
}

void sim_scenario_free(sim_scenario *scenario)
{
    if (scenario != NULL) {
        sim_replay_free(scenario->replay);
        free(scenario->fences);
        free(scenario->herds);
        free(scenario->routes);
        free(scenario);
    }
}
