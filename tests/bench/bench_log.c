/* tests/bench/bench_log.c - the journal measured, beside SQLite doing the same on the same disk.
 *
 * usage: bench_log [--quick] [--json FILE] [--folder DIR]. Each result is a JSON line. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/logline.h"
#include "bench_line.h"
#include "bench_log.h"
#include "log/log.h"
#include "log/reader.h"

#define BATCH_FIXES 1000u
#define LAZY_TYPE 3
#define EAGER_TYPE 1

typedef struct bench {
    char folder[256];
    bool is_quick;
    FILE *json; /* beside stdout; or NULL */
    uint8_t fixes[BATCH_FIXES * BENCH_FIX_BYTES];
} bench;

static double now_s(void)
{
    return (double)hr_clock_mono_ns(hr_clock_real()) / 1e9;
}

static void remove_files(const char *folder)
{
    DIR *list = opendir(folder);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (list != NULL) {
        closedir(list);
    }
}

/* peer_name NULL: there is no peer for this. */
static void tell(const bench *b, const char *name, const char *what, double ours,
                 const char *peer_name, double theirs, const char *unit, bool less_is_better)
{
    bench_line_put(b->json, &(bench_line){.name = name,
                                          .details = what,
                                          .ours = ours,
                                          .unit = unit,
                                          .peer = peer_name,
                                          .theirs = theirs,
                                          .less_is_better = less_is_better,
                                          .runs = 1});
}

static log_store *open_log(const bench *b, hr_metrics *metrics, bool is_read_only)
{
    static const log_topic topics[] = {{"positions", BENCH_PARTITIONS}};
    log_options options = {.folder = b->folder,
                           .topics = topics,
                           .topic_count = 1,
                           .clock = hr_clock_real(),
                           .metrics = metrics,
                           .lazy_types = 1u << LAZY_TYPE,
                           .read_only = is_read_only};
    log_store *log = NULL;
    hr_why why = {""};
    if (log_open(&options, &log, &why) != HR_OK) {
        die("log_open: %s", why.text);
    }
    return log;
}

static log_position append(log_store *log, const uint8_t *fixes, uint16_t partition, uint32_t count,
                           uint8_t type)
{
    log_batch batch = {.type = type,
                       .partition = partition,
                       .count = count,
                       .record_bytes = BENCH_FIX_BYTES,
                       .bytes = fixes,
                       .size = (size_t)count * BENCH_FIX_BYTES};
    log_position end = 0;
    hr_err err = log_append(log, &batch, 1, NULL, NULL, &end);
    if (err != HR_OK) {
        die("log_append: %s", hr_err_text(err));
    }
    return end;
}

static void wait_durable(log_store *log, log_position end)
{
    while (log_durable(log) < end) {
        log_wait(log, LOG_COMMITTED, log_durable(log), 1000);
    }
}

/* Of the calling thread: what one core alone would need, whoever else is on it. */
static double cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void bench_append(bench *b)
{
    uint64_t frames = b->is_quick ? 2000 : 20000;
    uint64_t peer_batches = b->is_quick ? 100 : 1000;
    log_store *log = open_log(b, NULL, false);
    double began = now_s();
    double began_cpu = cpu_s();
    for (uint64_t i = 0; i < frames; i++) {
        append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), BATCH_FIXES, LAZY_TYPE);
    }
    double ours = (double)frames * BATCH_FIXES / (now_s() - began) / 1e6;
    double ours_cpu = (double)frames * BATCH_FIXES / (cpu_s() - began_cpu) / 1e6;
    log_close(log);
    peer *p = peer_open(b->folder, false);
    began = now_s();
    began_cpu = cpu_s();
    for (uint64_t i = 0; i < peer_batches; i++) {
        peer_append(p, (unsigned)(i % BENCH_PARTITIONS), b->fixes, BATCH_FIXES);
    }
    double theirs = (double)peer_batches * BATCH_FIXES / (now_s() - began) / 1e6;
    double theirs_cpu = (double)peer_batches * BATCH_FIXES / (cpu_s() - began_cpu) / 1e6;
    peer_close(p);
    tell(b, "log.append", "\"batch\":1000,\"to\":\"page cache\"", ours, "SQLite WAL/OFF", theirs,
         "M fixes/s", false);
    tell(b, "log.append", "\"batch\":1000,\"to\":\"page cache\",\"time\":\"cpu\"", ours_cpu,
         "SQLite WAL/OFF", theirs_cpu, "M fixes/s", false);
    remove_files(b->folder);
}

