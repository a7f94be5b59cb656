/* tests/api/test_replay.c - hedgerow replay on random files, beside the naive tracker with a tick
 * for every device before every fix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "geo/geojson_fence.h"
#include "geo/naive.h"
#include "geo/shapes.h"
#include "test.h"

#define DEVICES 6
#define FENCES 10
#define FIXES 600
#define START_MS INT64_C(1795161600000)
#define TEXT_SIZE 65536

typedef struct replay {
    uint64_t random;
    char folder[64];
    char fences_path[96];
    char rows_path[96];
    const geo_rules *rules;
    char ids[DEVICES][16]; /* in the order of their keys */
    naive_device *naive;
    FILE *rows;
    FILE *told;
    size_t event_count;
    size_t tick_event_count;
} replay;

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = hr_device_key(a, strlen(a));
    uint64_t right = hr_device_key(b, strlen(b));
    return left < right ? -1 : left > right;
}

static void write_fence(replay *r, FILE *file, int n)
{
    static const char *const intents[] = {"info", "keep-in", "keep-out"};
    int x = (int)shape_random(&r->random, 0, 800);
    int y = (int)shape_random(&r->random, 0, 800);
    int w = (int)shape_random(&r->random, 20, 600);
    int h = (int)shape_random(&r->random, 20, 600);
    fprintf(
        file,
        "%s{\"type\":\"Feature\",\"id\":\"f%d\",\"properties\":{\"intent\":\"%s\",\"dwell_s\":%d,"
        "\"confirm_fixes\":%d",
        n > 0 ? "," : "", n, intents[shape_random(&r->random, 0, 2)],
        (int)shape_random(&r->random, 0, 1) * (int)shape_random(&r->random, 1, 900),
        (int)shape_random(&r->random, 0, 3));
    if (shape_random(&r->random, 0, 2) == 0) {
        fprintf(file, ",\"approach_m\":%d", (int)shape_random(&r->random, 1, 9));
    }
    if (shape_random(&r->random, 0, 2) == 0) {
        int hour = (int)shape_random(&r->random, 0, 22);
        fprintf(file,
                ",\"schedule\":{\"tz\":\"Europe/Stockholm\",\"weekly\":[{\"days\":[\"mon\",\"wed\","
                "\"fri\",\"sun\"],\"from\":\"%02d:00\",\"to\":\"%02d:30\"}]}",
                hour, hour + 1);
    }
    if (shape_random(&r->random, 0, 4) == 0) {
        fprintf(file, ",\"expires_at\":%lld",
                (long long)(START_MS + shape_random(&r->random, 0, 40000000)));
    }
    /* Ten-millionths of a thousandth of a degree: about 100 m across in all. */
    fprintf(file,
            "},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[16.%07d,59.%07d],[16.%07d,59.%"
            "07d],"
            "[16.%07d,59.%07d],[16.%07d,59.%07d],[16.%07d,59.%07d]]]}}",
            x * 40, y * 20, (x + w) * 40, y * 20, (x + w) * 40, (y + h) * 20, x * 40, (y + h) * 20,
            x * 40, y * 20);
}

/* The same file into rules, whole schedules known. */
static const geo_rules *read_rules(const char *path)
{
    static char text[TEXT_SIZE];
    geo_geojson reader;
    geo_rules_builder *builder = NULL;
    const geo_rules *rules = NULL;
    geo_feature *feature = malloc(sizeof *feature);
    geo_interval span = {START_MS - INT64_C(2592000000), START_MS + INT64_C(5184000000)};
    geo_why why = {""};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(feature);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_int_equal(geo_geojson_open(text, size, NULL, &reader, &why), GEO_OK);
    assert_int_equal(geo_rules_builder_new(NULL, &builder), GEO_OK);
    while (geo_geojson_next(&reader, feature, &why) == GEO_OK) {
        const geo_fence *fence = NULL;
        if (geo_feature_fence(feature, feature->id, span, NULL, &fence, &why) != GEO_OK) {
            fail_msg("%s", why.text);
        }
        assert_int_equal(geo_rules_put_fence(builder, fence, NULL), GEO_OK);
        geo_fence_unref(fence);
        geo_feature_fini(feature);
    }
    assert_int_equal(geo_rules_build(builder, 1, &rules), GEO_OK);
    geo_rules_builder_free(builder);
    free(feature);
    assert_int_equal(geo_rules_fence_count(rules), FENCES);
    return rules;
}

/* The next line of the program must be the next event of the naive tracker. */
static void expect_events(replay *r, int device)
{
    const naive_device *naive = &r->naive[device];
    for (size_t i = 0; i < naive->event_count; i++) {
        char line[2048];
        char id[GEO_EVENT_ID_MAX];
        char start[GEO_EVENT_ID_MAX + 16];
        (void)geo_event_id(&naive->events[i], r->ids[device], 1, id);
        snprintf(start, sizeof start, "{\"id\":\"%s\",", id);
        if (fgets(line, sizeof line, r->told) == NULL || strncmp(line, start, strlen(start)) != 0) {
            fail_msg("expected %s, told %s", id, feof(r->told) ? "nothing" : line);
        }
        r->event_count++;
        r->tick_event_count += naive->events[i].cause != GEO_CAUSE_FIX;
    }
}

