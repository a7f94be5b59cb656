/* bench_pull.c - exact polygon queries over HTTP keep-alive, with and without a fleet at work. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "bench_fleet.h"

#define CONNECTIONS 16
#define ANSWER_BYTES_MAX 65536
#define FENCEX "FenceX, published, boxes only, four VMs"
#define FENCEX_PER_S 13000.0
#define PUSH_PER_S 100000.0

/* Within the farms: a square of 150 m, which holds some eight animals. */
#define WEST 16.33
#define SOUTH 59.83
#define SPREAD_LON 0.08
#define SPREAD_LAT 0.04
#define SIDE_LON 0.0027
#define SIDE_LAT 0.00135

typedef struct client {
    int fd;
    size_t size;
    char answer[ANSWER_BYTES_MAX];
} client;

static int connect_to(const bench_site *site)
{
    const char *port = strrchr(site->address, ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(fd >= 0 && connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0,
               "no connection to the service");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void ask(const bench_site *site, client *c, hr_random *random)
{
    char body[512], request[1024];
    double w = WEST + SPREAD_LON * hr_random_unit(random);
    double s = SOUTH + SPREAD_LAT * hr_random_unit(random);
    double e = w + SIDE_LON, n = s + SIDE_LAT;
    int size = snprintf(body, sizeof body,
                        "{\"type\":\"Polygon\",\"coordinates\":[[[%.7f,%.7f],[%.7f,%.7f],"
                        "[%.7f,%.7f],[%.7f,%.7f],[%.7f,%.7f]]]}",
                        w, s, e, s, e, n, w, n, w, s);
    int used = snprintf(request, sizeof request,
                        "POST /v1/query/within HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: "
                        "Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                        "%s",
                        site->token, size, body);
    bench_need(send(c->fd, request, (size_t)used, MSG_NOSIGNAL) == used, "the service hung up");
    c->size = 0;
}

/* True when the answer is whole; the program ends if it is not 200. */
static bool take(client *c)
{
    ssize_t got = recv(c->fd, c->answer + c->size, sizeof c->answer - 1 - c->size, 0);
    bench_need(got > 0, "the service hung up");
    c->size += (size_t)got;
    c->answer[c->size] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    const char *length = strcasestr(c->answer, "content-length: ");
    if (end == NULL || length == NULL) {
        return false;
    }
    bench_need(memcmp(c->answer, "HTTP/1.1 200", 12) == 0, "an answer is not 200");
    return c->size >= (size_t)(end - c->answer) + 4 + strtoul(length + 16, NULL, 10);
}

/* What was asked for some seconds. */
typedef struct pulled {
    double per_ms;
    double devices; /* in an answer, on average */
} pulled;

static unsigned count_devices(const char *answer)
{
    unsigned count = 0;
    for (const char *at = answer; (at = strstr(at, "{\"device\":")) != NULL; at++) {
        count++;
    }
    return count;
}

static pulled pull_for(const bench_site *site, unsigned seconds)
{
    static client clients[CONNECTIONS];
    struct pollfd links[CONNECTIONS];
    hr_random random = {4};
    uint64_t count = 0, devices = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i].fd = connect_to(site);
        links[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        ask(site, &clients[i], &random);
    }
    double begun = bench_now_s();
    while (bench_now_s() - begun < seconds) {
        bench_need(poll(links, CONNECTIONS, 5000) > 0, "no answer");
        for (int i = 0; i < CONNECTIONS; i++) {
            if ((links[i].revents & POLLIN) != 0 && take(&clients[i])) {
                count++;
                devices += count_devices(clients[i].answer);
                ask(site, &clients[i], &random);
            }
        }
    }
    double took_s = bench_now_s() - begun;
    for (int i = 0; i < CONNECTIONS; i++) {
        close(clients[i].fd);
    }
    return (pulled){(double)count / took_s / 1000, (double)devices / (double)count};
}

static void tell(const bench *b, double push, double pushed_per_s, pulled *runs)
{
    double per_ms[BENCH_RUNS], devices[BENCH_RUNS];
    char details[160];
    for (unsigned k = 0; k < bench_runs(b); k++) {
        per_ms[k] = runs[k].per_ms;
        devices[k] = runs[k].devices;
    }
    snprintf(details, sizeof details,
             "\"push\":%.0f,\"pushed_per_s\":%.0f,\"devices\":100000,\"in_an_answer\":%.1f", push,
             pushed_per_s, bench_quantile(devices, bench_runs(b), 0.5));
    bench_report(b, "fleet.pull", details, per_ms, bench_runs(b), FENCEX, FENCEX_PER_S / 1000,
                 "k queries/s");
}

void bench_pull(const bench *b)
{
    pulled loaded[BENCH_RUNS], alone[BENCH_RUNS];
    double pushed_per_s[BENCH_RUNS];
    unsigned seconds = b->is_quick ? 3 : 15;
    for (unsigned k = 0; k < bench_runs(b); k++) {
        bench_site site;
        bench_load load;
        sim_scenario *scenario = bench_scenario("pull");
        bench_site_start(&site, b->bin, 0, 0);
        bench_site_add_fences(&site, scenario);
        bench_load_start(&load, &site, scenario, PUSH_PER_S);
        bench_pause_ms(2000); /* everybody has told a fix */
        uint64_t acked = atomic_load(&load.acked);
        double begun = bench_now_s();
        loaded[k] = pull_for(&site, seconds);
        pushed_per_s[k] = (double)(atomic_load(&load.acked) - acked) / (bench_now_s() - begun);
        load.stop = true;
        bench_load_join(&load);
        while (!bench_site_is_settled(&site)) {
            bench_pause_ms(5);
        }
        alone[k] = pull_for(&site, seconds);
        bench_site_stop(&site);
        sim_scenario_free(scenario);
    }
    tell(b, 0, 0, alone);
    tell(b, PUSH_PER_S, bench_quantile(pushed_per_s, bench_runs(b), 0.5), loaded);
}
