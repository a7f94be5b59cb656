/* ingest/broker.c - keeps the managed broker running: configuration, start, take-over, restart. */
#include "ingest/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/logline.h"
#include "ingest/broker_files.h"
#include "ingest/broker_process.h"
#include "ingest/broker_reload.h"

/* It reads and writes whatever waits for its clients, from and to a slow card maybe: some 70 MB for
 * one that has been away for long. Ended before, it loses that, or never starts again. */
#define START_TIMEOUT_MS 60000
#define END_TIMEOUT_MS 30000
#define RESTART_PAUSE_MIN_MS 100
#define RESTART_PAUSE_MAX_MS 10000
#define GATHER_MS 30
#define SESSION_LOOK_MS 50
#define SETTLE_AGAIN_NS INT64_C(1000000000)
#define SESSION_WAIT_NS (5 * INT64_C(1000000000)) /* for our own session to come back */
#define NETWORK_LOOK_MS 60000
#define LONG_RUN_NS (30 * INT64_C(1000000000)) /* after which a failure is a new one */

struct broker {
    broker_path folder;
    broker_path config;
    broker_path pipe;
    char password[BROKER_PASSWORD_SIZE];
    const hr_clock *clock;
    hr_counter *restarts;
    int wake_fd;
    pthread_t watcher;
    broker_process process; /* the watcher's; before and after its life the caller's, as all here */
    bool is_settled;        /* see broker_reload.h */
    bool may_settle;        /* in that manner, but for a disk that did not let it be said */
    broker_manner manner;
    int64_t settle_ns;   /* when it is tried again */
    int64_t wanted_ns;   /* since when a reload waits for that; 0: none does */
    int64_t look_gap_ns; /* between two looks at the network; fixed */
    int64_t look_ns;     /* when the next one is due */
    pthread_mutex_t lock;
    bool stopping;         /* protected by lock */
    pid_t pid;             /* protected by lock; 0 while down */
    int64_t down_since_ms; /* protected by lock */
    hr_why trouble;        /* protected by lock: why it is down */
    hr_why lan_trouble;    /* protected by lock: why its certificate does not fit; or empty */
    char twin[BROKER_CLIENT_SIZE]; /* protected by lock: a name that two programs use; or empty */
};

static bool file_is(const char *folder, const char *name, const hr_buf *text)
{
    hr_buf old;
    hr_buf_init(&old, BROKER_FILE_BYTES_MAX);
    bool same = broker_file_read(folder, name, &old, NULL) == HR_OK && old.size == text->size &&
                memcmp(old.data, text->data, old.size) == 0;
    hr_buf_fini(&old);
    return same;
}

/* Take over or end what a crash left running. One that is not settled is ended too: nobody can tell
 * any more whether it has met our session. */
static hr_err meet_orphan(broker *b, bool is_same_config, hr_why *why)
{
    pid_t pid = broker_running_pid(b->folder.text);
    if (pid == 0) {
        return HR_OK;
    }
    hr_err err = broker_process_adopt(&b->process, pid, b->pipe.text, why);
    if (err == HR_NOT_FOUND) {
        return HR_OK;
    }
    if (err == HR_OK && is_same_config && broker_is_settled(b->folder.text, pid, NULL)) {
        b->is_settled = true;
        hr_logline(HR_LEVEL_INFO, "broker.adopted", "pid=%ld", (long)pid);
    } else if (err == HR_OK) {
        hr_logline(HR_LEVEL_INFO, "broker.ends_orphan", "pid=%ld", (long)pid);
        broker_process_end(&b->process, END_TIMEOUT_MS);
    }
    return err;
}

/* The service keeps its password over starts: a broker that was taken over would have to read its
 * users again for a new one, and forgets messages for our session while it does. */
