/* tests/bench/bench_engine.c - fixes that are in the journal already, to events. */
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fix.h"
#include "base/id.h"
#include "base/record.h"
#include "bench_farm.h"
#include "engine/change.h"
#include "log/log.h"

#define PARTITIONS 8
#define DEVICES 10000
#define FRAME_FIXES 1000
#define RUNS 3
#define T0 1795161600000

static const log_topic topics[] = {{"positions", PARTITIONS}, {"events", 1}, {"dead", 1}};

typedef struct site {
    char folder[64];
    log_store *log;
    catalog *catalog;
    engine *engine;
} site;

static void must(bool ok, const char *what, const char *why)
{
    if (!ok) {
        fprintf(stderr, "bench_engine: %s: %s\n", what, why);
        exit(1);
    }
}

static double now_s(void)
{
    return (double)hr_clock_mono_ns(hr_clock_real()) * 1e-9;
}

static void open_log(site *s)
{
    char path[96];
    hr_why why = {""};
    geo_why geo = {""};
    snprintf(path, sizeof path, "%s/journal", s->folder);
    log_options options = {
        .folder = path, .topics = topics, .topic_count = 3, .clock = hr_clock_real()};
    must(log_open(&options, &s->log, &why) == HR_OK, "log_open", why.text);
    snprintf(path, sizeof path, "%s/catalog.db", s->folder);
    must(catalog_open(path, &s->catalog, &geo) == GEO_OK, "catalog_open", geo.text);
}

static void start_engine(site *s, uint32_t threads)
{
    char path[96];
    hr_why why = {""};
    snprintf(path, sizeof path, "%s/checkpoint", s->folder);
    engine_options options = {.log = s->log,
                              .catalog = s->catalog,
                              .folder = path,
                              .thread_count = threads,
                              .checkpoint_bytes_min = UINT64_MAX};
    must(engine_start(&options, &s->engine, &why) == HR_OK, "engine_start", why.text);
}

static void wait_ready(site *s)
{
    hr_why why = {""};
    must(engine_wait_ready(s->engine, 600000, &why) == HR_OK, "engine_wait_ready", why.text);
}

static void close_site(site *s)
{
    engine_stop(s->engine);
    catalog_close(s->catalog);
    log_close(s->log);
    s->engine = NULL;
}

static void put_ring(hr_buf *out, const geo_area *area)
{
    hr_buf_put_text(out, "[");
    for (uint32_t i = 0; i <= area->vertex_count; i++) {
        geo_point p = area->vertices[i % area->vertex_count];
        hr_buf_printf(out, "%s[%.7f,%.7f]", i > 0 ? "," : "", p.lon_e7 * 1e-7, p.lat_e7 * 1e-7);
    }
    hr_buf_put_text(out, "]");
}

static void put_fences(site *s, const farm *f)
{
    hr_why why = {""};
    geo_why geo = {""};
    hr_buf text;
    hr_buf_init(&text, 1u << 30);
    hr_buf_put_text(&text, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (uint32_t i = 0; i < f->options.fence_count; i++) {
        hr_buf_printf(&text,
                      "%s{\"type\":\"Feature\",\"id\":\"f%u\",\"properties\":{\"name\":\"f%u\"},"
                      "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[",
                      i > 0 ? "," : "", i, i);
        put_ring(&text, f->areas[i]);
        hr_buf_put_text(&text, "]}}");
    }
    hr_buf_put_text(&text, "]}");
    must(hr_buf_err(&text) == HR_OK, "fences", "too many");
    engine_change *change;
    must(engine_change_begin(s->engine, "bench", T0, &change, &why) == HR_OK, "change", why.text);
    uint32_t count;
    catalog_import_options options = {.replace_existing = true};
    must(catalog_change_import(engine_change_edits(change), (const char *)text.data, text.size,
                               &options, &count, &geo) == GEO_OK,
         "import", geo.text);
    must(engine_change_commit(change, NULL, &why) == HR_OK, "commit", why.text);
    hr_buf_fini(&text);
}

static uint64_t key_of(uint32_t device, char id[24])
{
    int size = snprintf(id, 24, "cow-%u", device);
    return hr_device_key(id, (size_t)size);
}

static void put_names(site *s)
{
    for (uint32_t d = 0; d < DEVICES; d++) {
        char id[24];
        uint8_t record[4 + 8 + 24];
        uint64_t key = key_of(d, id);
        hr_store_u32(record, (uint32_t)(8 + strlen(id)));
        hr_store_u64(record + 4, key);
        memcpy(record + 12, id, strlen(id));
        log_batch batch = {.topic = HR_TOPIC_POSITIONS,
                           .type = HR_RECORD_NAME,
                           .partition = (uint16_t)hr_device_partition(key, PARTITIONS),
                           .count = 1,
                           .bytes = record,
                           .size = 12 + strlen(id)};
        log_position end;
        must(log_append(s->log, &batch, 1, NULL, NULL, &end) == HR_OK, "append", "names");
    }
}

/* Frames of 1,000 fixes of all devices in turn, as gateways send them. */
static void put_fixes(site *s, const geo_point *points, uint32_t count)
{
    static uint8_t bytes[PARTITIONS][FRAME_FIXES * HR_FIX_BYTES];
    static uint64_t keys[DEVICES];
    for (uint32_t d = 0; d < DEVICES; d++) {
        char id[24];
        keys[d] = key_of(d, id);
    }
    for (uint32_t first = 0; first < count; first += FRAME_FIXES) {
        uint32_t counts[PARTITIONS] = {0};
        log_batch batches[PARTITIONS];
        uint32_t used = 0;
        for (uint32_t i = first; i < first + FRAME_FIXES; i++) {
            uint64_t key = keys[i % DEVICES];
            uint32_t p = hr_device_partition(key, PARTITIONS);
            hr_fix fix = {.device = key,
                          .time_ms = T0 + (int64_t)(i / DEVICES) * 5000,
                          .lon_e7 = points[i].lon_e7,
                          .lat_e7 = points[i].lat_e7,
                          .accuracy_dm = HR_FIX_U16_UNKNOWN,
                          .speed_cm_s = 100,
                          .heading_cdeg = HR_FIX_U16_UNKNOWN,
                          .battery_pct = 90};
            hr_fix_store(bytes[p] + (size_t)counts[p]++ * HR_FIX_BYTES, &fix);
        }
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            if (counts[p] > 0) {
                batches[used++] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                              .type = HR_RECORD_FIX,
                                              .partition = (uint16_t)p,
                                              .count = counts[p],
                                              .record_bytes = HR_FIX_BYTES,
                                              .bytes = bytes[p],
                                              .size = (size_t)counts[p] * HR_FIX_BYTES};
            }
        }
        log_position end;
        must(log_append(s->log, batches, used, NULL, NULL, &end) == HR_OK, "append", "fixes");
    }
}