static void bench_durable(bench *b)
{
    uint64_t batches = b->is_quick ? 100 : 1000;
    log_store *log = open_log(b, NULL, false);
    double began = now_s();
    for (uint64_t i = 0; i < batches; i++) {
        wait_durable(
            log, append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), BATCH_FIXES, EAGER_TYPE));
    }
    double ours = (double)batches * BATCH_FIXES / (now_s() - began) / 1e6;
    log_close(log);
    peer *p = peer_open(b->folder, true);
    began = now_s();
    for (uint64_t i = 0; i < batches; i++) {
        peer_append(p, (unsigned)(i % BENCH_PARTITIONS), b->fixes, BATCH_FIXES);
    }
    double theirs = (double)batches * BATCH_FIXES / (now_s() - began) / 1e6;
    peer_close(p);
    tell(b, "log.append", "\"batch\":1000,\"to\":\"disk, each batch\"", ours, "SQLite WAL/FULL",
         theirs, "M fixes/s", false);
    remove_files(b->folder);
}

static void bench_single(bench *b)
{
    uint64_t count = b->is_quick ? 100000 : 2000000;
    uint64_t peer_count = b->is_quick ? 2000 : 20000;
    log_store *log = open_log(b, NULL, false);
    double began = now_s();
    for (uint64_t i = 0; i < count; i++) {
        append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), 1, LAZY_TYPE);
    }
    double ours = (double)count / (now_s() - began) / 1e3;
    log_close(log);
    peer *p = peer_open(b->folder, false);
    began = now_s();
    for (uint64_t i = 0; i < peer_count; i++) {
        peer_append(p, (unsigned)(i % BENCH_PARTITIONS), b->fixes, 1);
    }
    double theirs = (double)peer_count / (now_s() - began) / 1e3;
    peer_close(p);
    tell(b, "log.append", "\"batch\":1,\"to\":\"page cache\"", ours, "SQLite WAL/OFF", theirs,
         "k records/s", false);
    remove_files(b->folder);
}

/* The best of several, since others use the machine too. */
#define RUNS 3

static double read_once(log_store *log, uint16_t partition)
{
    log_reader *reader = NULL;
    log_view view;
    uint64_t bytes = 0;
    double began = now_s();
    if (log_reader_open(log, 0, partition, 0, LOG_APPENDED, &reader) != HR_OK) {
        die("log_reader_open failed");
    }
    while (log_reader_next(reader, &view, NULL) == HR_OK) {
        bytes += view.size;
    }
    log_reader_close(reader);
    return (double)bytes / (now_s() - began) / 1e6;
}

static double read_partition(log_store *log, uint16_t partition)
{
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double speed = read_once(log, partition);
        best = speed > best ? speed : best;
    }
    return best;
}

/* One batch of 1,000 for each partition in turn, then frames as a gateway's batch makes them: all
 * partitions in each. */
