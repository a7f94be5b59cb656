/* tests/sim/test_fleet.c - one seed, one fleet; and how its animals, receivers and files behave. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "firmware-sim/fleet.h"
#include "firmware-sim/plane.h"
#include "firmware-sim/replay.h"
#include "firmware-sim/runner.h"
#include "firmware-sim/scenario.h"
#include "firmware-sim/truth.h"
#include "sim/truths.h"

#define START_MS 1795161600000

static sim_scenario *parse(const char *text)
{
    sim_scenario *scenario = NULL;
    hr_why why = {""};
    if (sim_scenario_parse("test", text, strlen(text), &scenario, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
    return scenario;
}

static uint64_t hash_of_run(const char *text, unsigned turns)
{
    sim_scenario *scenario = parse(text);
    sim_fleet *fleet = sim_fleet_new(scenario, START_MS);
    assert_non_null(fleet);
    uint64_t hash = 0;
    for (unsigned i = 0; i < turns; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        unsigned count = sim_fleet_next(fleet, fixes);
        for (unsigned k = 0; k < count; k++) {
            uint8_t bytes[HR_FIX_BYTES];
            hr_fix_store(bytes, &fixes[k].fix);
            hash = hr_hash64_seeded(bytes, sizeof bytes, hash);
        }
    }
    sim_fleet_free(fleet);
    sim_scenario_free(scenario);
    return hash;
}

static void one_seed_gives_one_fleet_on_every_machine(void **state)
{
    (void)state;
    assert_true(truths_are_right());
}

static void another_seed_gives_another_fleet(void **state)
{
    (void)state;
    const char *one = "seed 1\nfence a info A polygon 0 0 90 0 90 90 0 90\nherd cow 3 a\n";
    const char *two = "seed 2\nfence a info A polygon 0 0 90 0 90 90 0 90\nherd cow 3 a\n";
    assert_int_not_equal(hash_of_run(one, 100), hash_of_run(two, 100));
    assert_int_equal(hash_of_run(one, 100), hash_of_run(one, 100));
}

static void sines_are_right_to_a_ten_millionth(void **state)
{
    (void)state;
    for (int i = -2000; i <= 2000; i++) {
        double turns = i / 777.0;
        assert_double_near(sim_sin(turns), sin(turns * 2 * 3.14159265358979323846), 1e-7);
        assert_double_near(sim_cos(turns), cos(turns * 2 * 3.14159265358979323846), 1e-7);
    }
}

static void a_herd_stays_within_its_fence_unless_it_breaks_out(void **state)
{
    (void)state;
    sim_scenario *s = parse("period_s 10\nescapes_s 600\n"
                            "fence a keep-in A polygon 0 0 300 0 300 300 0 300\nherd cow 20 a\n");
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    assert_non_null(fleet);
    unsigned escaped = 0, outside = 0, turns = 20 * 8640;
    for (unsigned i = 0; i < turns; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        uint32_t device = i % 20;
        (void)sim_fleet_next(fleet, fixes);
        sim_point at = sim_fleet_where(fleet, device);
        bool is_in = at.x_m > 0 && at.x_m < 300 && at.y_m > 0 && at.y_m < 300;
        escaped += sim_fleet_has_escaped(fleet, device);
        outside += !is_in;
        assert_true(is_in || sim_fleet_has_escaped(fleet, device));
    }
    assert_in_range(escaped, 1, turns / 10);
    assert_in_range(outside, 1, turns / 10);
    sim_fleet_free(fleet);
    sim_scenario_free(s);
}

static void receivers_err_about_as_much_as_they_say(void **state)
{
    (void)state;
    sim_scenario *s = parse("gps 3 0 0\nfence a info A polygon 0 0 300 0 300 300 0 300\n"
                            "herd cow 50 a\n");
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    assert_non_null(fleet);
    unsigned within = 0, count = 0;
    for (unsigned i = 0; i < 50000; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        if (sim_fleet_next(fleet, fixes) == 1 && i > 5000) {
            int32_t lon_e7, lat_e7;
            sim_plane_place(&s->plane, sim_fleet_where(fleet, i % 50), &lon_e7, &lat_e7);
            double dx = (fixes[0].fix.lon_e7 - lon_e7) / s->plane.lon_e7_per_m;
            double dy = (fixes[0].fix.lat_e7 - lat_e7) / s->plane.lat_e7_per_m;
            within += sqrt(dx * dx + dy * dy) < fixes[0].fix.accuracy_dm / 10.0;
            count++;
        }
    }
    assert_in_range(within * 100 / count, 60, 80); /* 68 % is what accuracy means */
    sim_fleet_free(fleet);
    sim_scenario_free(s);
}

