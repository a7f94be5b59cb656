/* tests/bench/bench_server.c - the server's process: log, catalogue, engine, accounts, API. */
#include "bench_server.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/accounts.h"
#include "api/dispatch.h"
#include "api/server.h"
#include "base/fix.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/record.h"
#include "catalog/catalog.h"
#include "catalog/change.h"
#include "engine/change.h"
#include "engine/engine.h"
#include "log/log.h"

#define PARTITIONS 8
#define FRAME_DEVICES 1000
#define SETTLE_LOOK_MS                                                                             \
    500 /* in which an idle server uses less than one tick of the CPU's clock                      \
         */
#define SETTLE_LOOKS_MAX 60

void bench_need(int is_well, const char *what)
{
    if (!is_well) {
        fprintf(stderr, "bench_api: %s\n", what);
        exit(1);
    }
}

void bench_pin(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    /* On a machine with one core it simply stays there. */
    if (core < sysconf(_SC_NPROCESSORS_ONLN)) {
        (void)sched_setaffinity(0, sizeof cores, &cores);
    }
}

typedef struct world {
    char folder[32];
    api_context context;
    api_relay relay;
    api_server *server;
    char token[ACCOUNTS_SECRET_SIZE];
} world;

static void open_world(world *w)
{
    char path[64];
    hr_why why = {.text = ""};
    int64_t id = 0;
    const log_topic topics[HR_TOPICS] = {{"positions", PARTITIONS}, {"events", 1}, {"dead", 1}};
    memcpy(w->folder, "/tmp/hr-bench-api-XXXXXX", 25);
    bench_need(mkdtemp(w->folder) != NULL, "no temporary folder");
    w->context.clock = hr_clock_real();
    w->context.metrics = hr_metrics_new();
    w->context.version = "bench";
    w->context.folder_id = "0";
    api_dispatch_init(&w->context);
    api_relay_init(&w->relay);
    snprintf(path, sizeof path, "%s/journal", w->folder);
    log_options options = {
        .folder = path, .topics = topics, .topic_count = HR_TOPICS, .clock = w->context.clock};
    bench_need(log_open(&options, &w->context.log, &why) == HR_OK, why.text);
    bench_need(log_listen(w->context.log, api_relay_notify, &w->relay) == HR_OK, "no listener");
    snprintf(path, sizeof path, "%s/catalog.db", w->folder);
    bench_need(catalog_open(path, &w->context.catalog, NULL) == GEO_OK, "no catalogue");
    snprintf(path, sizeof path, "%s/checkpoint", w->folder);
    engine_options engine = {
        .log = w->context.log, .catalog = w->context.catalog, .folder = path, .thread_count = 1};
    bench_need(engine_start(&engine, &w->context.engine, &why) == HR_OK, why.text);
    bench_need(engine_wait_ready(w->context.engine, 20000, &why) == HR_OK, why.text);
    snprintf(path, sizeof path, "%s/accounts.db", w->folder);
    bench_need(accounts_open(path, w->context.clock, &w->context.accounts, &why) == HR_OK &&
                   accounts_setup(w->context.accounts, "owner", "for a moment only", "", true,
                                  &why) == HR_OK &&
                   accounts_token_add(w->context.accounts, "owner", "bench", API_ROLE_VIEWER,
                                      ACCOUNTS_NEVER, w->token, &id, &why) == HR_OK,
               why.text);
}

static void close_world(world *w)
{
    char command[64];
    api_server_stop(w->server);
    engine_stop(w->context.engine);
    catalog_close(w->context.catalog);
    accounts_close(w->context.accounts);
    log_close(w->context.log);
    snprintf(command, sizeof command, "%s", w->folder);
    char *const arguments[] = {(char *)"rm", (char *)"-rf", command, NULL};
    execvp("rm", arguments);
}

static void put_name(hr_buf *names, uint64_t key, const char *id)
{
    hr_buf_put_u32(names, (uint32_t)(8 + strlen(id)));
    hr_buf_put_u64(names, key);
    hr_buf_put_text(names, id);
}

