/* tests/bench/bench_engine.c - fixes that are in the journal already, to events; and the start
 * after a crash. bench_engine [--quick] [--json FILE]
 * [replay|recovery|queries|memory|within|stall].. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fix.h"
#include "bench_engine.h"
#include "engine/query.h"

#define DEVICES 10000u
#define MEMORY_DEVICES 100000u
#define RUNS 5
#define ACCURACY_DM 50

/* Steps of the herd in turn, run for run forwards and backwards, so that nobody ever jumps. */
static geo_point *steps_of(const geo_point *points, uint32_t count, int run)
{
    geo_point *steps = malloc(count * sizeof *steps);
    must(steps != NULL, "memory", "steps");
    uint32_t rounds = count / DEVICES;
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t from = run % 2 == 0 ? round : rounds - 1 - round;
        memcpy(steps + (size_t)round * DEVICES, points + (size_t)from * DEVICES,
               DEVICES * sizeof *steps);
    }
    return steps;
}

typedef struct replay {
    uint32_t fence_count;
    uint32_t threads;
    uint32_t fix_count; /* a multiple of DEVICES */
    uint16_t accuracy_dm;
} replay;

static void report_replay(const bench *b, const replay *r, double *wall, double *cpu)
{
    char details[256];
    char accuracy[16] = "null";
    if (r->accuracy_dm != HR_FIX_U16_UNKNOWN) {
        snprintf(accuracy, sizeof accuracy, "%d", r->accuracy_dm / 10);
    }
    snprintf(details, sizeof details,
             "\"fences\":%u,\"devices\":%u,\"threads\":%u,\"fixes\":%u,\"accuracy_m\":%s,"
             "\"cpu_ns_per_fix\":%.1f,\"resident_mb\":%ld",
             r->fence_count, DEVICES, r->threads, r->fix_count, accuracy,
             median(cpu, RUNS) / r->fix_count * 1e9, resident_mb());
    report(b, "engine.replay", details, r->fix_count / median(wall, RUNS) / 1e6, NULL, 0,
           "M fixes/s", RUNS);
}

/* From the start of the workers to the last fix read. Every run has fixes of its own, whose events
 * are appended; the fences are indexed already. */
static void bench_replay(const bench *b, const replay *r)
{
    site s;
    farm f;
    farm_options options = {.fence_count = r->fence_count, .cover = 0.65};
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, r->fix_count);
    site_begin(&s, &f, DEVICES);
    site_open_log(&s);
    double wall[RUNS];
    double cpu[RUNS];
    for (int run = 0; run < RUNS; run++) {
        geo_point *steps = steps_of(points, r->fix_count, run);
        site_put_fixes(&s, steps, r->fix_count, r->accuracy_dm);
        free(steps);
        site_start_engine(&s, r->threads);
        double began_s = now_s();
        double began_cpu_s = cpu_s();
        site_wait_ready(&s);
        wall[run] = now_s() - began_s;
        cpu[run] = cpu_s() - began_cpu_s;
        site_stop_engine(&s);
    }
    report_replay(b, r, wall, cpu);
    site_end(&s);
    farm_fini(&f);
    free(points);
}

/* What a restart costs after a crash: journal, catalogue, checkpoint and index are opened, and a
 * million fixes beyond the checkpoint are read. */
static void bench_recovery(const bench *b, uint32_t fence_count)
{
    enum {
        FIXES = 1000000
    };
    site s;
    farm f;
    farm_options options = {.fence_count = fence_count, .cover = 0.65};
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, FIXES);
    site_begin(&s, &f, DEVICES);
    double opened[RUNS], started[RUNS], all[RUNS];
    for (int run = 0; run < RUNS; run++) {
        site_open_log(&s);
        geo_point *steps = steps_of(points, FIXES, run);
        site_put_fixes(&s, steps, FIXES, ACCURACY_DM);
        free(steps);
        site_close_log(&s);
        double began_s = now_s();
        site_open_log(&s);
        opened[run] = now_s() - began_s;
        site_start_engine(&s, 0);
        started[run] = now_s() - began_s - opened[run];
        site_wait_ready(&s);
        all[run] = now_s() - began_s;
        site_stop_engine(&s);
        site_close_log(&s);
    }
    char details[256];
    snprintf(details, sizeof details,
             "\"fences\":%u,\"devices\":%u,\"fixes\":%d,\"open_log_s\":%.3f,\"load_s\":%.3f",
             fence_count, DEVICES, FIXES, median(opened, RUNS), median(started, RUNS));
    report(b, "engine.recovery", details, median(all, RUNS), NULL, 0, "s", RUNS);
    site_open_log(&s);
    site_end(&s);
    farm_fini(&f);
    free(points);
}

