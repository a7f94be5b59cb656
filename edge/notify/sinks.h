/* notify/sinks.h - the kinds of sinks, each with a thread of its own. */
#ifndef NOTIFY_SINKS_H
#define NOTIFY_SINKS_H

#include "notify/notify.h"

typedef struct mqtt_sink mqtt_sink;

HR_MUST_USE hr_err mqtt_sink_start(const notify_options *options, mqtt_sink **out, hr_why *why);
void mqtt_sink_stop(mqtt_sink *n);
hr_err mqtt_sink_health(mqtt_sink *n, hr_why *why);

/* All webhooks together; none waits for another. */
typedef struct web_sink web_sink;

HR_MUST_USE hr_err web_sink_start(const notify_options *options, web_sink **out, hr_why *why);
void web_sink_stop(web_sink *w);
hr_err web_sink_health(web_sink *w, hr_why *why);

#endif
