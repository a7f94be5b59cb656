/* tests/bench/bench_engine_pull.c - questions about now: how many a second, and how long they keep
 * a worker waiting. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fix.h"
#include "base/record.h"
#include "bench_engine.h"
#include "engine/internal.h"
#include "engine/live.h"

#define DEVICES 100000u
#define PADDOCKS 1024
#define RUNS 5
#define CENTER_LON_E7 163700000
#define CENTER_LAT_E7 598500000
#define HALF_LON_E7 4450000 /* of the countryside */
#define HALF_LAT_E7 2240000
#define FEED_FIXES 125   /* of a frame of a thousand, one partition's share */
#define PADDOCK_E7 18000 /* about 200 m to the corner: some 5 devices */

/* A hundred thousand devices, each with a latest fix. */
static void begin_site(site *s, farm *f)
{
    farm_options options = {.fence_count = 100, .cover = 0.65};
    farm_init(f, &options);
    geo_point *points = malloc(DEVICES * sizeof *points);
    must(points != NULL, "memory", "points");
    for (uint32_t i = 0; i < DEVICES; i++) {
        points[i].lon_e7 =
            CENTER_LON_E7 - HALF_LON_E7 + (int32_t)(farm_random(&f->random) % (2 * HALF_LON_E7));
        points[i].lat_e7 =
            CENTER_LAT_E7 - HALF_LAT_E7 + (int32_t)(farm_random(&f->random) % (2 * HALF_LAT_E7));
    }
    site_begin(s, f, DEVICES);
    site_open_log(s);
    site_put_fixes(s, points, DEVICES, 50);
    site_start_engine(s, 2);
    site_wait_read(s);
    free(points);
}

/* Five corners around a random place. */
static geo_area *make_paddock(farm *f)
{
    geo_point corners[5];
    geo_point center = {CENTER_LON_E7 + (int32_t)(farm_random(&f->random) % HALF_LON_E7),
                        CENTER_LAT_E7 + (int32_t)(farm_random(&f->random) % HALF_LAT_E7)};
    for (int i = 0; i < 5; i++) {
        double angle = 2 * 3.14159265358979 * i / 5;
        corners[i].lon_e7 = center.lon_e7 + (int32_t)lround(2 * PADDOCK_E7 * cos(angle));
        corners[i].lat_e7 = center.lat_e7 + (int32_t)lround(PADDOCK_E7 * sin(angle));
    }
    uint32_t ring_end = 5;
    geo_area *area = NULL;
    must(geo_area_new(corners, &ring_end, 1, &area) == GEO_OK, "paddock", "not an area");
    return area;
}

/* ---- the peer: the same places in an R*Tree of SQLite, in memory ---- */

typedef struct peer {
    sqlite3 *db;
    sqlite3_stmt *find;
} peer;

static void check(const peer *p, int status)
{
    must(status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW, "sqlite",
         sqlite3_errmsg(p->db));
}

static void peer_open(peer *p, site *s)
{
    sqlite3_stmt *insert;
    engine_answer all;
    must(sqlite3_open(":memory:", &p->db) == SQLITE_OK, "sqlite", "cannot open");
    check(p, sqlite3_exec(p->db, "create virtual table at using rtree_i32(id,w,e,s,n)", NULL, NULL,
                          NULL));
    check(p, sqlite3_exec(p->db, "begin", NULL, NULL, NULL));
    check(p, sqlite3_prepare_v2(p->db, "insert into at values(?,?2,?2,?3,?3)", -1, &insert, NULL));
    engine_answer_init(&all);
    must(engine_devices_list(s->engine, NULL, DEVICES, &all) == HR_OK, "list", "devices");
    must(all.count == DEVICES, "list", "not all devices are there");
    for (size_t i = 0; i < all.count; i++) {
        sqlite3_bind_int(insert, 1, (int)i + 1);
        sqlite3_bind_int(insert, 2, all.devices[i].fix.lon_e7);
        sqlite3_bind_int(insert, 3, all.devices[i].fix.lat_e7);
        check(p, sqlite3_step(insert));
        check(p, sqlite3_reset(insert));
    }
    engine_answer_fini(&all);
    sqlite3_finalize(insert);
    check(p, sqlite3_exec(p->db, "commit", NULL, NULL, NULL));
    check(p,
          sqlite3_prepare_v2(p->db, "select id,w,s from at where w>=? and e<=? and s>=? and n<=?",
                             -1, &p->find, NULL));
}