static void bench_replays(const bench *b)
{
    uint32_t count = b->is_quick ? 1000000 : 4000000;
    bench_replay(b, &(replay){1000, 1, count, ACCURACY_DM});
    bench_replay(b, &(replay){10000, 1, count, ACCURACY_DM});
    bench_replay(b, &(replay){10000, 1, count, HR_FIX_U16_UNKNOWN});
    bench_replay(b, &(replay){10000, 2, count, ACCURACY_DM});
}

static void bench_recoveries(const bench *b)
{
    bench_recovery(b, 1000);
    bench_recovery(b, 10000);
}

/* ---- memory ---- */

/* Everything that a service keeps for its events and queries, in a process of its own. */
static int tell_memory(const char *folder)
{
    site s = {.device_count = MEMORY_DEVICES};
    hr_why why = {""};
    engine_queries *queries = NULL;
    snprintf(s.folder, sizeof s.folder, "%s", folder);
    site_open_log(&s);
    site_start_engine(&s, 0);
    site_wait_ready(&s);
    engine_queries_options options = {.log = s.log,
                                      .catalog = s.catalog,
                                      .engine = s.engine,
                                      .clock = hr_clock_real(),
                                      .folder = folder,
                                      .ships = true};
    must(engine_queries_start(&options, &queries, &why) == HR_OK, "queries", why.text);
    farm f;
    farm_options one = {.fence_count = 1, .cover = 0.65};
    farm_init(&f, &one);
    geo_point *points = farm_make_points(&f, FARM_WALKING, MEMORY_DEVICES * 3);
    site_put_fixes(&s, points, MEMORY_DEVICES * 3, ACCURACY_DM);
    free(points);
    farm_fini(&f);
    site_wait_read(&s);
    must(engine_queries_settle(queries, 600000) == HR_OK, "queries", "not settled");
    long resident = resident_mb();
    must(engine_checkpoint(s.engine, &why) == HR_OK, "checkpoint", why.text);
    struct rusage usage;
    must(getrusage(RUSAGE_SELF, &usage) == 0, "memory", "getrusage");
    printf("%ld %ld\n", resident, usage.ru_maxrss / 1024);
    engine_queries_stop(queries);
    site_stop_engine(&s);
    site_close_log(&s);
    return 0;
}

static void bench_memory(const bench *b)
{
    site s;
    farm f;
    farm_options options = {.fence_count = 10000, .cover = 0.65};
    farm_init(&f, &options);
    site_begin(&s, &f, MEMORY_DEVICES);
    farm_fini(&f);
    char command[256];
    snprintf(command, sizeof command, "/proc/%d/exe --memory-of %s", (int)getpid(), s.folder);
    FILE *child = popen(command, "r");
    double megabytes = 0;
    long peak_megabytes = 0;
    must(child != NULL && fscanf(child, "%lf %ld", &megabytes, &peak_megabytes) == 2, "memory",
         "no answer");
    must(pclose(child) == 0, "memory", "the process failed");
    char details[128];
    snprintf(
        details, sizeof details,
        "\"devices\":%u,\"fences\":10000,\"queries\":\"shipped\",\"peak_with_a_checkpoint_mb\":%ld",
        MEMORY_DEVICES, peak_megabytes);
    report(b, "engine.memory", details, megabytes, NULL, 0, "MB resident", 1);
    site_open_log(&s);
    site_end(&s);
}

static const struct {
    const char *name;
    void (*run)(const bench *b);
} parts[] = {
    {"replay", bench_replays},  {"recovery", bench_recoveries}, {"memory", bench_memory},
    {"within", bench_within},   {"stall", bench_stall},         {"queries", bench_queries},
    {"history", bench_history},
};

#define PARTS (sizeof parts / sizeof *parts)

int main(int argc, char **argv)
{
    bench b = {.json = NULL};
    bool wanted[PARTS] = {false};
    bool is_chosen = false;
    if (argc == 3 && strcmp(argv[1], "--memory-of") == 0) {
        return tell_memory(argv[2]);
    }
    for (int i = 1; i < argc; i++) {
        bool is_part = false;
        for (size_t p = 0; p < PARTS; p++) {
            if (strcmp(argv[i], parts[p].name) == 0) {
                wanted[p] = is_part = is_chosen = true;
            }
        }
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            must(b.json != NULL, "--json", argv[i]);
        } else {
            must(is_part, "not known", argv[i]);
        }
    }
    for (size_t p = 0; p < PARTS; p++) {
        if (wanted[p] || !is_chosen) {
            parts[p].run(&b);
        }
    }
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
