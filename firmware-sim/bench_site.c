/* bench_site.c - starts, watches, kills and removes a service. */
#include "bench_site.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "farm.h"

#define PATH_SIZE 512
#define TEXT_SIZE 4096
#define READY_S_MAX 60

void bench_need(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "bench_fleet: %s\n", what);
        exit(1);
    }
}

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(probe >= 0 && bind(probe, (struct sockaddr *)(void *)&address, size) == 0 &&
                   getsockname(probe, (struct sockaddr *)(void *)&address, &size) == 0,
               "no free port");
    close(probe);
    return ntohs(address.sin_port);
}

static bool read_text(const char *path, char text[TEXT_SIZE])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, text, TEXT_SIZE - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    text[size > 0 ? size : 0] = '\0';
    return size > 0;
}

/* `hedgerow gateway add bench --json`, or a reader. */
static void make_login(const bench_site *site, const char *kind, sim_login *login)
{
    char command[PATH_SIZE], text[TEXT_SIZE];
    int ends[2];
    hr_why why = {""};
    snprintf(command, sizeof command, "%s/hedgerow", site->bin);
    bench_need(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(command, command, "--data", site->data, kind, "add", kind, "--json", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t got;
    while (size < sizeof text && (got = read(ends[0], text + size, sizeof text - size)) > 0) {
        size += (size_t)got;
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    bench_need(sim_login_parse(text, size, login, &why) == HR_OK, "no login for MQTT");
}

void bench_site_restart(bench_site *site)
{
    char command[PATH_SIZE], log[PATH_SIZE], path[PATH_SIZE], token[TEXT_SIZE];
    snprintf(command, sizeof command, "%s/hedgerowd", site->bin);
    snprintf(log, sizeof log, "%s/log", site->folder);
    site->pid = fork();
    bench_need(site->pid >= 0, "no process");
    if (site->pid == 0) {
        int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(file, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(command, command, "--data", site->data, "--http", site->address, "--mqtt", site->mqtt,
              "--partitions", site->partitions, "--worker-threads", site->workers, (char *)NULL);
        _exit(127);
    }
    double begun = bench_now_s();
    while (!bench_site_is_ready(site)) {
        bench_need(bench_now_s() - begun < READY_S_MAX, "the service is not ready");
        bench_pause_ms(5);
    }
    snprintf(path, sizeof path, "%s/local-token", site->data);
    bench_need(read_text(path, token), "no token of the service");
    snprintf(site->token, sizeof site->token, "%.*s", (int)strcspn(token, "\r\n"), token);
}

void bench_site_start(bench_site *site, const char *bin, unsigned workers, unsigned partitions)
{
    *site = (bench_site){.bin = bin};
    snprintf(site->folder, sizeof site->folder, "/tmp/hr-bench-XXXXXX");
    bench_need(mkdtemp(site->folder) != NULL, "no temporary folder");
    snprintf(site->data, sizeof site->data, "%s/data", site->folder);
    snprintf(site->address, sizeof site->address, "127.0.0.1:%u", free_port());
    snprintf(site->mqtt, sizeof site->mqtt, "127.0.0.1:%u", free_port());
    snprintf(site->workers, sizeof site->workers, "%u", workers);
    snprintf(site->partitions, sizeof site->partitions, "%u", partitions > 0 ? partitions : 8);
    bench_site_restart(site);
    make_login(site, "gateway", &site->gateway);
    make_login(site, "reader", &site->reader);
}

void bench_site_kill(bench_site *site, int signal_number)
{
    kill(site->pid, signal_number);
    waitpid(site->pid, NULL, 0);
    site->pid = 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    (void)remove(path);
    return 0;
}

void bench_site_stop(bench_site *site)
{
    if (site->pid > 0) {
        bench_site_kill(site, SIGTERM);
    }
    nftw(site->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The answer as JSON, for cJSON_Delete; NULL if there is none. */
static cJSON *ask(const bench_site *site, const char *path)
{
    hr_buf answer;
    long status = 0;
    hr_buf_init(&answer, SIM_HTTP_ANSWER_BYTES_MAX);
    sim_http *http = sim_http_new(site->address, site->token);
    cJSON *json = NULL;
    if (http != NULL && sim_http_ask(http, "GET", path, NULL, &answer, &status, NULL) == HR_OK &&
        status == 200) {
        json = cJSON_ParseWithLength((const char *)answer.data, answer.size);
    }
    sim_http_free(http);
    hr_buf_fini(&answer);
    return json;
}

bool bench_site_is_ready(const bench_site *site)
{
    cJSON *json = ask(site, "/v1/health");
    bool is_ready = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ready"));
    cJSON_Delete(json);
    return is_ready;
}

void bench_site_add_fences(const bench_site *site, const sim_scenario *scenario)
{
    hr_buf body, answer;
    long status = 0;
    hr_buf_init(&body, SIM_HTTP_ANSWER_BYTES_MAX);
    hr_buf_init(&answer, SIM_HTTP_ANSWER_BYTES_MAX);
    sim_farm_collection(&body, scenario, "UTC");
    hr_buf_put_u8(&body, 0);
    sim_http *http = sim_http_new(site->address, site->token);
    bench_need(http != NULL && hr_buf_err(&body) == HR_OK, "out of memory");
    hr_err err = sim_http_ask(http, "POST", "/v1/fences/import", (const char *)body.data, &answer,
                              &status, NULL);
    bench_need(err == HR_OK && status / 100 == 2, "the fences were not taken");
    sim_http_free(http);
    hr_buf_fini(&body);
    hr_buf_fini(&answer);
}

static double number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* The end of each partition of a topic. */
static unsigned read_ends(const bench_site *site, const char *name, double ends[64])
{
    cJSON *log = ask(site, "/v1/log");
    unsigned count = 0;
    const cJSON *topic, *partition;
    cJSON_ArrayForEach(topic, cJSON_GetObjectItemCaseSensitive(log, "topics"))
    {
        const cJSON *text = cJSON_GetObjectItemCaseSensitive(topic, "topic");
        if (cJSON_IsString(text) && strcmp(text->valuestring, name) == 0) {
            cJSON_ArrayForEach(partition, cJSON_GetObjectItemCaseSensitive(topic, "partitions"))
            {
                ends[count++ % 64] = number(partition, "end");
            }
        }
    }
    cJSON_Delete(log);
    return count;
}

bool bench_site_is_settled(const bench_site *site)
{
    double ends[64];
    unsigned count = read_ends(site, "positions", ends);
    cJSON *answer = ask(site, "/v1/query/nearby?lon=0&lat=0&radius_m=1&limit=1");
    const cJSON *each;
    bool is_settled = count > 0 && answer != NULL;
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(answer, "as_of"))
    {
        unsigned partition = (unsigned)number(each, "partition");
        is_settled =
            is_settled && partition < count && number(each, "offset") >= ends[partition % 64] - 1;
    }
    cJSON_Delete(answer);
    return is_settled;
}

pid_t bench_site_broker(const bench_site *site)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    snprintf(path, sizeof path, "%s/broker/mosquitto.pid", site->data);
    return read_text(path, text) ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* ---- what a process uses ---- */

static uint64_t field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static uint64_t count_wakeups(pid_t pid)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/task/%.32s/status", (int)pid, task->d_name);
        if (task->d_name[0] != '.' && read_text(path, text)) {
            sum += field(text, "\nvoluntary_ctxt_switches:");
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return sum;
}

void bench_site_use(pid_t pid, bench_use *use)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    *use = (bench_use){0};
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (read_text(path, text)) {
        use->resident_mb = (double)field(text, "VmRSS:") / 1024.0;
    }
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    if (read_text(path, text)) {
        use->written_bytes = field(text, "\nwrite_bytes:");
    }
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_text(path, text)) {
        unsigned long user = 0, kernel = 0;
        const char *after = strrchr(text, ')');
        if (after != NULL &&
            sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                   &kernel) == 2) {
            use->cpu_s = (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
        }
    }
    use->wakeups = count_wakeups(pid);
}
