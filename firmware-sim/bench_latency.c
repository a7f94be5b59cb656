/* bench_latency.c - from a fix's publication to its event in a reader's hands, under load. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "bench_fleet.h"
#include "mqtt/link.h"

#define SAMPLES_MAX (1u << 20)
#define SYNCS 200
#define STRAGGLERS_S_MAX 60
#define QUIET_S 1.0
#define WARM_MS 2000 /* everybody's first fix is an event: that is not the load we mean */

typedef struct listener {
    pthread_mutex_t lock;
    int64_t from_ms; /* protected by lock, as all below */
    uint64_t heard;  /* of all events */
    unsigned count;
    double *samples_ms;
} listener;

static void on_event(void *context, const mqtt_message *message)
{
    listener *l = context;
    int64_t now_ms = hr_clock_now_ms(hr_clock_real());
    int64_t time_ms = 0;
    cJSON *json = cJSON_ParseWithLength((const char *)message->payload, message->size);
    const char *time = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "time"));
    const char *cause = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "cause"));
    bool is_good = time != NULL && cause != NULL && strcmp(cause, "fix") == 0 &&
                   hr_time_parse(time, strlen(time), &time_ms) == HR_OK;
    pthread_mutex_lock(&l->lock);
    l->heard++;
    if (is_good && l->from_ms > 0 && time_ms >= l->from_ms && l->count < SAMPLES_MAX) {
        l->samples_ms[l->count++] = (double)(now_ms - time_ms);
    }
    pthread_mutex_unlock(&l->lock);
    cJSON_Delete(json);
}

/* What the disk itself takes for a sync, into space that is there already, as the journal's is: a
 * file that grows costs the file system a note of its own. */
static void measure_disk(const bench_site *site, double *p50_ms, double *p99_ms)
{
    char path[128];
    char block[4096] = {0};
    double syncs_ms[SYNCS];
    snprintf(path, sizeof path, "%s/sync", site->folder);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bench_need(file >= 0, "no file to measure the disk with");
    for (unsigned i = 0; i < SYNCS; i++) {
        bench_need(write(file, block, sizeof block) == (ssize_t)sizeof block, "a full disk");
    }
    bench_need(fsync(file) == 0 && lseek(file, 0, SEEK_SET) == 0, "fsync failed");
    for (unsigned i = 0; i < SYNCS; i++) {
        double begun = bench_now_s();
        bench_need(write(file, block, sizeof block) == (ssize_t)sizeof block, "a full disk");
        bench_need(fdatasync(file) == 0, "fdatasync failed");
        syncs_ms[i] = (bench_now_s() - begun) * 1000;
    }
    close(file);
    *p50_ms = bench_quantile(syncs_ms, SYNCS, 0.5);
    *p99_ms = bench_quantile(syncs_ms, SYNCS, 0.99);
}

static uint64_t heard(listener *l)
{
    pthread_mutex_lock(&l->lock);
    uint64_t count = l->heard;
    pthread_mutex_unlock(&l->lock);
    return count;
}

/* Until every fix is judged and nothing comes any more: who stops to listen when the fleet stops
 * leaves out those events that took longest. */
static void await_stragglers(const bench_site *site, listener *l)
{
    double begun = bench_now_s();
    uint64_t before = heard(l);
    for (double quiet_since = begun; bench_now_s() - begun < STRAGGLERS_S_MAX;) {
        bench_pause_ms(50);
        if (heard(l) != before || !bench_site_is_settled(site)) {
            before = heard(l);
            quiet_since = bench_now_s();
        } else if (bench_now_s() - quiet_since > QUIET_S) {
            return;
        }
    }
}

/* A listener's samples while a fleet runs in real time at a rate. How many fixes a second it made.
 */
static double listen_to(const bench_site *site, double rate, unsigned seconds, listener *l)
{
    static const mqtt_subscription all = {"hedgerow/v1/event/#", 1};
    mqtt_options options = {.addresses = site->reader.address,
                            .client_id = "bench-latency",
                            .user = site->reader.user,
                            .password = site->reader.password,
                            .subscriptions = &all,
                            .subscription_count = 1,
                            .on_message = on_event,
                            .context = l};
    mqtt_link *link = NULL;
    hr_why why = {""};
    bench_load load;
    sim_scenario *scenario = bench_scenario("latency");
    scenario->period_ms = (uint32_t)(scenario->device_count * 1000.0 / rate);
    bench_need(mqtt_link_start(&options, &link, &why) == HR_OK, why.text);
    double begun = bench_now_s();
    bench_load_start(&load, site, scenario, -1);
    bench_pause_ms(WARM_MS + scenario->period_ms);
    pthread_mutex_lock(&l->lock);
    l->from_ms = hr_clock_now_ms(hr_clock_real());
    pthread_mutex_unlock(&l->lock);
    /* Everybody has a turn at least. */
    bench_pause_ms(seconds * 1000 > scenario->period_ms ? seconds * 1000 : scenario->period_ms);
    load.stop = true;
    double made_s = bench_now_s() - begun;
    bench_load_join(&load);
    await_stragglers(site, l);
    mqtt_link_stop(link);
    sim_scenario_free(scenario);
    return (double)load.result.counts.made / made_s;
}

