/* bench_latency.c - from a fix's publication to its event in a reader's hands, under load. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "bench_fleet.h"
#include "mqtt/link.h"

#define SAMPLES_MAX (1u << 20)
#define SYNCS 200
#define WARM_MS 2000 /* everybody's first fix is an event: that is not the load we mean */

/* Animals, and lorries that cross farms all the time, so that there are events. */
static const char scenario_text[] =
    "seed 4\norigin 16.37 59.85\nperiod_s 10\ngateways 4\ngps 3 0 0\nfarms 200 50 300 50\n"
    "vehicles lorry 250 30 -2400 -2300 2400 -2250 2400 -1200 -2400 -1150 -2400 -500 2400 -450\n"
    "vehicles truck 250 30 2400 200 -2400 250 -2400 900 2400 950 2400 1600 -2400 1650\n";

typedef struct listener {
    pthread_mutex_t lock;
    int64_t from_ms; /* protected by lock, as all below */
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
    if (is_good && l->from_ms > 0 && time_ms >= l->from_ms && l->count < SAMPLES_MAX) {
        l->samples_ms[l->count++] = (double)(now_ms - time_ms);
    }
    pthread_mutex_unlock(&l->lock);
    cJSON_Delete(json);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, unsigned count, double part)
{
    qsort(values, count, sizeof *values, by_size);
    unsigned at = (unsigned)(part * count);
    return count > 0 ? values[at < count ? at : count - 1] : 0;
}

/* What the disk itself takes for a sync. */
static void measure_disk(const bench *b, const bench_site *site)
{
    char path[128];
    char block[4096] = {0};
    double syncs_ms[SYNCS];
    snprintf(path, sizeof path, "%s/sync", site->folder);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bench_need(file >= 0, "no file to measure the disk with");
    for (unsigned i = 0; i < SYNCS; i++) {
        double begun = bench_now_s();
        bench_need(write(file, block, sizeof block) == (ssize_t)sizeof block, "a full disk");
        bench_need(fdatasync(file) == 0, "fdatasync failed");
        syncs_ms[i] = (bench_now_s() - begun) * 1000;
    }
    close(file);
    bench_report(b, "fleet.disk", "\"fdatasync\":\"p50\"", quantile(syncs_ms, SYNCS, 0.5), NULL, 0,
                 "ms");
    bench_report(b, "fleet.disk", "\"fdatasync\":\"p99\"", quantile(syncs_ms, SYNCS, 0.99), NULL, 0,
                 "ms");
}

/* A listener's samples while a fleet runs in real time at a rate. */
static void listen_to(const bench_site *site, double rate, unsigned seconds, listener *l)
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
    sim_scenario *scenario = bench_scenario(scenario_text);
    scenario->period_ms = (uint32_t)(scenario->device_count * 1000.0 / rate);
    bench_need(mqtt_link_start(&options, &link, &why) == HR_OK, why.text);
    bench_load_start(&load, site, scenario, -1);
    bench_pause_ms(WARM_MS + scenario->period_ms);
    pthread_mutex_lock(&l->lock);
    l->from_ms = hr_clock_now_ms(hr_clock_real());
    pthread_mutex_unlock(&l->lock);
    /* Everybody has a turn at least. */
    bench_pause_ms(seconds * 1000 > scenario->period_ms ? seconds * 1000 : scenario->period_ms);
    load.stop = true;
    bench_load_join(&load);
    bench_pause_ms(300);
    mqtt_link_stop(link);
    sim_scenario_free(scenario);
}

void bench_latency(const bench *b)
{
    static const double rates[] = {1000, 10000, 100000, 500000};
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    unsigned seconds = b->is_quick ? 5 : 30;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        bench_site site;
        listener l = {.samples_ms = malloc(SAMPLES_MAX * sizeof(double))};
        bench_need(l.samples_ms != NULL, "out of memory");
        pthread_mutex_init(&l.lock, NULL);
        bench_site_start(&site, b->bin, 0, 0);
        sim_scenario *scenario = bench_scenario(scenario_text);
        bench_site_add_fences(&site, scenario);
        sim_scenario_free(scenario);
        if (i == 0) {
            measure_disk(b, &site);
        }
        listen_to(&site, rates[i], seconds, &l);
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
            char details[128];
            snprintf(details, sizeof details, "\"offered\":%.0f,\"part\":\"%s\",\"events\":%u",
                     rates[i], parts[k].name, l.count);
            bench_report(b, "fleet.latency", details,
                         quantile(l.samples_ms, l.count, parts[k].part), NULL, 0, "ms");
        }
        bench_site_stop(&site);
        pthread_mutex_destroy(&l.lock);
        free(l.samples_ms);
    }
}