static void vehicles_do_not_drive_in_convoys(void **state)
{
    (void)state;
    sim_scenario *s = parse("fence a info A polygon 0 0 300 0 300 300 0 300\n"
                            "vehicles quad 80 10 0 0 400 0\n");
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    assert_non_null(fleet);
    unsigned within[4] = {0}, eastwards = 0;
    for (uint32_t i = 0; i < 80; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        double x_m = sim_fleet_where(fleet, i).x_m;
        (void)sim_fleet_next(fleet, fixes);
        assert_true(x_m >= 0 && x_m < 400);
        within[(unsigned)(x_m / 100)]++;
    }
    for (uint32_t i = 0; i < 80; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        assert_int_equal(sim_fleet_next(fleet, fixes), 1);
        eastwards += fixes[0].fix.heading_cdeg == 9000;
    }
    for (unsigned q = 0; q < 4; q++) {
        assert_in_range(within[q], 8, 32);
    }
    assert_in_range(eastwards, 20, 60);
    sim_fleet_free(fleet);
    sim_scenario_free(s);
}

/* How much of an error is left half a minute later. */
static double kept_after_30_s(const char *period, unsigned turns)
{
    char text[128];
    snprintf(text, sizeof text,
             "gps 3 0 0\n%s\nfence a info A polygon 0 0 300 0 300 300 0 300\nherd cow 50 a\n",
             period);
    sim_scenario *s = parse(text);
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    double before[50][30] = {{0}}, products = 0, squares = 0;
    assert_non_null(fleet);
    for (unsigned i = 0; i < 50 * 4000; i++) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        int32_t lon_e7, lat_e7;
        assert_int_equal(sim_fleet_next(fleet, fixes), 1);
        sim_plane_place(&s->plane, sim_fleet_where(fleet, i % 50), &lon_e7, &lat_e7);
        double error = fixes[0].fix.lat_e7 - lat_e7;
        double *old = &before[i % 50][i / 50 % turns];
        products += i > 50 * 500 ? error * *old : 0;
        squares += i > 50 * 500 ? error * error : 0;
        *old = error;
    }
    sim_fleet_free(fleet);
    sim_scenario_free(s);
    return products / squares;
}

static void an_error_lasts_as_long_however_often_it_is_told(void **state)
{
    (void)state;
    assert_double_near(kept_after_30_s("period_s 1", 30), exp(-30.0 / 115.0), 0.05);
    assert_double_near(kept_after_30_s("period_s 10", 3), exp(-30.0 / 115.0), 0.05);
    assert_double_near(kept_after_30_s("period_s 30", 1), exp(-30.0 / 115.0), 0.05);
}

static void a_battery_lasts_as_long_as_the_scenario_says(void **state)
{
    (void)state;
    sim_scenario *s = parse("period_s 60\nbattery_days 0.5\n"
                            "fence a info A polygon 0 0 300 0 300 300 0 300\nherd cow 1 a\n");
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    assert_non_null(fleet);
    int64_t at_ms[2] = {0};
    uint8_t before = 0;
    for (int fulls = 0; fulls < 2;) {
        sim_fix fixes[SIM_FIXES_AT_ONCE];
        assert_int_equal(sim_fleet_next(fleet, fixes), 1);
        if (fixes[0].fix.battery_pct > before && before > 0) {
            at_ms[fulls++] = fixes[0].fix.time_ms;
        }
        before = fixes[0].fix.battery_pct;
    }
    /* From full to 3 %, when it is changed. */
    assert_double_near((double)(at_ms[1] - at_ms[0]) / 43200000.0, 0.97, 0.01);
    sim_fleet_free(fleet);
    sim_scenario_free(s);
}

