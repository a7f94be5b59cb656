/* notify/notify.c - starts and stops the sinks that are asked for. */
#include "notify/notify.h"

#include <stdlib.h>

#include "notify/sinks.h"

struct notify {
    mqtt_sink *mqtt; /* NULL: no broker */
    web_sink *web;   /* NULL: no webhooks */
    hr_metrics *own_metrics;
};

static hr_err start_sinks(notify *n, const notify_options *options, hr_why *why)
{
    hr_err err = HR_OK;
    if (options->addresses != NULL) {
        err = mqtt_sink_start(options, &n->mqtt, why);
    }
    if (err == HR_OK && options->webhook_count > 0) {
        err = web_sink_start(options, &n->web, why);
    }
    return err;
}

hr_err notify_start(const notify_options *options, notify **out, hr_why *why)
{
    notify_options copy = *options;
    notify *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for notifications");
    }
    if (copy.metrics == NULL) {
        n->own_metrics = hr_metrics_new();
        copy.metrics = n->own_metrics;
    }
    hr_err err = copy.metrics != NULL
                     ? start_sinks(n, &copy, why)
                     : hr_why_set(why, HR_NO_MEMORY, "no memory for notifications");
    if (err != HR_OK) {
        notify_stop(n);
        return err;
    }
    *out = n;
    return HR_OK;
}

void notify_stop(notify *n)
{
    if (n == NULL) {
        return;
    }
    web_sink_stop(n->web);
    mqtt_sink_stop(n->mqtt);
    hr_metrics_free(n->own_metrics);
    free(n);
}

hr_err notify_health(notify *n, hr_why *why)
{
    hr_err err = n->mqtt != NULL ? mqtt_sink_health(n->mqtt, why) : HR_OK;
    return err == HR_OK && n->web != NULL ? web_sink_health(n->web, why) : err;
}
