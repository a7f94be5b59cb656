/* notify/web_sink.c - one thread and one curl multi handle for all webhooks. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "notify/hook.h"
#include "notify/sinks.h"

#define IDLE_MS 1000 /* without a request on its way */
#define BUSY_MS 100  /* until new events are looked for while there is one */
#define NS_PER_MS INT64_C(1000000)

struct web_sink {
    log_store *log;
    const hr_clock *clock;
    CURLM *multi;
    pthread_t thread;
    atomic_bool is_stopping;
    size_t count;
    hook hooks[NOTIFY_WEBHOOKS_MAX];
};

static int64_t mono_ns(void)
{
    return hr_clock_mono_ns(hr_clock_real());
}

static hook *hook_of(web_sink *w, const hook_call *call)
{
    for (size_t i = 0; i < w->count; i++) {
        hook *h = &w->hooks[i];
        if (call >= h->calls && call < h->calls + HOOK_WINDOW_MAX) {
            return h;
        }
    }
    return NULL;
}

/* Begin whatever may run; how many run in all. */
static uint32_t begin_calls(web_sink *w, int64_t *wake_ns)
{
    uint32_t running = 0;
    for (size_t i = 0; i < w->count; i++) {
        hook *h = &w->hooks[i];
        hook_call *call;
        hook_fill(h);
        while ((call = hook_runnable(h, mono_ns(), wake_ns)) != NULL) {
            if (hook_prepare(h, call, w->clock) != HR_OK) {
                call->next_ns = mono_ns() + IDLE_MS * NS_PER_MS;
                break;
            }
            if (curl_multi_add_handle(w->multi, call->easy) != CURLM_OK) {
                hook_finish(h, call, CURLE_OUT_OF_MEMORY, w->clock, mono_ns());
                break;
            }
            h->running++;
        }
        running += h->running;
    }
    return running;
}

static void end_calls(web_sink *w)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(w->multi, &left)) != NULL;) {
        hook_call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call) != CURLE_OK) {
            continue;
        }
        hook *h = hook_of(w, call);
        curl_multi_remove_handle(w->multi, call->easy);
        h->running--;
        hook_finish(h, call, code, w->clock, mono_ns());
    }
}

static void *run(void *context)
{
    web_sink *w = context;
    while (!atomic_load(&w->is_stopping)) {
        log_position seen = log_durable(w->log);
        int64_t wake_ns = INT64_MAX;
        int running;
        if (begin_calls(w, &wake_ns) > 0) {
            curl_multi_perform(w->multi, &running);
            end_calls(w);
            curl_multi_poll(w->multi, NULL, 0, BUSY_MS, NULL);
            continue;
        }
        int64_t left_ms = (wake_ns - mono_ns()) / NS_PER_MS + 1;
        log_wait(w->log, LOG_COMMITTED, seen,
                 left_ms < 1         ? 1
                 : left_ms < IDLE_MS ? (int32_t)left_ms
                                     : IDLE_MS);
    }
    return NULL;
}

static void release(web_sink *w)
{
    for (size_t i = 0; i < w->count; i++) {
        hook *h = &w->hooks[i];
        for (size_t k = 0; k < HOOK_WINDOW_MAX; k++) {
            if (h->calls[k].easy != NULL) {
                curl_multi_remove_handle(w->multi, h->calls[k].easy);
            }
        }
        hook_close(h);
    }
    if (w->multi != NULL) {
        curl_multi_cleanup(w->multi);
    }
    free(w);
}

hr_err web_sink_start(const notify_options *options, web_sink **out, hr_why *why)
{
    if (options->webhook_count > NOTIFY_WEBHOOKS_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "more than %d webhooks", NOTIFY_WEBHOOKS_MAX);
    }
    web_sink *w = calloc(1, sizeof *w);
    if (w == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(w);
        return hr_why_set(why, HR_NO_MEMORY, "no memory for webhooks");
    }
    w->log = options->log;
    w->clock = options->clock;
    w->multi = curl_multi_init();
    hr_err err = w->multi != NULL ? HR_OK : hr_why_set(why, HR_NO_MEMORY, "no memory for webhooks");
    for (size_t i = 0; i < options->webhook_count && err == HR_OK; i++) {
        w->count++;
        err = hook_open(&w->hooks[i], &options->webhooks[i], w->log, options->metrics, why);
    }
    if (err == HR_OK) {
        int failed = pthread_create(&w->thread, NULL, run, w);
        err = failed != 0 ? hr_why_errno(why, failed, "no thread for webhooks") : HR_OK;
    }
    if (err != HR_OK) {
        release(w);
        return err;
    }
    *out = w;
    return HR_OK;
}

void web_sink_stop(web_sink *w)
{
    if (w == NULL) {
        return;
    }
    atomic_store(&w->is_stopping, true);
    curl_multi_wakeup(w->multi);
    log_wake(w->log);
    pthread_join(w->thread, NULL);
    release(w);
}

hr_err web_sink_health(web_sink *w, hr_why *why)
{
    for (size_t i = 0; i < w->count; i++) {
        unsigned failing = w->hooks[i].failing;
        if (failing > 0) {
            hr_why_set(why, HR_IO, "webhook %s fails: %u events wait for the next attempt",
                       w->hooks[i].name, failing);
            hr_why_reason(why, "webhook.fails");
            hr_why_text(why, "name", w->hooks[i].name);
            hr_why_number(why, "events", failing);
            return HR_IO;
        }
    }
    return HR_OK;
}
