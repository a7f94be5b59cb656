/* bench_fleet.c - the whole service under simulated fleets, from outside: throughput, latency,
 * availability, footprint. bench_fleet [--quick] [--json FILE] [EXPERIMENT...]; one JSON line for
 * each case.
 *
 * The peer is FenceX (published figures, on four virtual machines); broker, simulator and service
 * share this one. */
#include "bench_fleet.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"

#define FENCEX "FenceX, published, four VMs"
#define FENCEX_LIVE_PER_S 21000.0
#define FENCEX_DRAIN_PER_S 65000.0
#define SETTLE_S_MAX 60
#define LINGER_LIVE_MS 5

const char bench_farms[] = "seed 4\norigin 16.37 59.85\nperiod_s 10\ngateways 4\ngps 3 0 0\n"
                           "farms 200 50 300 50\n";

void bench_report(const bench *b, const char *name, const char *details, double ours,
                  const char *peer, double theirs, const char *unit)
{
    char against[160] = "";
    char line[768];
    if (peer != NULL) {
        snprintf(against, sizeof against, "\"peer\":\"%s\",\"theirs\":%.6g,\"ratio\":%.4g,", peer,
                 theirs, theirs > 0 ? ours / theirs : 0);
    }
    snprintf(line, sizeof line,
             "{\"bench\":\"%s\",\"case\":{%s},\"ours\":%.6g,%s\"unit\":\"%s\",\"runs\":1}", name,
             details, ours, against, unit);
    puts(line);
    fflush(stdout);
    if (b->json != NULL) {
        fprintf(b->json, "%s\n", line);
        fflush(b->json);
    }
}

sim_scenario *bench_scenario(const char *text)
{
    sim_scenario *scenario = NULL;
    hr_why why = {""};
    bench_need(sim_scenario_parse(text, strlen(text), &scenario, &why) == HR_OK, why.text);
    return scenario;
}

static void note_acked(void *context, const sim_gateways_counts *counts)
{
    bench_load *load = context;
    atomic_store(&load->acked, counts->acked);
}

static void *run_load(void *context)
{
    bench_load *load = context;
    hr_why why = {""};
    if (sim_run(&load->options, &load->stop, &load->result, &why) != HR_OK) {
        fprintf(stderr, "bench_fleet: the fleet: %s\n", why.text);
    }
    return NULL;
}

void bench_load_start(bench_load *load, const bench_site *site, const sim_scenario *scenario,
                      double rate)
{
    memset(load, 0, sizeof *load);
    sim_run_defaults(&load->options);
    load->options.scenario = scenario;
    load->options.login = site->gateway;
    load->options.speedup = rate < 0 ? 1 : 0;
    load->options.rate = rate > 0 ? rate : 0;
    load->options.linger_ms = rate < 0 ? LINGER_LIVE_MS : load->options.linger_ms;
    load->options.observe = note_acked;
    load->options.observe_context = load;
    bench_need(pthread_create(&load->thread, NULL, run_load, load) == 0, "no thread");
}

void bench_load_join(bench_load *load)
{
    pthread_join(load->thread, NULL);
}

/* A fleet for some seconds at a rate (0: no limit). Fixes that were joined, per second. */
static double push_for(const bench_site *site, const sim_scenario *scenario, double rate,
                       unsigned seconds, uint64_t *fixes, bool *is_kept_up)
{
    bench_load load;
    double begun = bench_now_s();
    bench_load_start(&load, site, scenario, rate);
    bench_pause_ms(seconds * 1000);
    load.stop = true;
    bench_load_join(&load);
    while (!bench_site_is_settled(site) && bench_now_s() - begun < seconds + SETTLE_S_MAX) {
        bench_pause_ms(5);
    }
    double took_s = bench_now_s() - begun;
    *fixes = load.result.counts.acked;
    *is_kept_up = rate > 0 && (double)*fixes >= 0.95 * rate * seconds && took_s < seconds * 1.1 + 1;
    return (double)*fixes / took_s;
}

void bench_push(const bench *b)
{
    static const double rates[] = {20000, 100000, 250000, 500000, 1000000, 0};
    sim_scenario *scenario = bench_scenario(bench_farms);
    unsigned seconds = b->is_quick ? 3 : 15;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        bench_site site;
        uint64_t fixes = 0;
        bool is_kept_up = false;
        char details[160];
        bench_site_start(&site, b->bin, 0, 0);
        bench_site_add_fences(&site, scenario);
        double per_s = push_for(&site, scenario, rates[i], seconds, &fixes, &is_kept_up);
        uint64_t events = bench_site_events(&site);
        if (rates[i] > 0) {
            snprintf(details, sizeof details,
                     "\"offered\":%.0f,\"fences\":200,\"kept_up\":%s,\"events\":%llu", rates[i],
                     is_kept_up ? "true" : "false", (unsigned long long)events);
            bench_report(b, "fleet.push", details, per_s / 1000, FENCEX, FENCEX_LIVE_PER_S / 1000,
                         "k fixes/s");
        } else {
            snprintf(details, sizeof details,
                     "\"offered\":\"all it takes\",\"fences\":200,"
                     "\"events\":%llu",
                     (unsigned long long)events);
            bench_report(b, "fleet.push", details, per_s / 1000, FENCEX, FENCEX_DRAIN_PER_S / 1000,
                         "k fixes/s");
        }
        bench_site_stop(&site);
    }
    sim_scenario_free(scenario);
}