/* The box by the tree, the rest by the same ring test as ours. */
static size_t peer_within(peer *p, const geo_area *area)
{
    size_t count = 0;
    sqlite3_bind_int(p->find, 1, area->box.min.lon_e7);
    sqlite3_bind_int(p->find, 2, area->box.max.lon_e7);
    sqlite3_bind_int(p->find, 3, area->box.min.lat_e7);
    sqlite3_bind_int(p->find, 4, area->box.max.lat_e7);
    while (sqlite3_step(p->find) == SQLITE_ROW) {
        geo_point at = {sqlite3_column_int(p->find, 1), sqlite3_column_int(p->find, 2)};
        count += geo_area_contains(area, at);
    }
    check(p, sqlite3_reset(p->find));
    return count;
}

static void peer_close(peer *p)
{
    sqlite3_finalize(p->find);
    sqlite3_close(p->db);
}

void bench_within(const bench *b)
{
    site s;
    farm f;
    peer p;
    engine_answer answer;
    geo_area *paddocks[PADDOCKS];
    int rounds = b->is_quick ? 10 : 100;
    size_t found = 0;
    double ours[RUNS], theirs[RUNS];
    engine_answer_init(&answer);
    begin_site(&s, &f);
    peer_open(&p, &s);
    for (int i = 0; i < PADDOCKS; i++) {
        paddocks[i] = make_paddock(&f);
        must(engine_within(s.engine, paddocks[i], &answer) == HR_OK, "within", "failed");
        must(answer.count == peer_within(&p, paddocks[i]), "within", "the peer says otherwise");
        found += answer.count;
    }
    for (int run = 0; run < RUNS; run++) {
        double began_s = cpu_s();
        for (int i = 0; i < rounds * PADDOCKS; i++) {
            must(engine_within(s.engine, paddocks[i % PADDOCKS], &answer) == HR_OK, "within", "");
        }
        ours[run] = rounds * PADDOCKS / (cpu_s() - began_s) / 1000;
        began_s = cpu_s();
        for (int i = 0; i < rounds * PADDOCKS; i++) {
            peer_within(&p, paddocks[i % PADDOCKS]);
        }
        theirs[run] = rounds * PADDOCKS / (cpu_s() - began_s) / 1000;
    }
    char details[128];
    snprintf(details, sizeof details, "\"devices\":%u,\"vertices\":5,\"found\":%.1f", DEVICES,
             (double)found / PADDOCKS);
    report(b, "engine.within", details, median(ours, RUNS), "SQLite R*Tree, exact test as ours",
           median(theirs, RUNS), "k queries/s", RUNS);
    for (int i = 0; i < PADDOCKS; i++) {
        geo_area_free(paddocks[i]);
    }
    peer_close(&p);
    engine_answer_fini(&answer);
    site_end(&s);
    farm_fini(&f);
}

/* ---- how long readers keep a worker waiting ---- */

typedef struct asker {
    site *site;
    _Atomic bool is_stopping;
    _Atomic uint64_t answers;
} asker;

