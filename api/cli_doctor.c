/* api/cli_doctor.c - hedgerow doctor: what is wrong here, in plain words, and what to do. */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli.h"
#include "cli_client.h"
#include "cli_probe.h"
#include "cli_table.h"
#include "data_folder.h"
#include "ingest/broker.h"
#include "local.h"
#include "log/log.h"
#include "log/verify.h"

#define FINDINGS_MAX 64
#define TEXT_MAX 512
#define ANSWER_BYTES_MAX (1u << 20)
#define ANSWER_TIMEOUT_S 10L
#define BACKUP_AGE_S_MAX (7 * 86400)
#define FREE_LITTLE_PCT 10
#define FREE_NOTHING_BYTES ((uint64_t)64 << 20)

static const char help[] =
    "usage: hedgerow [--data DIR] doctor [--json]\n"
    "\n"
    "Looks at the data folder, its backups, the disk, the clock, the broker and the service, says\n"
    "what is wrong and what to do about it, and changes nothing. Exit code 1: something does not\n"
    "work.\n";

typedef enum level {
    GOOD,
    WARN, /* works, but not as it should */
    BAD,  /* does not work */
} level;

typedef struct finding {
    const char *check;
    level level;
    char what[TEXT_MAX];
    const char *advice; /* static; "" for none */
} finding;

typedef struct doctor {
    const char *data;
    const char *url; /* NULL: what the data folder says */
    char broker[API_DATA_PATH_MAX];
    pid_t service; /* 0: does not run */
    finding findings[FINDINGS_MAX];
    unsigned count; /* those behind FINDINGS_MAX are left out */
} doctor;

static void find(doctor *d, const char *check, level level, const char *advice, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

static void find(doctor *d, const char *check, level level, const char *advice, const char *format,
                 ...)
{
    if (d->count == FINDINGS_MAX) {
        return;
    }
    finding *f = &d->findings[d->count++];
    va_list values;
    f->check = check;
    f->level = level;
    f->advice = advice;
    va_start(values, format);
    vsnprintf(f->what, sizeof f->what, format, values);
    va_end(values);
}

/* False when there is no folder that the other checks could look into. */
static bool check_folder(doctor *d)
{
    struct stat info;
    if (stat(d->data, &info) != 0) {
        bool is_absent = errno == ENOENT;
        find(d, "folder", BAD,
             is_absent ? "Say where it is with --data DIR before the command, or start the service "
                         "once: hedgerowd --data DIR"
                       : "Run this as the user that the service runs as, or as root.",
             "there is no data folder %s that can be looked into: %s", d->data, strerror(errno));
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        find(d, "folder", BAD, "Say where the data folder is with --data DIR before the command.",
             "%s is not a folder", d->data);
        return false;
    }
    if (access(d->data, R_OK | X_OK) != 0) {
        find(d, "folder", BAD, "Run this as the user that the service runs as, or as root.",
             "%s may not be read by this user (its owner has the id %u)", d->data,
             (unsigned)info.st_uid);
        return false;
    }
    if (access(d->data, W_OK) != 0) {
        find(d, "folder", BAD,
             "Give the folder to the service's user (chown -R), and see that the disk is not "
             "mounted read-only: an SD card that fails often becomes that.",
             "%s cannot be written: %s", d->data, strerror(errno));
    } else {
        find(d, "folder", GOOD, "", "the data folder %s is there", d->data);
    }
    if ((info.st_mode & 0077) != 0) {
        find(d, "permissions", WARN, "chmod 700 the data folder: it holds what lets people in.",
             "other users of this machine may look into %s", d->data);
    }
    return true;
}

static void check_format(doctor *d)
{
    char path[API_DATA_PATH_MAX];
    int format = 0;
    snprintf(path, sizeof path, "%s/FORMAT", d->data);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        find(d, "format", errno == ENOENT ? WARN : BAD,
             "If the service was never started on this folder, start it; if it was, this is not "
             "the folder, or it was emptied: restore a backup.",
             "%s cannot be read: %s", path, strerror(errno));
        return;
    }
    int fields = fscanf(file, "hedgerow %9d", &format);
    fclose(file);
    if (fields != 1) {
        find(d, "format", BAD, "Restore a backup: hedgerow restore FILE --data NEWDIR",
             "%s is damaged, or not ours", path);
    } else if (format > API_DATA_FORMAT) {
        find(d, "format", BAD, "Update Hedgerow on this machine.",
             "the folder was written by a newer Hedgerow (format %d, this one knows %d)", format,
             API_DATA_FORMAT);
    } else {
        find(d, "format", GOOD, "", "the folder has format %d", format);
    }
}