static void bench_read(bench *b)
{
    uint64_t frames = b->is_quick ? 2000 : 16000;
    log_store *log = open_log(b, NULL, false);
    peer *p = peer_open(b->folder, false);
    for (uint64_t i = 0; i < frames; i++) {
        append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), BATCH_FIXES, LAZY_TYPE);
        if (i < frames / 16) {
            peer_append(p, (unsigned)(i % BENCH_PARTITIONS), b->fixes, BATCH_FIXES);
        }
    }
    double ours = read_partition(log, 3);
    double began = now_s();
    double theirs = (double)peer_read(p, 3) / (now_s() - began) / 1e6;
    tell(b, "log.read", "\"partitions\":8,\"frame_fixes\":1000", ours, "SQLite", theirs, "MB/s",
         false);
    log_close(log);
    remove_files(b->folder);
    log = open_log(b, NULL, false);
    for (uint64_t i = 0; i < frames; i++) {
        log_batch batches[BENCH_PARTITIONS];
        for (uint16_t k = 0; k < BENCH_PARTITIONS; k++) {
            batches[k] = (log_batch){.type = LAZY_TYPE,
                                     .partition = k,
                                     .count = BATCH_FIXES / BENCH_PARTITIONS,
                                     .record_bytes = BENCH_FIX_BYTES,
                                     .bytes = b->fixes,
                                     .size = BATCH_FIXES / BENCH_PARTITIONS * BENCH_FIX_BYTES};
        }
        if (log_append(log, batches, BENCH_PARTITIONS, NULL, NULL, NULL) != HR_OK) {
            die("log_append failed");
        }
    }
    tell(b, "log.read", "\"partitions\":8,\"frame_fixes\":1000,\"mixed\":true",
         read_partition(log, 3), "SQLite", theirs, "MB/s", false);
    log_close(log);
    peer_close(p);
    remove_files(b->folder);
}

static void bench_recovery(bench *b)
{
    uint64_t frames = b->is_quick ? 4000 : 32000;
    log_store *log = open_log(b, NULL, false);
    for (uint64_t i = 0; i < frames; i++) {
        append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), BATCH_FIXES, EAGER_TYPE);
    }
    log_position end = log_appended(log);
    log_close(log);
    /* Without what would spare the reading. */
    DIR *list = opendir(b->folder);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        char path[600];
        if (strstr(entry->d_name, ".log") == NULL) {
            snprintf(path, sizeof path, "%s/%s", b->folder, entry->d_name);
            unlink(path);
        }
    }
    closedir(list);
    double began = now_s();
    log = open_log(b, NULL, true);
    double took = now_s() - began;
    char what[128];
    snprintf(what, sizeof what, "\"bytes\":%llu,\"from\":\"page cache\"", (unsigned long long)end);
    tell(b, "log.recover", what, (double)end / took / 1e9, NULL, 0, "GB/s", false);
    log_close(log);
    remove_files(b->folder);
}

static void bench_open(bench *b)
{
    uint64_t frames = b->is_quick ? 8000 : 320000;
    log_store *log = open_log(b, NULL, false);
    for (uint64_t i = 0; i < frames; i++) {
        append(log, b->fixes, (uint16_t)(i % BENCH_PARTITIONS), BATCH_FIXES, EAGER_TYPE);
    }
    log_position end = log_appended(log);
    log_close(log);
    double began = now_s();
    log = open_log(b, NULL, false);
    double took = now_s() - began;
    char what[128];
    snprintf(what, sizeof what, "\"bytes\":%llu,\"stop\":\"clean\"", (unsigned long long)end);
    tell(b, "log.open", what, took * 1e3, NULL, 0, "ms", true);
    log_close(log);
    remove_files(b->folder);
}

/* Sectors that the folder's device has written so far; 0 where the kernel does not tell. */
static uint64_t device_bytes(const char *folder)
{
    struct stat status;
    char line[512];
    uint64_t bytes = 0;
    FILE *file = fopen("/proc/diskstats", "r");
    if (file == NULL || stat(folder, &status) != 0) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned major_number = 0;
        unsigned minor_number = 0;
        unsigned long long sectors = 0;
        int got = sscanf(line, "%u %u %*s %*u %*u %*u %*u %*u %*u %llu", &major_number,
                         &minor_number, &sectors);
        if (got == 3 && major_number == major(status.st_dev) &&
            minor_number == minor(status.st_dev)) {
            bytes = sectors * 512;
        }
    }
    fclose(file);
    return bytes;
}

