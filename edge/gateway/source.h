/* gateway/source.h - where fixes come from: lines on a stream, gpsd, LoRaWAN uplinks. */
#ifndef GATEWAY_SOURCE_H
#define GATEWAY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "gateway/config.h"
#include "wire/fix_json.h"

#define SOURCE_LINE_MAX 65536 /* bytes of a line; longer ones are dropped and told */

/* Takes a fix; blocks while there is no room. False: the gateway stops. */
typedef bool source_sink(void *context, const wire_fix *fix);

typedef struct source_options {
    const config_source *what; /* borrowed */
    const char *user;          /* names the device where nothing else does */
    const hr_clock *clock;
    source_sink *sink;
    void *context;
} source_options;

/* One source and its thread. */
typedef struct source source;

HR_MUST_USE hr_err source_start(const source_options *options, source **out, hr_why *why);
void source_stop(source *s);

/* True once the standard input or a plain file has been read to its end. */
bool source_is_finished(source *s);

#endif