static void count_lost(const log_damage *damage, void *context)
{
    uint64_t *records = context;
    *records += damage->has_records ? (uint64_t)(damage->end_offset - damage->first_offset) : 0;
}

static void check_journal(doctor *d)
{
    char folder[API_DATA_PATH_MAX + 16];
    hr_why why = {""};
    log_store *log = NULL;
    snprintf(folder, sizeof folder, "%s/journal", d->data);
    if (access(folder, F_OK) != 0) {
        return; /* the service was never started: said already */
    }
    log_options open = {.folder = folder, .clock = hr_clock_real(), .read_only = true};
    hr_err err = log_open(&open, &log, &why);
    uint64_t lost = 0;
    if (err == HR_OK) {
        log_damage_each(log, count_lost, &lost);
    }
    log_close(log);
    if (lost > 0) {
        find(d, "journal", BAD,
             "The disk or SD card may be worn out: make a backup, then replace it; hedgerow log "
             "verify tells what is lost.",
             "the journal is damaged: %llu records are lost", (unsigned long long)lost);
    } else if (err != HR_OK) {
        find(d, "journal", BAD,
             err == HR_DENIED
                 ? "Give the folder to the service's user (chown -R), if this is not another one."
                 : "hedgerow log verify tells what is damaged; a backup can be restored.",
             "the journal cannot be opened: %s", why.text[0] != 0 ? why.text : hr_err_text(err));
    } else {
        find(d, "journal", GOOD, "", "the journal can be read");
    }
}

/* Without these the service does not start. One that runs has read them, and holds them open. */
static void check_databases(doctor *d)
{
    static const char *const names[] = {"catalog.db", "accounts.db"};
    char path[API_DATA_PATH_MAX + 16];
    char why[TEXT_MAX / 2];
    bool is_well = true;
    snprintf(path, sizeof path, "%s/journal", d->data);
    if (d->service != 0 || access(path, F_OK) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", d->data, names[i]);
        if (!probe_database(path, why, sizeof why)) {
            is_well = false;
            find(d, "databases", BAD, "Restore a backup: hedgerow restore FILE --data NEWDIR",
                 "%s cannot be used: %s", path, why);
        }
    }
    if (is_well) {
        find(d, "databases", GOOD, "", "the fences and the accounts can be read");
    }
}

/* How long ago that file of the folder was written; -1: it is not there. */
static int64_t age_of(const doctor *d, const char *name)
{
    char path[API_DATA_PATH_MAX + 16];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", d->data, name);
    if (stat(path, &info) != 0) {
        return -1;
    }
    int64_t age_s = hr_clock_now_ms(hr_clock_real()) / 1000 - info.st_mtim.tv_sec;
    return age_s > 0 ? age_s : 0;
}

/* A folder is given some days before somebody has to think of it. */
static void check_backup(doctor *d)
{
    static const char advice[] =
        "Let one be made every day, best on another disk: hedgerow install --backups FOLDER (or by "
        "hand: hedgerow backup FILE). Fences and users are nowhere else, and SD cards die.";
    int64_t age_s = age_of(d, BACKUP_NOTE_NAME);
    if (age_s > BACKUP_AGE_S_MAX) {
        find(d, "backup", WARN, advice, "the newest backup is %lld days old",
             (long long)age_s / 86400);
    } else if (age_s >= 0) {
        find(d, "backup", GOOD, "", "there is a backup of the last %d days",
             BACKUP_AGE_S_MAX / 86400);
    } else if (age_of(d, "FORMAT") > BACKUP_AGE_S_MAX) {
        find(d, "backup", WARN, advice, "there is no backup of this folder");
    }
}