static void a_run_cut_short_goes_on_as_if_it_had_not_been(void **state)
{
    (void)state;
    char path[] = "/tmp/hr-truth-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    sim_scenario *s = parse(sim_scenario_shipped(SIM_DEMO_SCENARIO));
    sim_run_options options;
    hr_why why = {""};
    sim_run_defaults(&options);
    options.scenario = s;
    options.truth = path;
    options.has_start = true;
    options.start_ms = START_MS;
    options.fix_count = 1000;
    assert_int_equal(sim_run_dry(&options, NULL, &(bool){false}, &why), HR_OK);
    assert_int_equal(truncate(path, 32 + 2 * 8 + 65 * (long)s->device_count + 48 * 500 + 20), 0);
    sim_truth *truth = NULL;
    sim_truth_row row;
    unsigned rows = 0;
    assert_int_equal(sim_truth_open(path, &truth, &why), HR_OK);
    while (sim_truth_read(truth, &row) == HR_OK) {
        assert_int_equal(row.gateway, row.fix.device % 2);
        rows++;
    }
    assert_int_equal(rows, 500); /* half a row at the end is none */
    row.seq = 12345;
    assert_int_equal(sim_truth_add(truth, &row), HR_OK);
    assert_int_equal(sim_truth_flush(truth), HR_OK);
    sim_truth_close(truth);
    assert_int_equal(sim_truth_open(path, &truth, &why), HR_OK);
    for (rows = 0; sim_truth_read(truth, &row) == HR_OK; rows++) {
    }
    assert_int_equal(rows, 501);
    assert_int_equal(row.seq, 12345);
    assert_string_equal(sim_truth_id(truth, 0), "cow-1");
    sim_truth_close(truth);
    sim_scenario_free(s);
    unlink(path);
}

static sim_replay *load_text(const char *ending, const char *text, hr_err wanted)
{
    char path[64];
    hr_why why = {""};
    sim_replay *replay = NULL;
    snprintf(path, sizeof path, "/tmp/hr-replay-%d%s", (int)getpid(), ending);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(sim_replay_load(path, &replay, &why), wanted);
    unlink(path);
    return replay;
}

static void recorded_tracks_are_told_in_the_order_of_their_times(void **state)
{
    (void)state;
    sim_replay *csv = load_text(".csv",
                                "time,device,lat,lon,accuracy_m,colour\n"
                                "2026-11-20T08:00:01Z,cow-2,59.85,16.37,3.5,red\r\n"
                                "1795161600000,cow-1,59.8512345,-16.3712345\n",
                                HR_OK);
    assert_int_equal(csv->id_count, 2);
    sim_scenario *s = sim_scenario_of_replay(csv);
    assert_non_null(s);
    sim_fleet *fleet = sim_fleet_new(s, START_MS);
    assert_non_null(fleet);
    sim_fix fixes[SIM_FIXES_AT_ONCE];
    char id[HR_DEVICE_ID_MAX + 1];
    assert_int_equal(sim_fleet_due_ms(fleet), START_MS);
    assert_int_equal(sim_fleet_next(fleet, fixes), 1);
    sim_fleet_id(fleet, fixes[0].device, id);
    assert_string_equal(id, "cow-1");
    assert_int_equal(fixes[0].fix.lat_e7, 598512345);
    assert_int_equal(fixes[0].fix.lon_e7, -163712345);
    assert_int_equal(fixes[0].fix.accuracy_dm, HR_FIX_U16_UNKNOWN);
    assert_int_equal(sim_fleet_next(fleet, fixes), 1);
    assert_int_equal(fixes[0].fix.accuracy_dm, 35);
    assert_int_equal(sim_fleet_next(fleet, fixes), 0);
    sim_fleet_free(fleet);
    sim_scenario_free(s);
    sim_replay *gpx = load_text(".gpx",
                                "<gpx><trk><trkseg><trkpt lat=\"59.85\" lon=\"16.37\"><ele>3</ele>"
                                "<time>2026-11-20T08:00:00Z</time></trkpt></trkseg></trk></gpx>",
                                HR_OK);
    assert_int_equal(gpx->row_count, 1);
    assert_int_equal(gpx->rows[0].fix.time_ms, START_MS);
    sim_replay_free(gpx);
}

