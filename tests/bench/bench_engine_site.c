/* tests/bench/bench_engine_site.c - the folder, the fences and the fixes of the engine's
 * measurements. */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fix.h"
#include "base/id.h"
#include "base/record.h"
#include "bench_engine.h"
#include "bench_line.h"
#include "engine/change.h"

#define FIX_PERIOD_MS 5000
#define POLL_MS 10
#define WAIT_MS 600000

static const log_topic topics[] = {{"positions", PARTITIONS}, {"events", 1}, {"dead", 1}};

void must(bool ok, const char *what, const char *why)
{
    if (!ok) {
        fprintf(stderr, "bench_engine: %s: %s\n", what, why);
        exit(1);
    }
}

double now_s(void)
{
    return (double)hr_clock_mono_ns(hr_clock_real()) * 1e-9;
}

double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

long resident_mb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    must(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "memory", "/proc/self/statm");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[count / 2];
}

void report(const bench *b, const char *name, const char *details, double ours, const char *peer,
            double theirs, const char *unit, int runs)
{
    bench_line_put(b->json, &(bench_line){.name = name,
                                          .details = details,
                                          .ours = ours,
                                          .unit = unit,
                                          .peer = peer,
                                          .theirs = theirs,
                                          .runs = runs});
}

void site_open_log(site *s)
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

void site_start_engine(site *s, uint32_t threads)
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

void site_wait_ready(const site *s)
{
    hr_why why = {""};
    must(engine_wait_ready(s->engine, WAIT_MS, &why) == HR_OK, "engine_wait_ready", why.text);
}

void site_stop_engine(site *s)
{
    if (s->engine != NULL) {
        site_wait_ready(s);
    }
    engine_stop(s->engine);
    s->engine = NULL;
}

void site_close_log(site *s)
{
    catalog_close(s->catalog);
    log_close(s->log);
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
    site_wait_ready(s);
    must(engine_change_begin(s->engine, "bench", T0, &change, &why) == HR_OK, "change", why.text);
    uint32_t count;
    catalog_import_options options = {.replace_existing = true};
    must(catalog_change_import(engine_change_edits(change), (const char *)text.data, text.size,
                               &options, &count, &geo) == GEO_OK,
         "import", geo.text);
    must(engine_change_commit(change, NULL, &why) == HR_OK, "commit", why.text);
    hr_buf_fini(&text);
}

uint64_t site_device_key(uint32_t device, char id[24])
{
    int size = snprintf(id, 24, "cow-%u", device);
    return hr_device_key(id, (size_t)size);
}

static void put_names(site *s)
{
    for (uint32_t d = 0; d < s->device_count; d++) {
        char id[24];
        uint8_t record[4 + 8 + 24];
        uint64_t key = site_device_key(d, id);
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

void site_begin(site *s, const farm *f, uint32_t device_count)
{
    *s = (site){.folder = "./bench_engine_XXXXXX", .device_count = device_count, .next_ms = T0};
    must(mkdtemp(s->folder) != NULL, "mkdtemp", s->folder);
    site_open_log(s);
    site_start_engine(s, 1);
    put_fences(s, f);
    put_names(s);
    site_wait_read(s);
    site_stop_engine(s);
    site_close_log(s);
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void site_end(site *s)
{
    site_stop_engine(s);
    site_close_log(s);
    nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* One frame, from the fixes' bytes of each partition. */
static void put_frame(site *s, uint8_t bytes[PARTITIONS][FRAME_FIXES * HR_FIX_BYTES],
                      const uint32_t counts[PARTITIONS])
{
    log_batch batches[PARTITIONS];
    uint32_t used = 0;
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

void site_put_fixes(site *s, const geo_point *points, uint32_t count, uint16_t accuracy_dm)
{
    static uint8_t bytes[PARTITIONS][FRAME_FIXES * HR_FIX_BYTES];
    uint64_t *keys = malloc(s->device_count * sizeof *keys);
    must(keys != NULL, "memory", "keys");
    for (uint32_t d = 0; d < s->device_count; d++) {
        char id[24];
        keys[d] = site_device_key(d, id);
    }
    for (uint32_t first = 0; first < count; first += FRAME_FIXES) {
        uint32_t counts[PARTITIONS] = {0};
        for (uint32_t i = first; i < first + FRAME_FIXES; i++) {
            uint64_t key = keys[i % s->device_count];
            uint32_t p = hr_device_partition(key, PARTITIONS);
            hr_fix fix = {.device = key,
                          .time_ms = s->next_ms + (int64_t)(i / s->device_count) * FIX_PERIOD_MS,
                          .lon_e7 = points[i].lon_e7,
                          .lat_e7 = points[i].lat_e7,
                          .accuracy_dm = accuracy_dm,
                          .speed_cm_s = 100,
                          .heading_cdeg = HR_FIX_U16_UNKNOWN,
                          .battery_pct = 90};
            hr_fix_store(bytes[p] + (size_t)counts[p]++ * HR_FIX_BYTES, &fix);
        }
        put_frame(s, bytes, counts);
    }
    s->next_ms += (int64_t)(count / s->device_count) * FIX_PERIOD_MS;
    free(keys);
    /* What is measured next shall not compete with the disk for these. */
    while (log_durable(s->log) < log_appended(s->log)) {
        log_wait(s->log, LOG_COMMITTED, log_durable(s->log), 100);
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

void site_wait_read(const site *s)
{
    while (!has_read_all(s)) {
        /* Looking every millisecond, as one would like to, halves the pace of what is measured. */
        log_wait(s->log, LOG_APPENDED, UINT64_MAX, POLL_MS);
    }
}