/* The longest questions that there are, one after the other. */
static void *ask(void *context)
{
    asker *a = context;
    engine_answer answer;
    engine_answer_init(&answer);
    geo_box world = {{-GEO_LON_E7_MAX, -GEO_LAT_E7_MAX}, {GEO_LON_E7_MAX, GEO_LAT_E7_MAX}};
    while (!atomic_load(&a->is_stopping)) {
        engine_moved_mark mark = {{0}};
        must(engine_devices_list(a->site->engine, NULL, 1000, &answer) == HR_OK, "list", "");
        must(engine_moved(a->site->engine, world, &mark, &answer) == HR_OK, "moved", "");
        must(engine_fence_devices(a->site->engine, "f1", &answer) == HR_OK, "fence", "");
        must(engine_nearby(a->site->engine, (geo_point){CENTER_LON_E7, CENTER_LAT_E7}, 10000, 1000,
                           &answer) == HR_OK,
             "nearby", "");
        atomic_fetch_add(&a->answers, 4);
    }
    engine_answer_fini(&answer);
    return NULL;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* The worker's batches, as this thread applies them to a partition: fixes of all its devices in
 * turn. */
typedef struct feed {
    engine_partition *partition;
    uint32_t device; /* the next one's number */
    int64_t time_ms;
} feed;

/* How long this thread has waited for a processor that others had, until now. */
static double unscheduled_us(void)
{
    static int file = -1;
    char text[128] = {0};
    unsigned long long ran_ns;
    unsigned long long waited_ns = 0;
    if (file < 0) {
        file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    }
    must(pread(file, text, sizeof text - 1, 0) > 0 &&
             sscanf(text, "%llu %llu", &ran_ns, &waited_ns) == 2,
         "schedstat", "not in this kernel");
    return (double)waited_ns / 1000;
}

/* Microseconds of wall time, and of those that it had a processor or waited for anything else. */
typedef struct took {
    double wall_us;
    double own_us;
} took;

static took apply_batch(feed *feed)
{
    static uint8_t bytes[FEED_FIXES * HR_FIX_BYTES];
    const engine_devices *devices = &feed->partition->devices;
    hr_why why = {""};
    for (uint32_t i = 0; i < FEED_FIXES; i++) {
        feed->time_ms += feed->device == 0 ? 1000 : 0;
        hr_fix fix = engine_device_fix(devices, feed->device);
        fix.time_ms = feed->time_ms;
        hr_fix_store(bytes + (size_t)i * HR_FIX_BYTES, &fix);
        feed->device = (feed->device + 1) % devices->count;
    }
    log_view view = {.type = HR_RECORD_FIX,
                     .count = FEED_FIXES,
                     .record_bytes = HR_FIX_BYTES,
                     .first_offset = atomic_load(&feed->partition->offset),
                     .append_ms = feed->time_ms,
                     .bytes = bytes,
                     .size = sizeof bytes};
    double unscheduled_before_us = unscheduled_us();
    double began_s = now_s();
    must(engine_partition_apply(feed->partition, &view, &why) == HR_OK, "apply", why.text);
    double wall_us = (now_s() - began_s) * 1e6;
    return (took){wall_us, wall_us - (unscheduled_us() - unscheduled_before_us)};
}

/* Sorted; the longest of its own time is returned. */
static double apply_batches(const site *s, double *took_us, int count)
{
    double own_max_us = 0;
    static feed feeds[PARTITIONS];
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        feeds[p].partition = &s->engine->partitions[p];
        feeds[p].time_ms = feeds[p].time_ms > 0 ? feeds[p].time_ms : T0 + 1000;
    }
    for (int i = 0; i < count; i++) {
        took took = apply_batch(&feeds[i % PARTITIONS]);
        took_us[i] = took.wall_us;
        own_max_us = fmax(own_max_us, took.own_us);
    }
    qsort(took_us, (size_t)count, sizeof *took_us, compare_doubles);
    return own_max_us;
}

/* How often this thread has slept because it had to wait. */
static long waits(void)
{
    struct rusage usage;
    must(getrusage(RUSAGE_THREAD, &usage) == 0, "getrusage", "failed");
    return usage.ru_nvcsw;
}

/* How long a worker takes for a batch, with nobody asking and with the longest questions there are.
 * The workers themselves sleep: this thread does their work, without their reading. */
void bench_stall(const bench *b)
{
    enum {
        BATCHES = 100000
    };
    static double alone_us[BATCHES];
    static double beside_us[BATCHES];
    int count = b->is_quick ? BATCHES / 10 : BATCHES;
    site s;
    farm f;
    begin_site(&s, &f);
    double alone_own_max_us = apply_batches(&s, alone_us, count);
    asker asker = {.site = &s};
    pthread_t thread;
    must(pthread_create(&thread, NULL, ask, &asker) == 0, "thread", "cannot start");
    long waits_before = waits();
    double own_max_us = apply_batches(&s, beside_us, count);
    long waited = waits() - waits_before;
    atomic_store(&asker.is_stopping, true);
    pthread_join(thread, NULL);
    char details[512];
    snprintf(details, sizeof details,
             "\"devices\":%u,\"readers\":1,\"answers\":%llu,\"fixes\":%d,\"waits\":%ld,"
             "\"p50_us\":%.2f,\"max_us\":%.1f,\"max_with_a_processor_us\":%.1f,"
             "\"alone_p50_us\":%.2f,\"alone_max_us\":%.1f,\"alone_max_with_a_processor_us\":%.1f",
             DEVICES, (unsigned long long)atomic_load(&asker.answers), FEED_FIXES, waited,
             beside_us[count / 2], beside_us[count - 1], own_max_us, alone_us[count / 2],
             alone_us[count - 1], alone_own_max_us);
    report(b, "engine.stall", details, beside_us[(size_t)count / 1000 * 999], "no reader",
           alone_us[(size_t)count / 1000 * 999], "us p99.9 a batch", 1);
    site_end(&s);
    farm_fini(&f);
}