typedef struct step {
    int device;
    geo_fix fix;
} step;

static void write_rows(replay *r, step *steps)
{
    int64_t now_ms = START_MS;
    geo_point at[DEVICES];
    for (int d = 0; d < DEVICES; d++) {
        at[d] = (geo_point){160020000, 590010000};
    }
    fputs("time,device,lon,lat,accuracy_m\n", r->rows);
    for (int i = 0; i < FIXES; i++) {
        step *s = &steps[i];
        now_ms += shape_random(&r->random, 0, 40) == 0 ? shape_random(&r->random, 0, 9000000)
                                                       : shape_random(&r->random, 0, 30000);
        s->device = (int)shape_random(&r->random, 0, DEVICES - 1);
        geo_point *place = &at[s->device];
        place->lon_e7 = (int32_t)(160000000 + (place->lon_e7 - 160000000 + 40000 +
                                               shape_random(&r->random, -6000, 6000)) %
                                                  40000);
        place->lat_e7 = (int32_t)(590000000 + (place->lat_e7 - 590000000 + 20000 +
                                               shape_random(&r->random, -3000, 3000)) %
                                                  20000);
        int64_t time_ms = shape_random(&r->random, 0, 9) == 0
                              ? now_ms - shape_random(&r->random, 0, 90000)
                              : now_ms;
        uint16_t accuracy_dm = (uint16_t)shape_random(&r->random, 0, 30);
        s->fix = (geo_fix){time_ms, time_ms, *place, accuracy_dm};
        fprintf(r->rows, "%lld,%s,%.7f,%.7f,%.1f\n", (long long)time_ms, r->ids[s->device],
                place->lon_e7 / 1e7, place->lat_e7 / 1e7, accuracy_dm / 10.0);
    }
}

static void replay_once(replay *r)
{
    static step steps[FIXES];
    char command[512];
    FILE *fences = fopen(r->fences_path, "w");
    assert_non_null(fences);
    fputs("{\"type\":\"FeatureCollection\",\"features\":[", fences);
    for (int n = 0; n < FENCES; n++) {
        write_fence(r, fences, n);
    }
    fputs("]}", fences);
    fclose(fences);
    r->rules = read_rules(r->fences_path);
    r->rows = fopen(r->rows_path, "w");
    assert_non_null(r->rows);
    write_rows(r, steps);
    fclose(r->rows);
    snprintf(command, sizeof command, "%s replay --fences %s < %s", HR_HEDGEROW, r->fences_path,
             r->rows_path);
    r->told = popen(command, "r");
    assert_non_null(r->told);
    int64_t tick_ms = INT64_MIN;
    for (int i = 0; i < FIXES; i++) {
        tick_ms = steps[i].fix.time_ms > tick_ms ? steps[i].fix.time_ms : tick_ms;
        for (int d = 0; d < DEVICES; d++) {
            naive_tick(&r->naive[d], r->rules, tick_ms);
            expect_events(r, d);
        }
        naive_fix(&r->naive[steps[i].device], r->rules, &steps[i].fix);
        expect_events(r, steps[i].device);
    }
    assert_int_equal(fgetc(r->told), EOF);
    assert_int_equal(pclose(r->told), 0);
    geo_rules_unref(r->rules);
}

static void replay_tells_what_the_naive_tracker_tells(void **state)
{
    (void)state;
    replay r = {.random = shape_seed("replay_tells_what_the_naive_tracker_tells")};
    snprintf(r.folder, sizeof r.folder, "/tmp/hedgerow-replay-XXXXXX");
    assert_non_null(mkdtemp(r.folder));
    snprintf(r.fences_path, sizeof r.fences_path, "%s/fences.geojson", r.folder);
    snprintf(r.rows_path, sizeof r.rows_path, "%s/fixes.csv", r.folder);
    for (int d = 0; d < DEVICES; d++) {
        snprintf(r.ids[d], sizeof r.ids[d], "cow-%d", d);
    }
    qsort(r.ids, DEVICES, sizeof r.ids[0], compare_keys);
    for (int n = 0; n < 25; n++) {
        r.naive = calloc(DEVICES, sizeof *r.naive);
        assert_non_null(r.naive);
        for (int d = 0; d < DEVICES; d++) {
            r.naive[d].key = hr_device_key(r.ids[d], strlen(r.ids[d]));
        }
        replay_once(&r);
        free(r.naive);
    }
    print_message("%zu events, %zu of them by time alone\n", r.event_count, r.tick_event_count);
    assert_true(r.tick_event_count > 100);
    unlink(r.fences_path);
    unlink(r.rows_path);
    rmdir(r.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_tells_what_the_naive_tracker_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