static hr_err meet_service_user(broker *b, hr_why *why)
{
    hr_buf secret;
    hr_buf_init(&secret, BROKER_FILE_BYTES_MAX);
    bool is_kept = broker_file_read(b->folder.text, BROKER_SECRET_NAME, &secret, NULL) == HR_OK &&
                   secret.size == BROKER_PASSWORD_SIZE - 1 &&
                   broker_users_know_service(b->folder.text);
    hr_err err = HR_OK;
    if (is_kept) {
        memcpy(b->password, secret.data, secret.size);
    } else {
        /* An older one beside a new user would be taken for that user's, if this ended between. */
        err = broker_file_remove(b->folder.text, BROKER_SECRET_NAME, why);
        hr_buf_clear(&secret);
    }
    if (err == HR_OK && !is_kept) {
        err = broker_password_make(b->password, why);
        b->password[0] = BROKER_KEYED_LETTER;
        hr_buf_put_text(&secret, b->password);
    }
    if (err == HR_OK && !is_kept) {
        err = broker_users_write_service(b->folder.text, b->password, why);
    }
    if (err == HR_OK && !is_kept) {
        err = broker_file_write(b->folder.text, BROKER_SECRET_NAME, &secret, why);
    }
    hr_buf_fini(&secret);
    return err;
}

static hr_err write_files(broker *b, const broker_options *options, hr_why *why)
{
    const char *address = options->address != NULL ? options->address : "127.0.0.1";
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_err err = broker_config_make(b->folder.text, address, options->port, &text, why);
    if (err == HR_OK) {
        bool is_same = file_is(b->folder.text, BROKER_CONFIG_NAME, &text);
        err = meet_orphan(b, is_same, why);
        if (err == HR_OK && !is_same) { /* a full disk is no reason not to start */
            err = broker_file_write(b->folder.text, BROKER_CONFIG_NAME, &text, why);
        }
    }
    if (err == HR_OK) {
        err = broker_users_renew(b->folder.text, why);
    }
    hr_buf_fini(&text);
    return err == HR_OK ? meet_service_user(b, why) : err;
}

static hr_err explain_no_start(broker *b, hr_why *why)
{
    char address[64] = "";
    uint16_t port = 0;
    (void)!broker_address(b->folder.text, address, sizeof address, &port, NULL);
    bool is_taken = strstr(b->process.says.last_line, "Address already in use") != NULL;
    return hr_why_set(why, is_taken ? HR_EXISTS : HR_IO,
                      "mosquitto does not start on %s:%u: %s. If something else listens there, end "
                      "it, or choose another place with --mqtt ADDR:PORT",
                      address, port, b->process.says.last_line);
}

/* Let whoever changes users know that a reload loses nothing; do one that somebody waits for. */
static void try_to_settle(broker *b)
{
    hr_why why;
    hr_err err = broker_settle(b->folder.text, b->process.pid, b->manner, &why);
    b->is_settled = err == HR_OK;
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_ERROR, "broker.not_settled", "why=\"%s\"", why.text);
        b->settle_ns = hr_clock_mono_ns(hr_clock_real()) + SETTLE_AGAIN_NS;
    }
    if (broker_reload_is_wanted(b->folder.text)) {
        broker_reload_now(b->folder.text, b->process.pid, b->manner);
    }
}

/* From now on a reload in that manner loses nothing. */
static void settle(broker *b, broker_manner manner)
{
    b->may_settle = true;
    b->manner = manner;
    try_to_settle(b);
}

/* What it says when its own file is damaged: it would never start again. */
#define DAMAGED_TEXT "Couldn't open database"

/* Sessions are lost with the file, and what waited in them; safety never rests on it. True if there
 * is something to try again for. */
static bool put_damaged_file_aside(broker *b)
{
    broker_path from, to;
    if (strstr(b->process.says.last_line, DAMAGED_TEXT) == NULL ||
        broker_path_of(b->folder.text, BROKER_DB_NAME, &from, NULL) != HR_OK ||
        broker_path_of(b->folder.text, BROKER_DB_NAME ".damaged", &to, NULL) != HR_OK ||
        rename(from.text, to.text) != 0) {
        return false;
    }
    hr_logline(HR_LEVEL_ERROR, "broker.damaged_file", "kept=%s", to.text);
    return true;
}

