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
#define LINGER_MS 50
#define LINGER_LIVE_MS 5
#define FOOTPRINT_PER_S 50000.0
#define KEPT_UP_S 0.2

unsigned bench_runs(const bench *b)
{
    return b->is_quick ? 1 : BENCH_RUNS;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(double *values, unsigned count, double part)
{
    qsort(values, count, sizeof *values, by_size);
    unsigned at = (unsigned)(part * count);
    return count > 0 ? values[at < count ? at : count - 1] : 0;
}

void bench_report(const bench *b, const char *name, const char *details, double *values,
                  unsigned runs, const char *peer, double theirs, const char *unit)
{
    char peer_text[80] = "null";
    char theirs_text[32] = "null";
    char ratio_text[32] = "null";
    char line[768];
    double ours = bench_quantile(values, runs, 0.5);
    if (peer != NULL) {
        snprintf(peer_text, sizeof peer_text, "\"%s\"", peer);
        snprintf(theirs_text, sizeof theirs_text, "%.6g", theirs);
        snprintf(ratio_text, sizeof ratio_text, "%.4g", theirs > 0 ? ours / theirs : 0);
    }
    snprintf(line, sizeof line,
             "{\"bench\":\"%s\",\"case\":{%s},\"ours\":%.6g,\"peer\":%s,\"theirs\":%s,"
             "\"unit\":\"%s\",\"ratio\":%s,\"runs\":%u}",
             name, details, ours, peer_text, theirs_text, unit, ratio_text, runs);
    puts(line);
    fflush(stdout);
    if (b->json != NULL) {
        fprintf(b->json, "%s\n", line);
        fflush(b->json);
    }
}

sim_scenario *bench_scenario(const char *name)
{
    sim_scenario *scenario = NULL;
    hr_why why = {""};
    bench_need(sim_scenario_load(name, &scenario, &why) == HR_OK, why.text);
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
    load->options.linger_ms = rate < 0 ? LINGER_LIVE_MS : LINGER_MS;
    load->options.observe = note_acked;
    load->options.observe_context = load;
    bench_need(pthread_create(&load->thread, NULL, run_load, load) == 0, "no thread");
}

void bench_load_join(bench_load *load)
{
    pthread_join(load->thread, NULL);
}

/* A fleet for some seconds at a rate (0: no limit). Fixes that were joined, per second of the time
 * from the first one made to the last one joined. */
static double push_for(const bench_site *site, const sim_scenario *scenario, double rate,
                       unsigned seconds, uint64_t *fixes, bool *is_kept_up)
{
    bench_load load;
    bench_load_start(&load, site, scenario, rate);
    bench_pause_ms(seconds * 1000);
    load.stop = true;
    bench_load_join(&load);
    double acked_s = bench_now_s();
    while (!bench_site_is_settled(site) && bench_now_s() - acked_s < SETTLE_S_MAX) {
        bench_pause_ms(5);
    }
    double took_s = load.result.seconds + bench_now_s() - acked_s;
    *fixes = load.result.counts.acked;
    /* All that was offered, and joined nearly as soon as it was: a backlog of a twentieth of the
     * run, beside the gathering of batches and the polling for the end, is none. */
    *is_kept_up =
        rate > 0 && (double)*fixes >= 0.95 * rate * seconds && took_s < seconds * 1.05 + KEPT_UP_S;
    return (double)*fixes / took_s;
}

/* What one case gave on a service of its own. */
typedef struct pushed {
    double fixes_per_ms;
    double events_per_s; /* in the hands of a reader */
    double crossings_per_s;
    bool is_kept_up;
} pushed;

static void push_once(const bench *b, const char *name, const unsigned shape[2], double rate,
                      pushed *out)
{
    bench_site site;
    bench_follower follower;
    uint64_t fixes = 0;
    sim_scenario *scenario = bench_scenario(name);
    bench_site_start(&site, b->bin, shape[0], shape[1]);
    bench_site_add_fences(&site, scenario);
    bench_follow_start(&follower, &site);
    double begun = bench_now_s();
    out->fixes_per_ms =
        push_for(&site, scenario, rate, b->is_quick ? 3 : 15, &fixes, &out->is_kept_up) / 1000;
    uint64_t events = bench_follow_end(&follower);
    double took_s = bench_now_s() - begun;
    out->events_per_s = (double)events / took_s;
    out->crossings_per_s = (double)follower.crossings / took_s;
    bench_site_stop(&site);
    sim_scenario_free(scenario);
}

/* The runs of one case; their rates go to per_ms, and the rest is that of the run in the middle of
 * their events. */
static pushed push_runs(const bench *b, const char *name, const unsigned shape[2], double rate,
                        double per_ms[BENCH_RUNS])
{
    pushed all = {.is_kept_up = true};
    double events_per_s[BENCH_RUNS], crossings_per_s[BENCH_RUNS];
    for (unsigned k = 0; k < bench_runs(b); k++) {
        pushed one = {0};
        push_once(b, name, shape, rate, &one);
        per_ms[k] = one.fixes_per_ms;
        events_per_s[k] = one.events_per_s;
        crossings_per_s[k] = one.crossings_per_s;
        all.is_kept_up = all.is_kept_up && one.is_kept_up;
    }
    all.events_per_s = bench_quantile(events_per_s, bench_runs(b), 0.5);
    all.crossings_per_s = bench_quantile(crossings_per_s, bench_runs(b), 0.5);
    return all;
}

void bench_push(const bench *b)
{
    static const double rates[] = {20000, 100000, 250000, 500000, 1000000, 0};
    static const unsigned shape[2] = {0, 0};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        double per_ms[BENCH_RUNS];
        char details[160];
        pushed p = push_runs(b, "push", shape, rates[i], per_ms);
        char offered[64];
        if (rates[i] > 0) {
            snprintf(offered, sizeof offered, "%.0f,\"kept_up\":%s", rates[i],
                     p.is_kept_up ? "true" : "false");
        } else {
            snprintf(offered, sizeof offered, "\"all it takes\"");
        }
        snprintf(details, sizeof details,
                 "\"offered\":%s,\"events_per_s\":%.0f,\"crossings_per_s\":%.0f", offered,
                 p.events_per_s, p.crossings_per_s);
        bench_report(b, "fleet.push", details, per_ms, bench_runs(b), FENCEX,
                     (rates[i] > 0 ? FENCEX_LIVE_PER_S : FENCEX_DRAIN_PER_S) / 1000, "k fixes/s");
    }
    /* Animals mostly stay where they are: the same with lorries, that cross a fence with nearly
     * every fix. */
    double per_ms[BENCH_RUNS];
    char details[160];
    pushed p = push_runs(b, "latency", shape, 0, per_ms);
    snprintf(details, sizeof details,
             "\"offered\":\"all it takes\",\"events_per_s\":%.0f,\"crossings_per_s\":%.0f",
             p.events_per_s, p.crossings_per_s);
    bench_report(b, "fleet.crossing", details, per_ms, bench_runs(b), FENCEX,
                 FENCEX_DRAIN_PER_S / 1000, "k fixes/s");
}

