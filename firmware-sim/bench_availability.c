/* bench_availability.c - requests and fixes through a kill -9 of the service, of the broker, and of
 * a gateway: how many are answered, and for how long things are worse than 95 %. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_fleet.h"

#define FENCEX "FenceX, published, four VMs"
#define FENCEX_S 95.0
#define FIXES_PER_S 2000
#define ASKED_PER_S 50
#define SLICES_PER_BUCKET (ASKED_PER_S / 2) /* half a second */
#define GOOD_PART 0.95
#define RESTART_MS 1000 /* what ./run waits before it starts a service again */

typedef struct world {
    bench_site site;
    char truth[128];
    pid_t gateway;
    atomic_bool is_over;
} world;

/* A gateway of its own process, which can be killed; it goes on from its truth file. */
static void start_gateway(world *w)
{
    char command[512], rate[16], address[160];
    snprintf(command, sizeof command, "%s/hedgerow-sim", w->site.bin);
    snprintf(rate, sizeof rate, "%d", FIXES_PER_S);
    snprintf(address, sizeof address, "%s", w->site.gateway.address + strlen("tcp://"));
    w->gateway = fork();
    if (w->gateway == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(command, command, "availability", "--mqtt", address, "--user", w->site.gateway.user,
              "--password", w->site.gateway.password, "--truth", w->truth, "--resume", "--rate",
              rate, "--linger", "50", "--quiet", (char *)NULL);
        _exit(127);
    }
    bench_need(w->gateway > 0, "no process");
}

static void open_world(world *w, const bench *b)
{
    sim_scenario *scenario = bench_scenario("availability");
    bench_site_start(&w->site, b->bin, 0, 0);
    bench_site_add_fences(&w->site, scenario);
    sim_scenario_free(scenario);
    snprintf(w->truth, sizeof w->truth, "%s/truth", w->site.folder);
    start_gateway(w);
    bench_pause_ms(1500);
}

static void close_world(world *w)
{
    if (w->gateway > 0) {
        kill(w->gateway, SIGKILL);
        waitpid(w->gateway, NULL, 0);
    }
    bench_site_stop(&w->site);
}

/* The thread that starts the service again, so that the asking goes on meanwhile. The kernel ends
 * the service with the thread that started it. */
static void *start_again(void *context)
{
    world *w = context;
    waitpid(w->site.pid, NULL, 0);
    bench_pause_ms(RESTART_MS);
    bench_site_restart(&w->site);
    while (!atomic_load(&w->is_over)) {
        bench_pause_ms(20);
    }
    bench_site_stop(&w->site);
    return NULL;
}

typedef struct measure {
    unsigned asked;
    unsigned answered;
    double pull_bad_s;
    double push_bad_s;
} measure;

/* One request; the log's end rides on it, so that pushing is seen as well. -1: no answer. */
static double ask_end(world *w)
{
    hr_buf answer;
    long status = 0;
    double sum = -1;
    hr_buf_init(&answer, 1 << 20);
    sim_http *http = sim_http_new(w->site.address, "");
    if (http != NULL &&
        sim_http_ask(http, "GET", "/metrics", NULL, &answer, &status, NULL) == HR_OK &&
        status == 200) {
        hr_buf_put_u8(&answer, 0);
        const char *at = strstr((const char *)answer.data, "\nhedgerow_ingest_fixes_total ");
        sum = at != NULL ? strtod(strchr(at + 1, ' '), NULL) : 0;
    }
    sim_http_free(http);
    hr_buf_fini(&answer);
    return sum;
}

/* Ask in an even rhythm; the kill comes after the first second. */
static void watch(world *w, unsigned seconds, void (*strike)(world *w), measure *m)
{
    *m = (measure){0};
    unsigned in_bucket = 0, good_in_bucket = 0;
    double begun = bench_now_s();
    double last = ask_end(w), gained = 0;
    for (unsigned i = 0; i < seconds * ASKED_PER_S; i++) {
        double wait_s = begun + (double)i / ASKED_PER_S - bench_now_s();
        if (wait_s > 0) {
            bench_pause_ms((unsigned)(wait_s * 1000));
        }
        if (i == ASKED_PER_S) {
            strike(w);
        }
        double end = ask_end(w);
        m->asked++;
        m->answered += end >= 0;
        good_in_bucket += end >= 0;
        /* A service that was started again counts from 0. */
        gained += end >= last && last >= 0 ? end - last : end > 0 ? end : 0;
        last = end >= 0 ? end : last;
        if (++in_bucket == SLICES_PER_BUCKET) {
            double part = (double)SLICES_PER_BUCKET / ASKED_PER_S;
            m->pull_bad_s += good_in_bucket < GOOD_PART * in_bucket ? part : 0;
            m->push_bad_s += gained < GOOD_PART * FIXES_PER_S * part ? part : 0;
            in_bucket = good_in_bucket = 0;
            gained = 0;
        }
    }
}

static pthread_t helper;

static void strike_service(world *w)
{
    kill(w->site.pid, SIGKILL);
    bench_need(pthread_create(&helper, NULL, start_again, w) == 0, "no thread");
}

static void strike_broker(world *w)
{
    pid_t broker = bench_site_broker(&w->site);
    bench_need(broker > 0 && kill(broker, SIGKILL) == 0, "no broker to kill");
}

static void strike_gateway(world *w)
{
    kill(w->gateway, SIGKILL);
    waitpid(w->gateway, NULL, 0);
    start_gateway(w);
}

void bench_availability(const bench *b)
{
    static const struct {
        const char *name;
        void (*strike)(world *w);
    } cases[] = {
        {"service", strike_service}, {"broker", strike_broker}, {"gateway", strike_gateway}};
    unsigned seconds = b->is_quick ? 8 : 30;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double pull_s[BENCH_RUNS], push_s[BENCH_RUNS], answered[BENCH_RUNS];
        char details[160];
        for (unsigned k = 0; k < bench_runs(b); k++) {
            world w = {0};
            measure m;
            open_world(&w, b);
            watch(&w, seconds, cases[i].strike, &m);
            pull_s[k] = m.pull_bad_s;
            push_s[k] = m.push_bad_s;
            answered[k] = (double)m.answered / m.asked;
            atomic_store(&w.is_over, true);
            if (cases[i].strike == strike_service) {
                pthread_join(helper, NULL);
            }
            close_world(&w);
        }
        snprintf(details, sizeof details, "\"killed\":\"%s\",\"side\":\"pull\",\"answered\":%.4f",
                 cases[i].name, bench_quantile(answered, bench_runs(b), 0.5));
        bench_report(b, "fleet.availability", details, pull_s, bench_runs(b), FENCEX, FENCEX_S,
                     "s below 95 %");
        snprintf(details, sizeof details, "\"killed\":\"%s\",\"side\":\"push\"", cases[i].name);
        bench_report(b, "fleet.availability", details, push_s, bench_runs(b), FENCEX, FENCEX_S,
                     "s below 95 %");
    }
}
