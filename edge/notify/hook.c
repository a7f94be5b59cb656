/* notify/hook.c - a webhook's window, its order by device, its requests and their ends. */
#include "notify/hook.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/logline.h"
#include "base/record.h"
#include "notify/private_net.h"
#include "wire/event_json.h"

#define BODY_BYTES_MAX 8192
#define CONNECT_TIMEOUT_MS 5000L
#define TIMEOUT_MS 10000L
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 3600000
#define NS_PER_MS INT64_C(1000000)

/* ---- open and close ---- */

static bool copy_text(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return text == NULL || *to != NULL;
}

static void count_for(hook *h, hr_metrics *metrics)
{
    char label[HR_METRIC_LABELS_MAX];
    snprintf(label, sizeof label, "sink=\"webhook-%s\"", h->name);
    h->sent = hr_metrics_counter(metrics, "hedgerow_notify_sent_total", label,
                                 "Events that a sink has taken.");
    h->failed = hr_metrics_counter(metrics, "hedgerow_notify_failed_total", label,
                                   "Attempts at telling an event that failed.");
    h->dead = hr_metrics_counter(metrics, "hedgerow_notify_dead_total", label,
                                 "Events given up after a day of attempts.");
}

hr_err hook_open(hook *h, const notify_webhook *what, log_store *log, hr_metrics *metrics,
                 hr_why *why)
{
    char group[sizeof NOTIFY_WEBHOOK_GROUP + NOTIFY_NAME_MAX];
    size_t name_size = strlen(what->name);
    /* Two that are alike as far as a group's name goes would be one group, and lose events. */
    if (name_size > NOTIFY_NAME_MAX || !hr_fence_id_is_valid(what->name, name_size)) {
        return hr_why_set(why, HR_INVALID, "webhook \"%.70s\": not a name of 1 to %d characters",
                          what->name, NOTIFY_NAME_MAX);
    }
    if (strncmp(what->url, "http://", 7) != 0 && strncmp(what->url, "https://", 8) != 0) {
        return hr_why_set(why, HR_INVALID, "webhook %s: the URL is not http:// or https://",
                          what->name);
    }
    snprintf(group, sizeof group, NOTIFY_WEBHOOK_GROUP "%s", what->name);
    if (!copy_text(&h->name, what->name) || !copy_text(&h->url, what->url) ||
        !copy_text(&h->secret, what->secret) || !copy_text(&h->group, group)) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for webhook %s", what->name);
    }
    h->allow_private = what->allow_private;
    h->random.state = hr_hash64(h->name, strlen(h->name));
    for (size_t i = 0; i < HOOK_WINDOW_MAX; i++) {
        hr_buf_init(&h->calls[i].body, BODY_BYTES_MAX);
    }
    count_for(h, metrics);
    hr_err err = feed_open(&h->feed, log, h->group);
    return err == HR_OK ? HR_OK
                        : hr_why_set(why, err, "webhook %s: events cannot be read: %s", h->name,
                                     hr_err_text(err));
}