void bench_scaling(const bench *b)
{
    static const unsigned cases[][3] = {{1, 1, 1}, {1, 8, 1}, {2, 8, 1}, {2, 8, 2}, {2, 8, 4}};
    unsigned seconds = b->is_quick ? 3 : 10;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_site site;
        uint64_t fixes = 0;
        bool is_kept_up = false;
        char text[200], details[160];
        /* The last ones scale weakly: more farms and animals at the same offered load. */
        snprintf(text, sizeof text,
                 "seed 4\norigin 16.37 59.85\nperiod_s 10\ngateways 4\ngps 3 0 0\n"
                 "farms %u 50 300 50\n",
                 100 * cases[i][2]);
        sim_scenario *scenario = bench_scenario(text);
        bench_site_start(&site, b->bin, cases[i][0], cases[i][1]);
        bench_site_add_fences(&site, scenario);
        double per_s = push_for(&site, scenario, 0, seconds, &fixes, &is_kept_up);
        snprintf(details, sizeof details, "\"workers\":%u,\"partitions\":%u,\"devices\":%u",
                 cases[i][0], cases[i][1], scenario->device_count);
        bench_report(b, "fleet.scaling", details, per_s / 1000, NULL, 0, "k fixes/s");
        bench_site_stop(&site);
        sim_scenario_free(scenario);
    }
}

void bench_footprint(const bench *b)
{
    static const double rate = 50000;
    bench_site site;
    bench_use before, after;
    uint64_t fixes = 0;
    bool is_kept_up = false;
    unsigned seconds = b->is_quick ? 4 : 20;
    sim_scenario *scenario = bench_scenario(bench_farms);
    bench_site_start(&site, b->bin, 0, 0);
    bench_site_add_fences(&site, scenario);
    bench_pause_ms(1500);
    bench_site_use(site.pid, &before);
    bench_pause_ms(seconds * 1000);
    bench_site_use(site.pid, &after);
    bench_report(b, "fleet.idle", "\"what\":\"wake-ups of all threads\"",
                 (double)(after.wakeups - before.wakeups) / seconds, NULL, 0, "1/s");
    bench_site_use(site.pid, &before);
    (void)push_for(&site, scenario, rate, seconds, &fixes, &is_kept_up);
    bench_site_use(site.pid, &after);
    double thousands = fixes > 0 ? (double)fixes / 1000 : 1;
    bench_report(b, "fleet.memory", "\"devices\":10000,\"fences\":200", after.resident_mb, NULL, 0,
                 "MB");
    bench_report(b, "fleet.cpu", "\"offered\":50000",
                 (after.cpu_s - before.cpu_s) * 1e3 / thousands, NULL, 0, "ms per 1,000 fixes");
    bench_report(b, "fleet.written", "\"offered\":50000",
                 (double)(after.written_bytes - before.written_bytes) / 1000 / thousands, NULL, 0,
                 "bytes per fix");
    bench_site_stop(&site);
    sim_scenario_free(scenario);
}

static const struct {
    const char *name;
    void (*run)(const bench *b);
} experiments[] = {
    {"push", bench_push}, {"scaling", bench_scaling},           {"latency", bench_latency},
    {"pull", bench_pull}, {"availability", bench_availability}, {"footprint", bench_footprint},
};

#define EXPERIMENTS (sizeof experiments / sizeof experiments[0])

static int usage(void)
{
    fputs("usage: bench_fleet [--quick] [--json FILE]", stderr);
    for (size_t i = 0; i < EXPERIMENTS; i++) {
        fprintf(stderr, " [%s]", experiments[i].name);
    }
    fputc('\n', stderr);
    return 2;
}

/* Mark an experiment as wanted; false: there is none of that name. */
static bool want(const char *name, bool wanted[EXPERIMENTS])
{
    for (size_t i = 0; i < EXPERIMENTS; i++) {
        if (strcmp(name, experiments[i].name) == 0) {
            wanted[i] = true;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    static char bin[512];
    bench b = {.bin = bin};
    bool wanted[EXPERIMENTS] = {false};
    bool wants_all = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            bench_need(b.json != NULL, "cannot write the JSON file");
        } else if (want(argv[i], wanted)) {
            wants_all = false;
        } else {
            return usage();
        }
    }
    const char *slash = strrchr(argv[0], '/');
    snprintf(bin, sizeof bin, "%.*s", slash != NULL ? (int)(slash - argv[0]) : 1,
             slash != NULL ? argv[0] : ".");
    signal(SIGPIPE, SIG_IGN);
    hr_logline_set_level(HR_LEVEL_ERROR);
    for (size_t i = 0; i < EXPERIMENTS; i++) {
        if (wants_all || wanted[i]) {
            experiments[i].run(&b);
        }
    }
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