/* Start a process and wait until it says that it runs. */
static hr_err launch_once(broker *b, hr_why *why)
{
    broker_process *p = &b->process;
    broker_reload_forget(b->folder.text);
    broker_stored stored = broker_stored_sessions(b->folder.text);
    b->is_settled = false;
    b->may_settle = false;
    b->wanted_ns = 0;
    hr_err err = broker_process_spawn(p, b->config.text, b->pipe.text, why);
    if (err != HR_OK) {
        return err;
    }
    int64_t deadline_ns = hr_clock_mono_ns(hr_clock_real()) + START_TIMEOUT_MS * INT64_C(1000000);
    while (!p->says.is_running) {
        int64_t left_ms = (deadline_ns - hr_clock_mono_ns(hr_clock_real())) / 1000000;
        struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN},
                                {.fd = p->output_fd, .events = POLLIN}};
        if (left_ms <= 0) {
            broker_process_end(p, END_TIMEOUT_MS);
            return hr_why_set(why, HR_TIMEOUT, "mosquitto did not start within %d s",
                              START_TIMEOUT_MS / 1000);
        }
        poll(fds, 2, (int)left_ms);
        broker_process_read(p);
        if (broker_process_reap(p)) {
            return explain_no_start(b, why);
        }
    }
    hr_logline(HR_LEVEL_INFO, "broker.started", "pid=%ld", (long)p->pid);
    if (stored.has_reader) {
        settle(b, BROKER_BY_RESTART);
    } else if (!stored.has_service) {
        settle(b, BROKER_BY_RELOAD);
    }
    return HR_OK;
}

static hr_err launch(broker *b, hr_why *why)
{
    hr_err err = launch_once(b, why);
    if (err == HR_IO && put_damaged_file_aside(b)) {
        err = launch_once(b, why);
    }
    return err;
}

static void note_up(broker *b)
{
    pthread_mutex_lock(&b->lock);
    b->pid = b->process.pid;
    pthread_mutex_unlock(&b->lock);
}

static void note_down(broker *b, const hr_why *trouble)
{
    pthread_mutex_lock(&b->lock);
    if (b->pid != 0) {
        b->down_since_ms = hr_clock_now_ms(b->clock);
    }
    b->pid = 0;
    b->trouble = *trouble;
    pthread_mutex_unlock(&b->lock);
}

static bool is_stopping(broker *b)
{
    pthread_mutex_lock(&b->lock);
    bool stopping = b->stopping;
    pthread_mutex_unlock(&b->lock);
    return stopping;
}

/* Until our session is there, users that change have to wait; after a while the broker is started
 * again for them, which loses nothing and makes it read them. */
static void wait_for_session(broker *b)
{
    int64_t now_ns = hr_clock_mono_ns(hr_clock_real());
    if (b->may_settle) {
        if (now_ns >= b->settle_ns) {
            try_to_settle(b);
        }
    } else if (b->process.says.knows_service) {
        settle(b, BROKER_BY_RELOAD);
    } else if (b->wanted_ns == 0) {
        b->wanted_ns = broker_reload_is_wanted(b->folder.text) ? now_ns : 0;
    } else if (now_ns - b->wanted_ns > SESSION_WAIT_NS) {
        broker_process_end(&b->process, END_TIMEOUT_MS);
    }
}

/* The machine may be called something else by now. */
static void look_at_network(broker *b)
{
    hr_why why = {.text = ""};
    bool is_new;
    b->look_ns = hr_clock_mono_ns(hr_clock_real()) + b->look_gap_ns;
    hr_err err = broker_lan_renew(b->folder.text, &is_new, &why);
    if (err == HR_OK && is_new) {
        hr_logline(HR_LEVEL_INFO, "broker.certificate", "for=\"this machine's new addresses\"");
        err = broker_reload_ask(b->folder.text, &why);
    }
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_ERROR, "broker.no_certificate", "why=\"%s\"", why.text);
    }
    pthread_mutex_lock(&b->lock);
    b->lan_trouble = (hr_why){.text = ""};
    if (err != HR_OK) {
        hr_why_set(&b->lan_trouble, err,
                   "the broker's certificate does not fit this machine's addresses: %.300s",
                   why.text);
    }
    pthread_mutex_unlock(&b->lock);
}