void bench_scaling(const bench *b)
{
    /* Strong: the same animals for more workers and partitions. Weak: more animals as well. */
    static const struct {
        unsigned shape[2]; /* workers, partitions */
        const char *scenario;
        unsigned animals;
    } cases[] = {{{1, 1}, "scaling-1", 5000}, {{1, 8}, "scaling-1", 5000},
                 {{2, 2}, "scaling-1", 5000}, {{2, 4}, "scaling-1", 5000},
                 {{2, 8}, "scaling-1", 5000}, {{2, 8}, "scaling-2", 10000},
                 {{2, 8}, "scaling-4", 20000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double per_ms[BENCH_RUNS];
        char details[160];
        (void)push_runs(b, cases[i].scenario, cases[i].shape, 0, per_ms);
        snprintf(details, sizeof details, "\"workers\":%u,\"partitions\":%u,\"animals\":%u",
                 cases[i].shape[0], cases[i].shape[1], cases[i].animals);
        bench_report(b, "fleet.scaling", details, per_ms, bench_runs(b), FENCEX,
                     FENCEX_DRAIN_PER_S / 1000, "k fixes/s");
    }
}

/* What a run of the service cost. */
typedef enum {
    COST_WAKEUPS,
    COST_MEMORY,
    COST_CPU,
    COST_WRITTEN,
    COSTS
} cost;

static void footprint_once(const bench *b, double costs[COSTS])
{
    bench_site site;
    bench_use before, after;
    uint64_t fixes = 0;
    bool is_kept_up = false;
    unsigned seconds = b->is_quick ? 4 : 20;
    sim_scenario *scenario = bench_scenario("footprint");
    bench_site_start(&site, b->bin, 0, 0);
    bench_site_add_fences(&site, scenario);
    bench_pause_ms(1500);
    bench_site_use(site.pid, &before);
    bench_pause_ms(seconds * 1000);
    bench_site_use(site.pid, &after);
    costs[COST_WAKEUPS] = (double)(after.wakeups - before.wakeups) / seconds;
    before = after;
    (void)push_for(&site, scenario, FOOTPRINT_PER_S, seconds, &fixes, &is_kept_up);
    bench_site_use(site.pid, &after);
    double thousands = fixes > 0 ? (double)fixes / 1000 : 1;
    costs[COST_MEMORY] = after.resident_mb;
    costs[COST_CPU] = (after.cpu_s - before.cpu_s) * 1e3 / thousands;
    costs[COST_WRITTEN] = (double)(after.written_bytes - before.written_bytes) / 1000 / thousands;
    bench_site_stop(&site);
    sim_scenario_free(scenario);
}

void bench_footprint(const bench *b)
{
    static const struct {
        const char *name, *details, *unit;
    } told[COSTS] = {
        [COST_WAKEUPS] = {"fleet.idle", "\"what\":\"wake-ups of all threads\"", "1/s"},
        [COST_MEMORY] = {"fleet.memory", "\"devices\":10000,\"fences\":200", "MB"},
        [COST_CPU] = {"fleet.cpu", "\"offered\":50000", "ms per 1,000 fixes"},
        /* The tracks of history are written when ten minutes or 16 MB of them have gathered. */
        [COST_WRITTEN] = {"fleet.written", "\"offered\":50000,\"what\":\"without history\"",
                          "bytes per fix"},
    };
    double costs[BENCH_RUNS][COSTS];
    for (unsigned k = 0; k < bench_runs(b); k++) {
        footprint_once(b, costs[k]);
    }
    for (unsigned c = 0; c < COSTS; c++) {
        double values[BENCH_RUNS];
        for (unsigned k = 0; k < bench_runs(b); k++) {
            values[k] = costs[k][c];
        }
        bench_report(b, told[c].name, told[c].details, values, bench_runs(b), NULL, 0,
                     told[c].unit);
    }
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
