/* notify/hook.h - one webhook: its feed, and the events on their way to it. */
#ifndef NOTIFY_HOOK_H
#define NOTIFY_HOOK_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "notify/feed.h"
#include "notify/notify.h"

#define HOOK_WINDOW_MAX 64  /* events taken from the log; further ones wait there */
#define HOOK_PARALLEL_MAX 4 /* requests at one time, each of another device */

/* An event on its way. */
typedef struct hook_call {
    bool is_used;
    uint64_t sequence;
    int64_t offset;
    hr_event event;
    unsigned tries;
    int64_t first_ns; /* when it was first tried, since the start, by the service's clock */
    int64_t next_ns;  /* not before */
    CURL *easy;       /* NULL: not running */
    struct curl_slist *headers;
    hr_buf body;
    char trouble[128]; /* of the last try */
} hook_call;

/* Threads: the web sink's only, but for trouble. */
typedef struct hook {
    char *name, *url, *secret, *group;
    bool allow_private;
    bool was_private; /* the running attempt met a private address */
    feed feed;
    hook_call calls[HOOK_WINDOW_MAX];
    uint32_t running;
    hr_random random;
    hr_counter *sent, *failed, *dead;
    _Atomic unsigned failing; /* events that were tried in vain and wait for the next try */
} hook;

/* Copies what it needs. */
HR_MUST_USE hr_err hook_open(hook *h, const notify_webhook *what, log_store *log,
                             hr_metrics *metrics, hr_why *why);

/* No call may be running. */
void hook_close(hook *h);

/* Take events from the log while there is room. */
void hook_fill(hook *h);

/* The oldest call that may run now; NULL: none. *wake_ns becomes earlier if one may run then. */
hook_call *hook_runnable(hook *h, int64_t now_ns, int64_t *wake_ns);

/* Make its request, ready for curl's multi handle. */
HR_MUST_USE hr_err hook_prepare(hook *h, hook_call *call, const hr_clock *clock);

/* What became of it: taken, to be tried again, or given up into `dead`. */
void hook_finish(hook *h, hook_call *call, CURLcode code, const hr_clock *clock, int64_t now_ns);

#endif