/* Keep for others whose name two programs use. */
static void note_twin(broker *b)
{
    const broker_says *says = &b->process.says;
    int64_t now_ms = hr_clock_mono_ns(hr_clock_real()) / 1000000;
    bool is_told = says->twin[0] != '\0' && now_ms - says->twin_ms <= BROKER_TWIN_MS;
    pthread_mutex_lock(&b->lock);
    snprintf(b->twin, sizeof b->twin, "%s", is_told ? says->twin : "");
    pthread_mutex_unlock(&b->lock);
}

/* Until something must be looked at without having been called. */
static int look_timeout_ms(const broker *b)
{
    int64_t left_ms = (b->look_ns - hr_clock_mono_ns(hr_clock_real())) / 1000000 + 1;
    left_ms = left_ms > 0 ? left_ms : 0;
    return b->is_settled || left_ms < SESSION_LOOK_MS ? (int)left_ms : SESSION_LOOK_MS;
}

/* Wait until the process ends or the broker is to stop. */
static void follow(broker *b)
{
    while (!is_stopping(b)) {
        if (hr_clock_mono_ns(hr_clock_real()) >= b->look_ns) {
            look_at_network(b);
        }
        struct pollfd fds[3] = {{.fd = b->wake_fd, .events = POLLIN},
                                {.fd = b->process.fd, .events = POLLIN},
                                {.fd = b->process.output_fd, .events = POLLIN}};
        poll(fds, 3, look_timeout_ms(b));
        /* Some lines for every message: rather many at once than each on its own. */
        poll(fds, 2, GATHER_MS);
        broker_process_read(&b->process);
        note_twin(b);
        if (!b->is_settled && b->process.pid != 0) {
            wait_for_session(b);
        }
        if (broker_process_reap(&b->process)) {
            return;
        }
    }
}

static void pause_before_restart(broker *b, int pause_ms)
{
    struct pollfd wake = {.fd = b->wake_fd, .events = POLLIN};
    poll(&wake, 1, pause_ms);
}

static void *watch(void *context)
{
    broker *b = context;
    int pause_ms = RESTART_PAUSE_MIN_MS;
    while (!is_stopping(b)) {
        int64_t began_ns = hr_clock_mono_ns(hr_clock_real());
        follow(b);
        if (is_stopping(b)) {
            break;
        }
        hr_why trouble;
        if (hr_clock_mono_ns(hr_clock_real()) - began_ns > LONG_RUN_NS) {
            pause_ms = RESTART_PAUSE_MIN_MS;
        }
        hr_why_set(&trouble, HR_IO, "mosquitto ended: %s", b->process.says.last_line);
        note_down(b, &trouble);
        if (broker_reload_is_wanted(b->folder.text)) {
            hr_logline(HR_LEVEL_INFO, "broker.restarts", "for=\"users have changed\"");
        } else {
            hr_logline(HR_LEVEL_WARN, "broker.ended", "restart_in_ms=%d said=\"%s\"", pause_ms,
                       b->process.says.last_line);
            pause_before_restart(b, pause_ms);
            pause_ms = pause_ms * 2 < RESTART_PAUSE_MAX_MS ? pause_ms * 2 : RESTART_PAUSE_MAX_MS;
        }
        hr_counter_add(b->restarts, 1);
        if (is_stopping(b)) {
            break;
        }
        if (launch(b, &trouble) == HR_OK) {
            note_up(b);
        } else {
            note_down(b, &trouble);
        }
    }
    return NULL;
}