static void drop_request(hook_call *call)
{
    if (call->easy != NULL) {
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

void hook_close(hook *h)
{
    feed_close(&h->feed);
    for (size_t i = 0; i < HOOK_WINDOW_MAX; i++) {
        drop_request(&h->calls[i]);
        hr_buf_fini(&h->calls[i].body);
    }
    free(h->name);
    free(h->url);
    free(h->secret);
    free(h->group);
}

/* ---- which goes next ---- */

void hook_fill(hook *h)
{
    for (size_t i = 0; i < HOOK_WINDOW_MAX; i++) {
        hook_call *call = &h->calls[i];
        if (call->is_used) {
            continue;
        }
        if (feed_next(&h->feed, &call->event, &call->offset, &call->sequence) != HR_OK) {
            break;
        }
        call->is_used = true;
        call->tries = 0;
        call->next_ns = 0;
    }
    feed_commit(&h->feed);
}

/* An earlier event of its device is still on its way. */
static bool must_wait(const hook *h, const hook_call *call)
{
    for (size_t i = 0; i < HOOK_WINDOW_MAX; i++) {
        const hook_call *other = &h->calls[i];
        if (other->is_used && other->sequence < call->sequence &&
            other->event.device == call->event.device) {
            return true;
        }
    }
    return false;
}

hook_call *hook_runnable(hook *h, int64_t now_ns, int64_t *wake_ns)
{
    hook_call *found = NULL;
    if (h->running >= HOOK_PARALLEL_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < HOOK_WINDOW_MAX; i++) {
        hook_call *call = &h->calls[i];
        if (!call->is_used || call->easy != NULL || must_wait(h, call)) {
            continue;
        }
        if (call->next_ns > now_ns) {
            *wake_ns = call->next_ns < *wake_ns ? call->next_ns : *wake_ns;
        } else if (found == NULL || call->sequence < found->sequence) {
            found = call;
        }
    }
    return found;
}

/* ---- a request ---- */

static size_t drop_answer(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

/* The address that is really connected to, whatever the name was said to mean. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    hook *h = context;
    (void)purpose;
    if (!h->allow_private && private_net_holds(&address->addr)) {
        h->was_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void put_body(hook_call *call, const hr_clock *clock)
{
    event_json_frame frame = {.has_offset = true,
                              .offset = call->offset,
                              .has_source = true,
                              .has_emitted = true,
                              .emitted_ms = hr_clock_now_ms(clock)};
    hr_buf_clear(&call->body);
    event_json_write(&call->body, &call->event, &frame);
}

static bool add_header(hook_call *call, const char *text)
{
    struct curl_slist *list = curl_slist_append(call->headers, text);
    call->headers = list != NULL ? list : call->headers;
    return list != NULL;
}

/* "sha256=" and the hex of HMAC(secret, "<time>.<body>"). */
static bool sign(const hook *h, const hook_call *call, int64_t now_s, char *text, size_t capacity)
{
    uint8_t code[EVP_MAX_MD_SIZE];
    unsigned code_size = 0;
    hr_buf signed_bytes;
    hr_buf_init(&signed_bytes, BODY_BYTES_MAX + 32);
    hr_buf_printf(&signed_bytes, "%" PRId64 ".", now_s);
    hr_buf_put(&signed_bytes, call->body.data, call->body.size);
    bool is_good = hr_buf_err(&signed_bytes) == HR_OK &&
                   HMAC(EVP_sha256(), h->secret, (int)strlen(h->secret), signed_bytes.data,
                        signed_bytes.size, code, &code_size) != NULL;
    hr_buf_fini(&signed_bytes);
    int used = snprintf(text, capacity, "X-Hedgerow-Signature: sha256=");
    for (unsigned i = 0; i < code_size && is_good; i++) {
        used += snprintf(text + used, capacity - (size_t)used, "%02x", code[i]);
    }
    return is_good;
}

static bool add_headers(const hook *h, hook_call *call, const hr_clock *clock)
{
    char id[HR_EVENT_ID_SIZE], text[HR_EVENT_ID_SIZE + 64];
    int64_t now_s = hr_clock_now_ms(clock) / 1000;
    hr_event_id(&call->event, id);
    snprintf(text, sizeof text, "X-Hedgerow-Id: %s", id);
    bool is_good = add_header(call, "Content-Type: application/json") &&
                   add_header(call, "Expect:") && add_header(call, text);
    snprintf(text, sizeof text, "X-Hedgerow-Time: %" PRId64, now_s);
    is_good = is_good && add_header(call, text);
    if (is_good && h->secret != NULL) {
        is_good = sign(h, call, now_s, text, sizeof text) && add_header(call, text);
    }
    return is_good;
}

hr_err hook_prepare(hook *h, hook_call *call, const hr_clock *clock)
{
    put_body(call, clock);
    if (call->tries == 0) {
        call->first_ns = hr_clock_mono_ns(clock);
    }
    call->easy = curl_easy_init();
    if (hr_buf_err(&call->body) != HR_OK || call->easy == NULL || !add_headers(h, call, clock)) {
        drop_request(call);
        return HR_NO_MEMORY;
    }
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_URL, h->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.data);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->body.size);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "hedgerow");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_answer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
    /* A connection kept by a webhook that may go there is none for this one. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, h->allow_private ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    h->was_private = false;
    return HR_OK;
}

/* ---- its end ---- */

static void forget(hook *h, hook_call *call)
{
    feed_done(&h->feed, call->sequence);
    call->is_used = false;
}

/* False: the log took it not; later. */
static bool bury(hook *h, const hook_call *call)
{
    char topic[HR_FENCE_ID_MAX + 16], reason[256];
    hr_buf record;
    log_position end;
    hr_buf_init(&record, BODY_BYTES_MAX + 1024);
    snprintf(topic, sizeof topic, "webhook/%s", h->name);
    snprintf(reason, sizeof reason, "%s, after %u attempts", call->trouble, call->tries);
    hr_buf_put_u32(&record, (uint32_t)(4 + strlen(topic) + strlen(reason) + call->body.size));
    hr_buf_put_u16(&record, (uint16_t)strlen(topic));
    hr_buf_put_text(&record, topic);
    hr_buf_put_u16(&record, (uint16_t)strlen(reason));
    hr_buf_put_text(&record, reason);
    hr_buf_put(&record, call->body.data, call->body.size);
    log_batch batch = {.topic = HR_TOPIC_DEAD,
                       .type = HR_RECORD_DEAD,
                       .count = 1,
                       .bytes = record.data,
                       .size = record.size};
    bool is_buried = hr_buf_err(&record) == HR_OK &&
                     log_append(h->feed.log, &batch, 1, NULL, NULL, &end) == HR_OK;
    hr_buf_fini(&record);
    return is_buried;
}

static void try_again_later(hook *h, hook_call *call, int64_t now_ns)
{
    unsigned doublings = call->tries < 13 ? call->tries - 1 : 12;
    int64_t pause_ms = (int64_t)PAUSE_MIN_MS << doublings;
    pause_ms = pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
    pause_ms = pause_ms * 3 / 4 + (int64_t)hr_random_below(&h->random, (uint64_t)pause_ms / 2);
    call->next_ns = now_ns + pause_ms * NS_PER_MS;
}

/* An event may be old when it is first tried: the service was off for days, or the clock was wrong.
 */
static bool is_given_up(const hook_call *call, const hr_clock *clock)
{
    int64_t tried_ms = (hr_clock_mono_ns(clock) - call->first_ns) / NS_PER_MS;
    return hr_clock_now_ms(clock) - call->event.received_ms > NOTIFY_RETRY_MAX_MS &&
           tried_ms > NOTIFY_RETRY_MIN_MS;
}

void hook_finish(hook *h, hook_call *call, CURLcode code, const hr_clock *clock, int64_t now_ns)
{
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    drop_request(call);
    h->failing -= call->tries > 0;
    call->tries++;
    if (code == CURLE_OK && status >= 200 && status < 300) {
        hr_counter_add(h->sent, 1);
        forget(h, call);
        return;
    }
    hr_counter_add(h->failed, 1);
    if (code == CURLE_OK) {
        snprintf(call->trouble, sizeof call->trouble, "answered %ld", status);
    } else {
        snprintf(call->trouble, sizeof call->trouble, "%s",
                 h->was_private ? "the address is in a private network" : curl_easy_strerror(code));
    }
    hr_logline(HR_LEVEL_WARN, "notify.webhook", "name=%s try=%u why=\"%s\"", h->name, call->tries,
               call->trouble);
    if (is_given_up(call, clock) && bury(h, call)) {
        hr_counter_add(h->dead, 1);
        forget(h, call);
        return;
    }
    h->failing++;
    try_again_later(h, call, now_ns);
}