static void check_disk(doctor *d)
{
    struct statvfs disk;
    if (statvfs(d->data, &disk) != 0 || disk.f_blocks == 0) {
        find(d, "disk", WARN, "Look at the disk yourself: df",
             "the disk does not say how full it is");
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t used = (uint64_t)(disk.f_blocks - disk.f_bfree) * disk.f_frsize;
    unsigned left_pct = (unsigned)(left * 100 / (left + used > 0 ? left + used : 1));
    level how = left < FREE_NOTHING_BYTES ? BAD : left_pct < FREE_LITTLE_PCT ? WARN : GOOD;
    find(d, "disk", how,
         how == GOOD ? ""
                     : "Make room, or let the service keep less: retain-days and "
                       "retain-megabytes (hedgerowd --help). While the disk is full, gateways "
                       "keep their fixes; nothing is lost.",
         "%.1f GB of the disk are free (%u %%)", (double)left / 1e9, left_pct);
    if (disk.f_files > 0 && disk.f_favail < 1000) {
        find(d, "disk", BAD, "Remove some of the many small files on that disk.",
             "the disk has room for only %lu more files", (unsigned long)disk.f_favail);
    }
}

static void check_clock(doctor *d)
{
    if (hr_clock_is_synchronised(hr_clock_real())) {
        find(d, "clock", GOOD, "", "the clock is synchronised");
    } else {
        find(d, "clock", WARN,
             "Let it follow a time server (apt install systemd-timesyncd), or a GPS receiver "
             "(chrony). Until then the time of fixes is believed as it comes.",
             "the clock is not synchronised");
    }
}

static void check_broker(doctor *d)
{
    char host[64];
    uint16_t port = 0;
    bool is_ours = broker_address(d->broker, host, sizeof host, &port, NULL) == HR_OK;
    if (!probe_program("mosquitto")) {
        find(d, "broker", is_ours || d->service == 0 ? BAD : WARN,
             "apt install mosquitto (not needed if the service uses another broker).",
             "the broker mosquitto is not installed");
        return;
    }
    if (!is_ours) {
        find(d, "broker", GOOD, "",
             d->service != 0 ? "the service uses a broker that is not its own"
                             : "mosquitto is installed");
        return;
    }
    pid_t pid = probe_process(d->broker, "mosquitto.pid", "mosquitto");
    bool connects = probe_connects(host, port);
    if (d->service != 0) {
        bool is_good = pid != 0 && connects;
        find(d, "broker", is_good ? GOOD : BAD,
             is_good ? "" : "The service starts it again by itself; its log says why it ended.",
             is_good    ? "the broker runs and listens on %s:%u"
             : pid == 0 ? "the broker does not run (it should listen on %s:%u)"
                        : "the broker runs, but nothing listens on %s:%u",
             host, port);
    } else if (connects && pid == 0) {
        find(d, "ports", BAD,
             "Stop that program (often: systemctl disable --now mosquitto), or give the service "
             "another port with --mqtt ADDR:PORT.",
             "another program listens on %s:%u, where our broker should", host, port);
    }
}

static size_t keep_answer(char *bytes, size_t one, size_t count, void *context)
{
    hr_buf *out = context;
    hr_buf_put(out, bytes, one * count);
    return hr_buf_err(out) == HR_OK ? one * count : 0;
}

/* GET url/v1/health; NULL, and why, if there is no answer. */
static cJSON *ask_health(const char *url, bool is_here, char why[TEXT_MAX])
{
    char path[API_LOCAL_TEXT_MAX + 32];
    hr_buf out;
    cJSON *answer = NULL;
    snprintf(path, sizeof path, "%s/v1/health", url);
    hr_buf_init(&out, ANSWER_BYTES_MAX);
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl != NULL) {
        curl_easy_setopt(curl, CURLOPT_URL, path);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_TIMEOUT_S);
        if (is_here) {
            cli_client_set_local(curl);
        }
        /* The certificate may be of our own authority, and nothing secret is said here. */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        code = curl_easy_perform(curl);
        curl_easy_cleanup(curl);
    }
    if (code == CURLE_OK) {
        answer = cJSON_ParseWithLength((const char *)out.data, out.size);
    }
    snprintf(why, TEXT_MAX, "%s", code != CURLE_OK ? curl_easy_strerror(code) : "not our answer");
    hr_buf_fini(&out);
    return answer;
}

/* What to do about a reason that the service gives. */
static const char *advice_for(const char *reason)
{
    static const struct {
        const char *word;
        const char *advice;
    } known[] = {
        {"the history was", "What is older is in your backups: hedgerow restore FILE --data NEWDIR "
                            "makes a folder to look into. This is told until the next start."},
        {"worn out", "Make a backup now, then replace the disk or SD card."},
        {"disk", "Make room on the disk, or keep less (hedgerowd --help: retain-days)."},
        {"space", "Make room on the disk; the service goes on by itself."},
        {"broker", "Its log lines say why; is mosquitto installed, is the port free?"},
        {"sync", "Write errors mean a failing disk or SD card: make a backup now."},
        {"clock", "Let the clock follow a time server (apt install systemd-timesyncd)."},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(reason, known[i].word) != NULL) {
            return known[i].advice;
        }
    }
    return "The service's log lines tell more.";
}

