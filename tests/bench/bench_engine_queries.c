/* tests/bench/bench_engine_queries.c - fixes that are in the journal already, to events and to the
 * shipped standing queries' windows; and what those hold in memory. */
#include <stdlib.h>
#include <string.h>

#include "base/fix.h"
#include "bench_engine.h"
#include "engine/change.h"
#include "engine/query.h"

#define ACCURACY_DM 50
#define RUNS 3
#define GROUPS 20
#define SETTLE_MS 600000

/* Every n-th device is in one of some groups. */
static void put_groups(site *s, uint32_t every)
{
    hr_why why = {""};
    geo_why geo = {""};
    engine_change *change;
    site_start_engine(s, 1);
    site_wait_ready(s);
    must(engine_change_begin(s->engine, "bench", T0, &change, &why) == HR_OK, "change", why.text);
    for (uint32_t d = 0; d < s->device_count; d += every) {
        char id[24];
        char text[64];
        (void)site_device_key(d, id);
        int size = snprintf(text, sizeof text, "{\"groups\":[\"group-%u\"]}", d / every % GROUPS);
        must(catalog_change_device(engine_change_edits(change), id, text, (size_t)size, CATALOG_ANY,
                                   &geo) == GEO_OK,
             "groups", geo.text);
    }
    must(engine_change_commit(change, NULL, &why) == HR_OK, "commit", why.text);
    site_wait_read(s);
    site_stop_engine(s);
}

static engine_queries *start_queries(const site *s)
{
    char path[96];
    hr_why why = {""};
    engine_queries *queries;
    snprintf(path, sizeof path, "%s/checkpoint", s->folder);
    engine_queries_options options = {.log = s->log,
                                      .catalog = s->catalog,
                                      .engine = s->engine,
                                      .clock = hr_clock_real(),
                                      .folder = path,
                                      .ships = true};
    must(engine_queries_start(&options, &queries, &why) == HR_OK, "queries", why.text);
    return queries;
}

/* The sum of a member over all queries; all of them run. */
static double sum_of(engine_queries *queries, const char *member)
{
    hr_buf text;
    double sum = 0;
    hr_buf_init(&text, 16 << 20);
    must(engine_queries_list(queries, &text) == HR_OK, "list", "queries");
    hr_buf_put_u8(&text, 0);
    must(strstr((char *)text.data, "\"failed\"") == NULL, "failed", (char *)text.data);
    for (const char *at = (char *)text.data; (at = strstr(at, member)) != NULL;) {
        at += strlen(member);
        sum += strtod(at, NULL);
    }
    hr_buf_fini(&text);
    return sum;
}

typedef struct outcome {
    double wall_s;
    double cpu_s;
    double state_bytes;
    double rows;
    long resident_mb;
} outcome;

/* From the start of the workers until everything is judged, and counted. */
static outcome run(site *s, const geo_point *points, uint32_t count, bool has_queries)
{
    outcome made = {0};
    engine_queries *queries = NULL;
    site_put_fixes(s, points, count, ACCURACY_DM);
    site_start_engine(s, 2);
    double began_s = now_s();
    double began_cpu_s = cpu_s();
    if (has_queries) {
        queries = start_queries(s);
        must(engine_queries_settle(queries, SETTLE_MS) == HR_OK, "settle", "queries");
    }
    site_wait_read(s);
    made.wall_s = now_s() - began_s;
    made.cpu_s = cpu_s() - began_cpu_s;
    if (has_queries) {
        made.state_bytes = sum_of(queries, "\"state_bytes\":");
        made.rows = sum_of(queries, "\"rows_in\":");
    }
    made.resident_mb = resident_mb();
    engine_queries_stop(queries);
    site_stop_engine(s);
    return made;
}

static void report_queries(const bench *b, const site *s, uint32_t fences, uint32_t count,
                           const outcome *on, const outcome *off)
{
    char details[320];
    double on_s[RUNS], off_s[RUNS], on_cpu_s[RUNS], off_cpu_s[RUNS];
    for (int i = 0; i < RUNS; i++) {
        on_s[i] = on[i].wall_s;
        on_cpu_s[i] = on[i].cpu_s;
        off_s[i] = off[i].wall_s;
        off_cpu_s[i] = off[i].cpu_s;
    }
    snprintf(details, sizeof details,
             "\"fences\":%u,\"devices\":%u,\"threads\":2,\"fixes\":%u,\"cpu_ns_per_fix\":%.1f,"
             "\"cpu_ns_per_fix_off\":%.1f,\"query_state_mb\":%.2f,\"resident_mb\":%ld,\"resident_"
             "mb_off\":%ld",
             fences, s->device_count, count, median(on_cpu_s, RUNS) / count * 1e9,
             median(off_cpu_s, RUNS) / count * 1e9, on[RUNS - 1].state_bytes / 1e6,
             on[RUNS - 1].resident_mb, off[0].resident_mb);
    report(b, "engine.queries", details, count / median(on_s, RUNS) / 1e6, "no query",
           count / median(off_s, RUNS) / 1e6, "M fixes/s", RUNS);
}

static void measure(const bench *b, uint32_t fences, uint32_t devices, uint32_t count,
                    uint32_t group_every)
{
    site s;
    farm f;
    farm_options options = {.fence_count = fences, .cover = 0.65};
    outcome on[RUNS];
    outcome off[RUNS];
    farm_init(&f, &options);
    geo_point *points = farm_make_points(&f, FARM_WALKING, count);
    site_begin(&s, &f, devices);
    farm_fini(&f);
    site_open_log(&s);
    put_groups(&s, group_every);
    for (int i = 0; i < RUNS; i++) {
        off[i] = run(&s, points, count, false);
        /* Those fixes are not for the measured runs. */
        site_start_engine(&s, 2);
        engine_queries *queries = start_queries(&s);
        must(engine_queries_settle(queries, SETTLE_MS) == HR_OK, "settle", "queries");
        engine_queries_stop(queries);
        site_stop_engine(&s);
        on[i] = run(&s, points, count, true);
    }
    report_queries(b, &s, fences, count, on, off);
    free(points);
    site_end(&s);
}

void bench_queries(const bench *b)
{
    measure(b, 10000, 10000, b->is_quick ? 1000000 : 4000000, 1);
    if (!b->is_quick) {
        measure(b, 10000, 100000, 2000000, 10);
    }
}