/* Quantiles of an event's way, and of the disk's syncs, in one run of a service. */
typedef struct way {
    double p50_ms, p99_ms, p999_ms;
    double sync_p50_ms, sync_p99_ms;
    double made_per_s; /* fixes: what was really offered */
    unsigned events;
    unsigned missed; /* events that the log has and the listener does not */
} way;

static void run_once(const bench *b, double rate, way *w)
{
    bench_site site;
    listener l = {.samples_ms = malloc(SAMPLES_MAX * sizeof(double))};
    bench_need(l.samples_ms != NULL, "out of memory");
    pthread_mutex_init(&l.lock, NULL);
    bench_site_start(&site, b->bin, 0, 0);
    sim_scenario *scenario = bench_scenario("latency");
    bench_site_add_fences(&site, scenario);
    sim_scenario_free(scenario);
    measure_disk(&site, &w->sync_p50_ms, &w->sync_p99_ms);
    w->made_per_s = listen_to(&site, rate, b->is_quick ? 5 : 30, &l);
    w->p50_ms = bench_quantile(l.samples_ms, l.count, 0.5);
    w->p99_ms = bench_quantile(l.samples_ms, l.count, 0.99);
    w->p999_ms = bench_quantile(l.samples_ms, l.count, 0.999);
    w->events = l.count;
    uint64_t there = bench_count_news(&site, l.from_ms);
    w->missed = there > l.count ? (unsigned)(there - l.count) : 0;
    bench_site_stop(&site);
    pthread_mutex_destroy(&l.lock);
    free(l.samples_ms);
}

/* One part of all runs; the disk's promise beside it, where the design states one. */
static void tell(const bench *b, double rate, const way *ways, const char *part, size_t member,
                 double promised_ms)
{
    double values[BENCH_RUNS];
    char details[192];
    for (unsigned k = 0; k < bench_runs(b); k++) {
        values[k] = *(const double *)(const void *)((const char *)&ways[k] + member);
    }
    double made_per_s[BENCH_RUNS];
    unsigned events = 0, missed = 0;
    for (unsigned k = 0; k < bench_runs(b); k++) {
        made_per_s[k] = ways[k].made_per_s;
        events += ways[k].events;
        missed += ways[k].missed;
    }
    snprintf(details, sizeof details,
             "\"offered\":%.0f,\"made_per_s\":%.0f,\"part\":\"%s\",\"events\":%u,\"missed\":%u",
             rate, bench_quantile(made_per_s, bench_runs(b), 0.5), part, events, missed);
    bench_report(b, "fleet.latency", details, values, bench_runs(b),
                 promised_ms > 0 ? "what the disk's syncs allow" : NULL, promised_ms, "ms");
}

void bench_latency(const bench *b)
{
    static const double rates[] = {1000, 10000, 100000, 500000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        way ways[BENCH_RUNS];
        double sync_p50_ms[BENCH_RUNS], sync_p99_ms[BENCH_RUNS];
        for (unsigned k = 0; k < bench_runs(b); k++) {
            run_once(b, rates[i], &ways[k]);
            sync_p50_ms[k] = ways[k].sync_p50_ms;
            sync_p99_ms[k] = ways[k].sync_p99_ms;
        }
        double p50_ms = bench_quantile(sync_p50_ms, bench_runs(b), 0.5);
        double p99_ms = bench_quantile(sync_p99_ms, bench_runs(b), 0.5);
        tell(b, rates[i], ways, "p50", offsetof(way, p50_ms), 2 * p50_ms + 3);
        tell(b, rates[i], ways, "p99", offsetof(way, p99_ms), 4 * p99_ms + 10);
        tell(b, rates[i], ways, "p99.9", offsetof(way, p999_ms), 0);
    }
}