static void tell_health(doctor *d, const char *url, const cJSON *health)
{
    const cJSON *reason;
    bool is_ready = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(health, "ready"));
    find(d, "service", is_ready ? GOOD : WARN,
         is_ready ? "" : "Wait: after a power cut it reads what it has not judged yet.",
         is_ready ? "the service answers at %s" : "the service at %s is not ready yet", url);
    cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(health, "reasons"))
    {
        if (cJSON_IsString(reason)) {
            find(d, "health", WARN, advice_for(reason->valuestring), "the service says: %s",
                 reason->valuestring);
        }
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(health, "needs_setup"))) {
        find(d, "setup", WARN,
             "Open the link in the file local-setup of the data folder, and choose a password.",
             "the service has no owner yet");
    }
}

static void check_service(doctor *d)
{
    char url[API_LOCAL_TEXT_MAX] = "";
    char why[TEXT_MAX];
    if (d->url == NULL && d->service == 0) {
        find(d, "service", BAD,
             "Start it: systemctl start hedgerow, or hedgerowd --data DIR. If it ends at once, its "
             "last log line says why (journalctl -u hedgerow).",
             "no service runs on %s", d->data);
        return;
    }
    if (d->url != NULL) {
        snprintf(url, sizeof url, "%s", d->url);
    } else if (api_local_read(d->data, "local-address", url, NULL) != HR_OK) {
        find(d, "service", WARN, "Wait a moment and look again: it may be starting.",
             "the service runs (process %ld) but does not say yet where", (long)d->service);
        return;
    }
    cJSON *health = ask_health(url, d->url == NULL, why);
    if (health != NULL) {
        tell_health(d, url, health);
    } else {
        find(d, "service", BAD,
             "If it stays so, restart it (systemctl restart hedgerow); its log lines tell more.",
             "the service does not answer at %s: %s", url, why);
    }
    cJSON_Delete(health);
}

static const char *const level_names[] = {"ok", "warning", "problem"};

static int print_json(const doctor *d, level worst)
{
    hr_buf out;
    hr_buf_init(&out, ANSWER_BYTES_MAX);
    hr_json json = hr_json_into(&out);
    hr_json_open_object(&json);
    hr_json_key_bool(&json, "ok", worst != BAD);
    hr_json_key(&json, "findings");
    hr_json_open_array(&json);
    for (unsigned i = 0; i < d->count; i++) {
        const finding *f = &d->findings[i];
        hr_json_open_object(&json);
        hr_json_key_text(&json, "check", f->check);
        hr_json_key_text(&json, "level", level_names[f->level]);
        hr_json_key_text(&json, "what", f->what);
        hr_json_key_text(&json, "do", f->advice);
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
    hr_buf_put_u8(&out, '\n');
    hr_err err = hr_buf_err(&out);
    if (err == HR_OK) {
        fwrite(out.data, 1, out.size, stdout);
    }
    hr_buf_fini(&out);
    return err == HR_OK && worst != BAD ? CLI_OK : CLI_FAILED;
}

static int print_words(const doctor *d, level worst)
{
    for (unsigned i = 0; i < d->count; i++) {
        const finding *f = &d->findings[i];
        const char *name = level_names[f->level];
        printf("%s%-8s%s %s\n", cli_colour_of(name), name, cli_colour_end(), f->what);
        if (f->advice[0] != 0) {
            printf("         -> %s\n", f->advice);
        }
    }
    puts(worst == GOOD ? "\nEverything is well." : "\nWhat to do stands behind the arrows.");
    return worst != BAD ? CLI_OK : CLI_FAILED;
}

int cli_doctor(const cli_globals *globals, int argc, char **argv)
{
    bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (argc > 2 || (argc == 2 && !as_json)) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    doctor *d = calloc(1, sizeof *d);
    if (d == NULL) {
        fputs("hedgerow doctor: out of memory\n", stderr);
        return CLI_FAILED;
    }
    d->data = globals->data;
    d->url = globals->url;
    snprintf(d->broker, sizeof d->broker, "%s/broker", d->data);
    if (check_folder(d)) {
        d->service = probe_process(d->data, "lock", "hedgerowd");
        check_format(d);
        check_journal(d);
        check_databases(d);
        check_backup(d);
        check_disk(d);
        check_clock(d);
        check_service(d);
        check_broker(d);
    }
    level worst = GOOD;
    for (unsigned i = 0; i < d->count; i++) {
        worst = d->findings[i].level > worst ? d->findings[i].level : worst;
    }
    int code = as_json ? print_json(d, worst) : print_words(d, worst);
    free(d);
    return code;
}