static void bad_recordings_are_refused_with_what_would_be_right(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *why;
    } bad[] = {
        {"a.csv", "", "a.csv has no fixes"},
        {"a.csv", "device,lon,lat\ncow,1,2\n", "a.csv:1: the first line names device, time"},
        {"a.csv", "device,time,lon,lat\n\ncow,5,181,2\n", "a.csv:3: a device's id, a time"},
        {"a.csv", "device,time,lon,lat\ncow,5\n", "a.csv:2: a device's id, a time"},
        {"a.gpx", "<trkpt lat=\"1\"></trkpt>", "a.gpx: point 1: lat, lon and <time>"},
        {"x/my track.gpx", "<trkpt lat=\"1\" lon=\"1\"><time>2026-11-20T08:00:00Z</time></trkpt>",
         "x/my track.gpx: the device is called as the file, and \"my track\" is no id"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sim_replay *replay = NULL;
        hr_why why = {""};
        assert_int_equal(
            sim_replay_parse(bad[i].path, bad[i].text, strlen(bad[i].text), &replay, &why),
            HR_INVALID);
        assert_null(replay);
        if (strncmp(why.text, bad[i].why, strlen(bad[i].why)) != 0) {
            fail_msg("\"%s\" instead of \"%s\"", why.text, bad[i].why);
        }
    }
}

static void bad_scenarios_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* how it begins */
    } bad[] = {
        {"", "bad.scenario: nobody is in it; add"},
        {"seed x\n", "bad.scenario:1: seed: word 2 must be a number 0 to 9"},
        {"seed 1 2\n", "bad.scenario:1: seed: too many words (write: seed N)"},
        {"# one\n\nnonsense 1\n", "bad.scenario:3: nonsense: there is no such statement"},
        {"fence a keep-in A polygon 0 0 1 1\nherd cow 1 a\n", "bad.scenario:1: fence: too few"},
        {"fence a sideways A polygon 0 0 1 1 1 0\n",
         "bad.scenario:1: fence: the intent is keep-in"},
        {"herd cow 1 nowhere\n", "bad.scenario:1: herd: no polygon above it has that id"},
        {"farms 10 10 5 5\n", "bad.scenario:1: farms: word 4 must be a number 10 to 100000"},
        {"fault gremlins 1\n", "bad.scenario:1: fault: there is no such fault (write: fault loss|"},
        {"fence a info A polygon 0 0 9 9 9 0\nherd cow 5000000 a\n", "bad.scenario:2: herd: "},
        {"gateways 0\n", "bad.scenario:1: gateways: at least one (write: gateways N)"},
        {"fence a info A circle 9 0 0\ndaily 6:00 20:00\n", "bad.scenario:2: daily: it takes two"},
        {"fence a info A circle 9 0 0\ndaily 06:00 24:00\n", "bad.scenario:2: daily: it takes two"},
        {"approach_m 5\n", "bad.scenario:1: approach_m: there is no fence above it"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sim_scenario *scenario = NULL;
        hr_why why = {""};
        const char *text = bad[i].text;
        assert_int_not_equal(
            sim_scenario_parse("bad.scenario", text, strlen(text), &scenario, &why), HR_OK);
        assert_null(scenario);
        if (strncmp(why.text, bad[i].why, strlen(bad[i].why)) != 0) {
            fail_msg("\"%s\" instead of \"%s\"", why.text, bad[i].why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_one_fleet_on_every_machine),
        cmocka_unit_test(another_seed_gives_another_fleet),
        cmocka_unit_test(sines_are_right_to_a_ten_millionth),
        cmocka_unit_test(a_herd_stays_within_its_fence_unless_it_breaks_out),
        cmocka_unit_test(receivers_err_about_as_much_as_they_say),
        cmocka_unit_test(vehicles_do_not_drive_in_convoys),
        cmocka_unit_test(an_error_lasts_as_long_however_often_it_is_told),
        cmocka_unit_test(a_battery_lasts_as_long_as_the_scenario_says),
        cmocka_unit_test(a_run_cut_short_goes_on_as_if_it_had_not_been),
        cmocka_unit_test(recorded_tracks_are_told_in_the_order_of_their_times),
        cmocka_unit_test(bad_recordings_are_refused_with_what_would_be_right),
        cmocka_unit_test(bad_scenarios_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