static void append(log_store *log, uint8_t type, uint16_t partition, uint32_t count,
                   const hr_buf *bytes)
{
    log_batch batch = {.topic = HR_TOPIC_POSITIONS,
                       .type = type,
                       .partition = partition,
                       .count = count,
                       .record_bytes = type == HR_RECORD_FIX ? HR_FIX_BYTES : 0,
                       .bytes = bytes->data,
                       .size = bytes->size};
    log_position end = 0;
    bench_need(count == 0 || log_append(log, &batch, 1, NULL, NULL, &end) == HR_OK, "append");
}

/* Where a device is at its so manyth fix: at home, but for those that jump to and fro. */
static int32_t lon_of(uint32_t device, uint32_t step, hr_random *random)
{
    int32_t home = BENCH_LON_E7 + (int32_t)hr_random_below(random, BENCH_SIDE_E7);
    bool is_away = device % BENCH_CROSSING_EACH == 0 && step % 2 == 1;
    return is_away ? home - BENCH_SIDE_E7 : home;
}

/* A fix for each of the devices from first on; the first time with their names. */
static void append_fixes(world *w, uint32_t first, uint32_t count, uint32_t step, int64_t now_ms)
{
    bool with_names = step == 0;
    hr_buf names[PARTITIONS];
    hr_buf fixes[PARTITIONS];
    uint32_t counts[PARTITIONS] = {0};
    for (int p = 0; p < PARTITIONS; p++) {
        hr_buf_init(&names[p], 1u << 20);
        hr_buf_init(&fixes[p], 1u << 20);
    }
    for (uint32_t i = first; i < first + count; i++) {
        char id[24];
        int size = snprintf(id, sizeof id, "cow-%u", i);
        hr_random random = {.state = i};
        uint64_t key = hr_device_key(id, (size_t)size);
        uint32_t p = hr_device_partition(key, PARTITIONS);
        hr_fix fix = {.device = key,
                      .time_ms = now_ms,
                      .lon_e7 = lon_of(i, step, &random),
                      .lat_e7 = BENCH_LAT_E7 + (int32_t)hr_random_below(&random, BENCH_SIDE_E7),
                      .accuracy_dm = 30,
                      .speed_cm_s = HR_FIX_U16_UNKNOWN,
                      .heading_cdeg = HR_FIX_U16_UNKNOWN,
                      .battery_pct = HR_FIX_U8_UNKNOWN};
        uint8_t bytes[HR_FIX_BYTES];
        hr_fix_store(bytes, &fix);
        hr_buf_put(&fixes[p], bytes, sizeof bytes);
        put_name(&names[p], key, id);
        counts[p]++;
    }
    for (uint16_t p = 0; p < PARTITIONS; p++) {
        if (with_names) {
            append(w->context.log, HR_RECORD_NAME, p, counts[p], &names[p]);
        }
        append(w->context.log, HR_RECORD_FIX, p, counts[p], &fixes[p]);
        hr_buf_fini(&names[p]);
        hr_buf_fini(&fixes[p]);
    }
}

static void await_engine(world *w)
{
    for (uint16_t p = 0; p < PARTITIONS; p++) {
        while (engine_offset(w->context.engine, p) <
               log_end(w->context.log, HR_TOPIC_POSITIONS, p, LOG_APPENDED)) {
            sched_yield();
        }
    }
}

/* Until the other side closes its end of the pipe. Frames go out evenly over time. */
static void serve(world *w, int stop_fd, uint32_t moving_count, uint32_t moving_hz)
{
    uint32_t frames_a_round = (moving_count + FRAME_DEVICES - 1) / FRAME_DEVICES;
    double frames_per_ns = (double)frames_a_round * moving_hz * 1e-9;
    int64_t begun_ns = hr_clock_mono_ns(w->context.clock);
    uint64_t done = 0;
    struct pollfd wait = {.fd = stop_fd, .events = POLLIN};
    while (poll(&wait, 1, frames_a_round > 0 ? 1 : 1000) == 0) {
        int64_t elapsed_ns = hr_clock_mono_ns(w->context.clock) - begun_ns;
        uint64_t due = (uint64_t)((double)elapsed_ns * frames_per_ns);
        for (; done < due; done++) {
            uint32_t at = (uint32_t)(done % frames_a_round) * FRAME_DEVICES;
            uint32_t left = moving_count - at;
            append_fixes(w, at, left < FRAME_DEVICES ? left : FRAME_DEVICES,
                         (uint32_t)(done / frames_a_round) + 1, hr_clock_now_ms(w->context.clock));
        }
    }
}