/* 20,000 fixes a second as 20 gateway batches of 1,000, each spread over all partitions. */
static void bench_paced(bench *b)
{
    unsigned seconds = b->is_quick ? 2 : 15;
    hr_metrics *metrics = hr_metrics_new();
    hr_histogram *latency = hr_metrics_histogram(metrics, "latency", "", "", 1e-9);
    log_store *log = open_log(b, metrics, false);
    uint64_t device_before = device_bytes(b->folder);
    hr_counter *written = hr_metrics_counter(metrics, "hedgerow_log_written_bytes_total", "", "");
    uint64_t written_before = hr_counter_value(written);
    double began = now_s();
    for (unsigned i = 0; i < seconds * 20; i++) {
        while (now_s() < began + i * 0.05) {
            log_wait(log, LOG_COMMITTED, UINT64_MAX, 1);
        }
        int64_t appended_ns = hr_clock_mono_ns(hr_clock_real());
        log_batch batches[BENCH_PARTITIONS];
        for (uint16_t k = 0; k < BENCH_PARTITIONS; k++) {
            batches[k] = (log_batch){.type = EAGER_TYPE,
                                     .partition = k,
                                     .count = BATCH_FIXES / BENCH_PARTITIONS,
                                     .record_bytes = BENCH_FIX_BYTES,
                                     .bytes = b->fixes,
                                     .size = BATCH_FIXES / BENCH_PARTITIONS * BENCH_FIX_BYTES};
        }
        log_position end = 0;
        if (log_append(log, batches, BENCH_PARTITIONS, NULL, NULL, &end) != HR_OK) {
            die("log_append failed");
        }
        wait_durable(log, end);
        hr_histogram_record(latency, (uint64_t)(hr_clock_mono_ns(hr_clock_real()) - appended_ns));
    }
    uint64_t records = (uint64_t)seconds * 20 * BATCH_FIXES * BENCH_FIX_BYTES;
    uint64_t ours = hr_counter_value(written) - written_before;
    uint64_t device = device_bytes(b->folder) - device_before;
    tell(b, "log.commit_latency", "\"fixes_per_s\":20000,\"part\":0.5",
         hr_histogram_quantile(latency, 0.5) / 1e6, NULL, 0, "ms", true);
    tell(b, "log.commit_latency", "\"fixes_per_s\":20000,\"part\":0.99",
         hr_histogram_quantile(latency, 0.99) / 1e6, NULL, 0, "ms", true);
    tell(b, "log.write_share", "\"fixes_per_s\":20000,\"count\":\"write()\"",
         (double)ours / (double)records, NULL, 0, "bytes per byte appended", true);
    tell(b, "log.write_share", "\"fixes_per_s\":20000,\"count\":\"device, others included\"",
         (double)device / (double)records, NULL, 0, "bytes per byte appended", true);
    log_close(log);
    hr_metrics_free(metrics);
    remove_files(b->folder);
}

int main(int argc, char **argv)
{
    static bench b;
    const char *where = ".";
    hr_random random = {.state = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.is_quick = true;
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            where = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            b.json = fopen(argv[++i], "w");
            if (b.json == NULL) {
                die("cannot write %s", argv[i]);
            }
        } else {
            die("usage: bench_log [--quick] [--json FILE] [--folder DIR]");
        }
    }
    for (size_t i = 0; i < sizeof b.fixes; i += 8) {
        hr_store_u64(b.fixes + i, hr_random_next(&random));
    }
    snprintf(b.folder, sizeof b.folder, "%s/bench-log-XXXXXX", where);
    if (mkdtemp(b.folder) == NULL) {
        die("cannot make a folder in %s", where);
    }
    hr_logline_set_level(HR_LEVEL_WARN);
    bench_append(&b);
    bench_durable(&b);
    bench_single(&b);
    bench_read(&b);
    bench_recovery(&b);
    bench_paced(&b);
    bench_open(&b);
    rmdir(b.folder);
    if (b.json != NULL) {
        fclose(b.json);
    }
    return 0;
}