static hr_err make(const broker_options *options, broker **out, hr_why *why)
{
    static hr_counter unshown;
    broker *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the broker");
    }
    broker_process_init(&b->process);
    b->clock = options->clock;
    int32_t look_ms = options->network_look_ms > 0 ? options->network_look_ms : NETWORK_LOOK_MS;
    b->look_gap_ns = look_ms * INT64_C(1000000);
    b->look_ns = hr_clock_mono_ns(hr_clock_real()) + b->look_gap_ns;
    if (options->metrics != NULL) {
        b->process.says.logins_refused =
            hr_metrics_counter(options->metrics, "hedgerow_broker_refused_logins_total", "",
                               "Connections that the managed broker refused.");
        b->process.says.publishes_denied =
            hr_metrics_counter(options->metrics, "hedgerow_broker_denied_publishes_total", "",
                               "Messages to topics that their sender may not write.");
    }
    b->restarts = options->metrics == NULL
                      ? &unshown
                      : hr_metrics_counter(options->metrics, "hedgerow_broker_restarts_total", "",
                                           "Times that the managed broker was started again.");
    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake_fd < 0) {
        free(b);
        return hr_why_errno(why, errno, "no eventfd");
    }
    pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return HR_OK;
}

static void release(broker *b)
{
    close(b->wake_fd);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static hr_err start_made(broker *b, const broker_options *options, hr_why *why)
{
    hr_err err = broker_folder_make(options->folder, why);
    if (err == HR_OK) {
        err = broker_folder_real(options->folder, &b->folder, why);
    }
    if (err == HR_OK) {
        err = broker_path_of(b->folder.text, BROKER_CONFIG_NAME, &b->config, why);
    }
    if (err == HR_OK) {
        err = broker_path_of(b->folder.text, BROKER_PIPE_NAME, &b->pipe, why);
    }
    if (err == HR_OK) {
        err = write_files(b, options, why);
    }
    if (err == HR_OK && b->process.pid == 0) {
        err = launch(b, why);
    }
    if (err != HR_OK) {
        return err;
    }
    b->pid = b->process.pid;
    int failed = pthread_create(&b->watcher, NULL, watch, b);
    if (failed != 0) {
        broker_process_end(&b->process, END_TIMEOUT_MS);
        return hr_why_errno(why, failed, "no thread for the broker");
    }
    return HR_OK;
}

hr_err broker_start(const broker_options *options, broker **out, hr_why *why)
{
    broker *b = NULL;
    hr_err err = make(options, &b, why);
    if (err != HR_OK) {
        return err;
    }
    err = start_made(b, options, why);
    if (err != HR_OK) {
        release(b);
        return err;
    }
    *out = b;
    return HR_OK;
}

void broker_stop(broker *b)
{
    if (b == NULL) {
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_mutex_unlock(&b->lock);
    eventfd_write(b->wake_fd, 1);
    pthread_join(b->watcher, NULL);
    broker_process_end(&b->process, END_TIMEOUT_MS);
    broker_reload_forget(b->folder.text);
    release(b);
}

const char *broker_password(const broker *b)
{
    return b->password;
}

hr_err broker_health(broker *b, hr_why *why)
{
    pthread_mutex_lock(&b->lock);
    hr_err err = HR_OK;
    if (b->pid == 0) {
        int64_t down_ms = hr_clock_now_ms(b->clock) - b->down_since_ms;
        err = hr_why_set(why, HR_IO, "the broker is down since %" PRId64 " s: %.300s",
                         down_ms / 1000, b->trouble.text);
        hr_why_reason(why, "broker.down");
        hr_why_number(why, "seconds", down_ms / 1000);
    } else if (b->lan_trouble.text[0] != '\0') {
        err = hr_why_set(why, HR_IO, "%s", b->lan_trouble.text);
        hr_why_reason(why, "broker.certificate");
    } else if (b->twin[0] != '\0') {
        err =
            hr_why_set(why, HR_CONFLICT,
                       "two programs connect to the broker as %s and end each other's connections "
                       "(or its link is very bad): end one, or give it a gateway of its own",
                       b->twin);
        hr_why_reason(why, "broker.name_twice");
        hr_why_text(why, "name", b->twin);
    }
    pthread_mutex_unlock(&b->lock);
    return err;
}

pid_t broker_pid(broker *b)
{
    pthread_mutex_lock(&b->lock);
    pid_t pid = b->pid;
    pthread_mutex_unlock(&b->lock);
    return pid;
}