static bool has_read_all(const site *s)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (engine_offset(s->engine, p) <
            log_end(s->log, HR_TOPIC_POSITIONS, (uint16_t)p, LOG_APPENDED)) {
            return false;
        }
    }
    return true;
}

/* From the engine's start to the last fix read, on the same log every time. */
static double run_once(site *s, uint32_t threads)
{
    double began = now_s();
    start_engine(s, threads);
    while (!has_read_all(s)) {
        log_wait(s->log, LOG_APPENDED, UINT64_MAX, 1);
    }
    return now_s() - began;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void report(FILE *to, uint32_t fences, uint32_t threads, uint32_t count, double seconds)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double rate = count / seconds / 1e6;
    fprintf(to,
            "{\"bench\":\"engine.replay\",\"case\":{\"fences\":%u,\"devices\":%d,\"threads\":%u,"
            "\"fixes\":%u,\"resident_mb\":%ld},\"ours\":%.3f,\"peer\":null,\"theirs\":null,"
            "\"unit\":\"M fixes/s\",\"ratio\":null,\"runs\":%d}\n",
            fences, DEVICES, threads, count, usage.ru_maxrss / 1024, rate, RUNS);
    fflush(to);
}

static void measure(FILE *to, uint32_t fences, uint32_t threads, uint32_t count)
{
    site s = {.folder = "./bench_engine_XXXXXX"};
    farm f;
    farm_options options = {.fence_count = fences, .cover = 0.65};
    must(mkdtemp(s.folder) != NULL, "mkdtemp", s.folder);
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, count);
    open_log(&s);
    start_engine(&s, 1);
    wait_ready(&s);
    put_fences(&s, &f);
    close_site(&s);
    open_log(&s);
    put_names(&s);
    put_fixes(&s, points, count);
    double seconds[RUNS];
    for (int run = 0; run < RUNS; run++) {
        seconds[run] = run_once(&s, threads);
        /* The next run must begin where this one did, not at the checkpoint of this stop. */
        if (run + 1 < RUNS) {
            char path[128];
            engine_stop(s.engine);
            snprintf(path, sizeof path, "%s/checkpoint/%010d.ckpt", s.folder, 2);
            unlink(path);
        }
    }
    qsort(seconds, RUNS, sizeof *seconds, compare_doubles);
    report(to, fences, threads, count, seconds[RUNS / 2]);
    close_site(&s);
    farm_fini(&f);
    free(points);
    nftw(s.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    FILE *to = stdout;
    uint32_t count = 4000000;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            count = 1000000;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            to = fopen(argv[++i], "w");
            must(to != NULL, "--json", argv[i]);
        }
    }
    measure(to, 1000, 1, count);
    measure(to, 10000, 1, count);
    measure(to, 10000, 2, count);
    return 0;
}
