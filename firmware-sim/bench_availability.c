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
#define PER_BUCKET (ASKED_PER_S / 2) /* half a second */
#define BUCKETS_MAX 60
#define STRIKE_S 2
#define ANSWER_S 0.5 /* within which an answer is one */
#define ANSWER_BYTES_MAX (4u << 20)
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
              rate, "--linger", "10", "--quiet", (char *)NULL);
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

/* Half a second of asking: parts of what was due. */
typedef struct bucket {
    unsigned asked;
    unsigned answered;
    double fixes; /* more of them in the log than before */
} bucket;

typedef struct measure {
    unsigned count;
    bucket buckets[BUCKETS_MAX];
} measure;

/* The answer to a request; NULL: it was not answered as it should be. Valid until the next one. */
static const char *ask(world *w, const char *method, const char *path, const char *body,
                       hr_buf *answer)
{
    long status = 0;
    const char *text = NULL;
    sim_http *http = sim_http_new(w->site.address, w->site.token);
    hr_buf_clear(answer);
    if (http != NULL && sim_http_ask(http, method, path, body, answer, &status, NULL) == HR_OK &&
        status == 200) {
        hr_buf_put_u8(answer, 0);
        text = hr_buf_err(answer) == HR_OK ? (const char *)answer->data : NULL;
    }
    sim_http_free(http);
    return text;
}

/* Who is within a square of 1,500 m in the middle of the farms? */
static bool ask_within(world *w, hr_buf *answer)
{
    static const char square[] =
        "{\"type\":\"Polygon\",\"coordinates\":[[[16.357,59.843],[16.383,59.843],"
        "[16.383,59.857],[16.357,59.857],[16.357,59.843]]]}";
    return ask(w, "POST", "/v1/query/within", square, answer) != NULL;
}

/* How many fixes the service has taken since it was started; -1: it does not say. */
static double ask_fixes(world *w, hr_buf *answer)
{
    const char *text = ask(w, "GET", "/metrics", NULL, answer);
    const char *at = text != NULL ? strstr(text, "\nhedgerow_ingest_fixes_total ") : NULL;
    return at != NULL ? strtod(strchr(at + 1, ' '), NULL) : text != NULL ? 0 : -1;
}

/* Ask in an even rhythm; the kill comes after the first seconds. An answer counts in the half
 * second in which it was due, and only if it came within ANSWER_S of that: who is kept waiting asks
 * less often, and must not be the better off for it. */
static void watch(world *w, unsigned seconds, void (*strike)(world *w), measure *m)
{
    hr_buf answer;
    hr_buf_init(&answer, ANSWER_BYTES_MAX);
    double begun = bench_now_s();
    double last = ask_fixes(w, &answer);
    *m = (measure){.count = seconds * ASKED_PER_S / PER_BUCKET};
    for (unsigned i = 0; i < m->count * PER_BUCKET; i++) {
        bucket *at = &m->buckets[i / PER_BUCKET];
        double due = begun + (double)i / ASKED_PER_S;
        double wait_s = due - bench_now_s();
        if (wait_s > 0) {
            bench_pause_ms((unsigned)(wait_s * 1000));
        }
        if (i == STRIKE_S * ASKED_PER_S) {
            strike(w);
        }
        bool is_answered = ask_within(w, &answer);
        at->asked++;
        at->answered += is_answered && bench_now_s() - due < ANSWER_S;
        double fixes = ask_fixes(w, &answer);
        /* A service that was started again counts from 0. */
        at->fixes += fixes < 0 ? 0 : fixes >= last ? fixes - last : fixes;
        last = fixes >= 0 ? fixes : last;
    }
    hr_buf_fini(&answer);
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

static double answered_part(const bucket *b)
{
    return b->asked > 0 ? (double)b->answered / b->asked : 0;
}

static double pushed_part(const bucket *b)
{
    return b->fixes * ASKED_PER_S / PER_BUCKET / FIXES_PER_S;
}

static double bad_seconds(const measure *m, double (*part)(const bucket *b))
{
    double seconds = 0;
    for (unsigned i = 0; i < m->count; i++) {
        seconds += part(&m->buckets[i]) < GOOD_PART ? (double)PER_BUCKET / ASKED_PER_S : 0;
    }
    return seconds;
}

static double answered_share(const measure *m)
{
    double answered = 0, asked = 0;
    for (unsigned i = 0; i < m->count; i++) {
        answered += m->buckets[i].answered;
        asked += m->buckets[i].asked;
    }
    return asked > 0 ? answered / asked : 0;
}

/* One side of all runs, with the course of the last one. */
static void tell(const bench *b, const char *killed, const char *side, const measure *runs,
                 double (*part)(const bucket *bucket))
{
    double values[BENCH_RUNS], shares[BENCH_RUNS];
    char details[512];
    const measure *last = &runs[bench_runs(b) - 1];
    for (unsigned k = 0; k < bench_runs(b); k++) {
        values[k] = bad_seconds(&runs[k], part);
        shares[k] = answered_share(&runs[k]);
    }
    int used = snprintf(details, sizeof details, "\"killed\":\"%s\",\"side\":\"%s\"", killed, side);
    if (part == answered_part) {
        used += snprintf(details + used, sizeof details - (size_t)used, ",\"answered\":%.4f",
                         bench_quantile(shares, bench_runs(b), 0.5));
    }
    for (unsigned i = 0; i < last->count; i++) {
        used += snprintf(details + used, sizeof details - (size_t)used, "%s%.0f",
                         i == 0 ? ",\"percent_per_half_s\":[" : ",", part(&last->buckets[i]) * 100);
    }
    /* A run that ends before things are well again says only that it takes longer. */
    bool has_recovered = true;
    for (unsigned k = 0; k < bench_runs(b); k++) {
        has_recovered = has_recovered && part(&runs[k].buckets[runs[k].count - 1]) >= GOOD_PART;
    }
    snprintf(details + used, sizeof details - (size_t)used, "],\"recovered\":%s",
             has_recovered ? "true" : "false");
    bench_report(b, "fleet.availability", details, values, bench_runs(b), FENCEX, FENCEX_S,
                 "s below 95 %");
}

void bench_availability(const bench *b)
{
    static const struct {
        const char *name;
        void (*strike)(world *w);
    } cases[] = {
        {"service", strike_service}, {"broker", strike_broker}, {"gateway", strike_gateway}};
    unsigned seconds = b->is_quick ? 8 : BUCKETS_MAX * PER_BUCKET / ASKED_PER_S;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        measure runs[BENCH_RUNS];
        for (unsigned k = 0; k < bench_runs(b); k++) {
            world w = {0};
            open_world(&w, b);
            watch(&w, seconds, cases[i].strike, &runs[k]);
            atomic_store(&w.is_over, true);
            if (cases[i].strike == strike_service) {
                pthread_join(helper, NULL);
            }
            close_world(&w);
        }
        tell(b, cases[i].name, "pull", runs, answered_part);
        tell(b, cases[i].name, "push", runs, pushed_part);
    }
}