/* The square that the devices are in. */
static void put_fence(world *w)
{
    char text[512];
    engine_change *change = NULL;
    catalog_edit edit;
    geo_why reason = {.text = ""};
    hr_why why = {.text = ""};
    double west = BENCH_LON_E7 * 1e-7;
    double south = BENCH_LAT_E7 * 1e-7;
    double side = BENCH_SIDE_E7 * 1e-7;
    int size =
        snprintf(text, sizeof text,
                 "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
                 "\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f],[%.7f,"
                 "%.7f]]]}}",
                 west, south, west + side, south, west + side, south + side, west, south + side,
                 west, south);
    bench_need(engine_change_begin(w->context.engine, "bench", hr_clock_now_ms(w->context.clock),
                                   &change, &why) == HR_OK,
               why.text);
    bench_need(catalog_change_put(engine_change_edits(change), "square", text, (size_t)size,
                                  CATALOG_ANY, &edit, &reason) == GEO_OK,
               reason.text);
    bench_need(engine_change_commit(change, NULL, &why) == HR_OK, why.text);
}

static void server_main(int stop_fd, int told_fd, const bench_server_options *options)
{
    static world w;
    hr_why why = {.text = ""};
    bench_pin(0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_world(&w);
    if (options->has_fence) {
        put_fence(&w);
    }
    int64_t now_ms = hr_clock_now_ms(w.context.clock) - 1000;
    for (uint32_t at = 0; at < options->device_count; at += FRAME_DEVICES) {
        uint32_t left = options->device_count - at;
        append_fixes(&w, at, left < FRAME_DEVICES ? left : FRAME_DEVICES, 0, now_ms);
    }
    await_engine(&w);
    api_server_options server = {
        .http = {.host = "127.0.0.1"}, .relay = &w.relay, .context = &w.context};
    bench_need(api_server_start(&server, &w.server, &why) == HR_OK, why.text);
    dprintf(told_fd, "%u %s\n", api_server_port(w.server), w.token);
    serve(&w, stop_fd, options->moving_hz > 0 ? options->device_count : 0, options->moving_hz);
    close_world(&w);
}

void bench_server_start(bench_server *server, const bench_server_options *options)
{
    int stop[2];
    int told[2];
    unsigned port = 0;
    bench_need(pipe(stop) == 0 && pipe(told) == 0, "no pipe");
    server->process = fork();
    bench_need(server->process >= 0, "no process");
    if (server->process == 0) {
        close(stop[1]);
        server_main(stop[0], told[1], options);
        _exit(1);
    }
    close(stop[0]);
    close(told[1]);
    server->stop_fd = stop[1];
    FILE *answers = fdopen(told[0], "r");
    bench_need(answers != NULL && fscanf(answers, "%u %63s", &port, server->token) == 2,
               "the server does not start");
    fclose(answers);
    server->port = (uint16_t)port;
}

void bench_server_stop(bench_server *server)
{
    close(server->stop_fd);
    waitpid(server->process, NULL, 0);
}

double bench_server_cpu_s(const bench_server *server)
{
    char path[64];
    unsigned long user = 0;
    unsigned long system_time = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)server->process);
    FILE *file = fopen(path, "r");
    bench_need(file != NULL, "no /proc");
    int fields = fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system_time);
    fclose(file);
    bench_need(fields == 2, "no /proc");
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

void bench_server_settle(const bench_server *server)
{
    double before_s = -1;
    double used_s = bench_server_cpu_s(server);
    for (int i = 0; i < SETTLE_LOOKS_MAX && used_s > before_s; i++) {
        (void)poll(NULL, 0, SETTLE_LOOK_MS);
        before_s = used_s;
        used_s = bench_server_cpu_s(server);
    }
}
