/* tests/bench/bench_engine_history.c - the historian: how fast it follows the log, what a fix costs
 * the disk, what it costs the workers beside it, and how long a track takes to read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fix.h"
#include "bench_engine.h"
#include "engine/history.h"
#include "engine/history_read.h"

#define DEVICES 10000u
#define RUNS 5
#define ACCURACY_DM 50
#define SETTLE_MS 120000
#define HOURS 24
#define DAY_DEVICES 1000u

static engine_history *start_history(site *s, const char *name)
{
    char path[160];
    engine_history *history = NULL;
    hr_why why = {.text = ""};
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    engine_history_options options = {
        .log = s->log, .catalog = s->catalog, .clock = hr_clock_real(), .path = path};
    must(engine_history_start(&options, &history, &why) == HR_OK, "history", why.text);
    return history;
}

static void settle(engine_history *history)
{
    hr_why why = {.text = ""};
    must(engine_history_settle(history, SETTLE_MS, &why) == HR_OK, "history", why.text);
}

/* Bytes handed to write() by this process so far. */
static double written_bytes(void)
{
    char line[128];
    unsigned long long bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "wchar: %llu", &bytes);
    }
    if (file != NULL) {
        fclose(file);
    }
    return (double)bytes;
}

static double file_bytes(const site *s, const char *name)
{
    char path[160];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

/* A log that the historian has never seen, written from its start. */
static void bench_follow(const bench *b, site *s, uint32_t count)
{
    double wall[RUNS];
    double cpu[RUNS];
    double written[RUNS];
    double kept = 0;
    for (int run = 0; run < RUNS; run++) {
        char name[32];
        snprintf(name, sizeof name, "history-%d.db", run);
        double began_s = now_s();
        double began_cpu_s = cpu_s();
        double began_bytes = written_bytes();
        engine_history *history = start_history(s, name);
        settle(history);
        wall[run] = now_s() - began_s;
        cpu[run] = cpu_s() - began_cpu_s;
        engine_history_stop(history);
        written[run] = (written_bytes() - began_bytes) / count;
        kept = file_bytes(s, name) / count;
    }
    char details[256];
    snprintf(details, sizeof details,
             "\"devices\":%u,\"fixes\":%u,\"cpu_ns_per_fix\":%.1f,\"file_bytes_per_fix\":%.2f,"
             "\"written_bytes_per_fix\":%.2f,\"resident_mb\":%ld",
             s->device_count, count, median(cpu, RUNS) / count * 1e9, kept, median(written, RUNS),
             resident_mb());
    report(b, "engine.history.follow", details, count / median(wall, RUNS) / 1e6, NULL, 0,
           "M fixes/s", RUNS);
}

/* The workers' time for the same fixes, alone and with the historian at work. */
static void bench_beside(const bench *b, site *s, const geo_point *points, uint32_t count,
                         uint32_t threads)
{
    double alone[RUNS];
    double beside[RUNS];
    for (int run = 0; run < 2 * RUNS; run++) {
        engine_history *history = run % 2 == 1 ? start_history(s, "beside.db") : NULL;
        site_put_fixes(s, points, count, ACCURACY_DM);
        site_start_engine(s, threads);
        double began_s = now_s();
        site_wait_read(s);
        *(run % 2 == 1 ? &beside[run / 2] : &alone[run / 2]) = now_s() - began_s;
        site_stop_engine(s);
        engine_history_stop(history);
    }
    char details[256];
    double without = count / median(alone, RUNS) / 1e6;
    snprintf(details, sizeof details, "\"devices\":%u,\"fixes\":%u,\"threads\":%u", s->device_count,
             count, threads);
    report(b, "engine.history.beside", details, count / median(beside, RUNS) / 1e6,
           "without the historian", without, "M fixes/s", RUNS);
}

static void bench_history_replay(const bench *b)
{
    uint32_t count = b->is_quick ? 1000000 : 4000000;
    site s;
    farm f;
    farm_options options = {.fence_count = 1000, .cover = 0.65};
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, count);
    site_begin(&s, &f, DEVICES);
    site_open_log(&s);
    site_put_fixes(&s, points, count, ACCURACY_DM);
    bench_follow(b, &s, count);
    bench_beside(b, &s, points, count, 1);
    bench_beside(b, &s, points, count, 2);
    site_end(&s);
    farm_fini(&f);
    free(points);
}

/* The fixes of one device, of a day in slots of ten minutes. */
static void bench_history_track(const bench *b)
{
    enum {
        PER_SLOT = 10,
        SLOTS = HOURS * 6,
    };
    site s;
    farm f;
    double wall[RUNS * 20];
    char id[24];
    history_reader *reader = NULL;
    farm_options options = {.fence_count = 10, .cover = 0.65};
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, DAY_DEVICES * PER_SLOT);
    site_begin(&s, &f, DAY_DEVICES);
    site_open_log(&s);
    engine_history *history = start_history(&s, "day.db");
    for (int slot = 0; slot < SLOTS; slot++) {
        site_put_fixes(&s, points, DAY_DEVICES * PER_SLOT, ACCURACY_DM);
        settle(history);
    }
    uint32_t found = 0;
    for (int run = 0; run < RUNS * 20; run++) {
        history_span span = {.has_device = true,
                             .device = site_device_key((uint32_t)run * 7 % DAY_DEVICES, id),
                             .from_ms = INT64_MIN,
                             .to_ms = INT64_MAX};
        hr_fix fix;
        double began_s = now_s();
        must(history_reader_new(history, s.log, &reader, NULL) == HR_OK &&
                 history_track_begin(reader, &span, NULL) == HR_OK,
             "reader", "");
        for (found = 0; history_track_next(reader, &fix, NULL) == HR_OK; found++) {
        }
        wall[run] = (now_s() - began_s) * 1e3;
        history_reader_free(reader);
    }
    char details[256];
    snprintf(details, sizeof details,
             "\"devices\":%u,\"slots\":%d,\"fixes\":%u,\"file_bytes_per_fix\":%.2f", DAY_DEVICES,
             SLOTS, found, file_bytes(&s, "day.db") / ((double)DAY_DEVICES * PER_SLOT * SLOTS));
    report(b, "engine.history.track", details, median(wall, RUNS * 20), NULL, 0, "ms", RUNS * 20);
    engine_history_stop(history);
    site_end(&s);
    farm_fini(&f);
    free(points);
}

void bench_history(const bench *b)
{
    bench_history_replay(b);
    bench_history_track(b);
}
