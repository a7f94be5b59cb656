/* ingest/former.c - takes what waits in the old session up to a mark of ours, then ends it. */
#include "ingest/former.h"

#include <string.h>

#include "base/hash.h"
#include "ingest/ingest_private.h"

#define MARK_TOPIC "hedgerow/v1/session/mark" /* no gateway may write it */

/* Marks of an earlier start, which ended before they came, say nothing. */
static bool is_mark(const ingest *in, const mqtt_message *message)
{
    return message->size == sizeof in->former.mark &&
           memcmp(message->payload, &in->former.mark, message->size) == 0;
}

static void on_message(void *context, const mqtt_message *message)
{
    ingest *in = context;
    if (strcmp(message->topic, MARK_TOPIC) != 0) {
        ingest_take(in, message);
    } else if (is_mark(in, message)) {
        pthread_mutex_lock(&in->lock);
        in->former.is_empty = true;
        pthread_cond_broadcast(&in->changed);
        pthread_mutex_unlock(&in->lock);
    }
}

static void on_state(void *context, bool is_up)
{
    ingest *in = context;
    pthread_mutex_lock(&in->lock);
    in->former.is_up = is_up;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

hr_err former_begin(ingest *in, const mqtt_options *mqtt, hr_why *why)
{
    static const mqtt_subscription mark = {MARK_TOPIC, 1};
    mqtt_options options = *mqtt;
    hr_random random = {(uint64_t)hr_clock_now_ms(hr_clock_real())};
    in->former.mark = hr_random_next(&random);
    options.client_key = NULL;
    options.is_held = false;
    options.subscriptions = &mark; /* beside those that the old session has */
    options.subscription_count = 1;
    options.on_message = on_message;
    options.on_state = on_state;
    return mqtt_link_start(&options, &in->former.link, why);
}

bool former_is_due(const ingest *in)
{
    const former *f = &in->former;
    return f->link != NULL && (f->is_empty ? !in->is_released || in->is_up : f->is_up);
}

/* The broker forgets the session. */
static void end(ingest *in)
{
    pthread_mutex_lock(&in->lock);
    mqtt_link *link = in->former.link;
    in->former.link = NULL;
    pthread_mutex_unlock(&in->lock);
    mqtt_link_stop_for_good(link);
}

/* Behind what waits in the session, if there was one, comes the mark; a connection that is lost
 * before is made again, and asked again. */
static void ask(ingest *in)
{
    former *f = &in->former;
    if (mqtt_link_had_session(f->link)) {
        (void)!mqtt_link_publish(f->link, MARK_TOPIC, &f->mark, sizeof f->mark, 1, false, NULL,
                                 NULL);
    } else {
        pthread_mutex_lock(&in->lock);
        f->is_empty = true;
        pthread_mutex_unlock(&in->lock);
    }
}

mqtt_link *former_or_new(const ingest *in)
{
    mqtt_link *link = in->former.link;
    return link != NULL && mqtt_link_had_session(link) ? link : in->link;
}

void former_go_on(ingest *in)
{
    former *f = &in->former;
    pthread_mutex_lock(&in->lock);
    bool is_empty = f->is_empty;
    bool is_over = is_empty && in->is_up;
    f->is_up = false;
    in->is_released = in->is_released || is_empty;
    pthread_mutex_unlock(&in->lock);
    if (is_over) {
        end(in);
    } else if (is_empty) {
        mqtt_link_release(in->link);
    } else {
        ask(in);
    }
}
