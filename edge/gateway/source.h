/* gateway/source.h - where fixes come from: lines on a stream, gpsd, LoRaWAN uplinks. */
#ifndef GATEWAY_SOURCE_H
#define GATEWAY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "gateway/config.h"
#include "wire/dead_letter.h"
#include "wire/fix_json.h"

#define SOURCE_LINE_MAX 65536 /* bytes of a line; longer ones are dropped and told */

/* Why something is refused. Nothing else stops for it. */
typedef enum source_refusal {
    SOURCE_TOO_LONG, /* a line above SOURCE_LINE_MAX */
    SOURCE_CHECKSUM, /* a sentence that was damaged on its way */
    SOURCE_FORMAT,   /* not what the source is said to bring */
    SOURCE_FIX,      /* readable, but without a place or a time that can be */
    SOURCE_REFUSALS,
} source_refusal;

const char *source_refusal_name(source_refusal why);

/* Takes a fix, whose time is that of hr_clock_mono_ns (in ms) if it is HR_FIX_TIME_ASSIGNED. While
 * there is no room it blocks. False: the gateway stops.
 * is_answered: whoever brought it will be told that we have it, and then may forget it. So this
 * returns when it is fsynced, soon in any case, and at once while the disk is full; false is: do
 * not answer, and it will be brought again. */
typedef bool source_sink(void *context, const wire_fix *fix, bool is_answered);

/* Told of each thing refused. letter: what it was, NULL for those that are only counted: the same
 * line has been told of, or there were too many lately. */
typedef void source_refused(void *context, const dead_letter *letter);

/* A broken sensor may fill neither the log nor the link. */
#define SOURCE_LETTERS_BURST 20 /* told at once; then one in each gap */
#define SOURCE_LETTER_GAP_MS 1000

/* Told once of its end, if it has one. */
typedef void source_note(void *context);

typedef struct source_options {
    const config_source *what; /* borrowed */
    const char *user;          /* names the device where nothing else does */
    const hr_clock *clock;
    source_sink *sink;
    source_refused *refused;
    source_note *finished;
    void *context;
} source_options;

/* One source and its thread. */
typedef struct source source;

HR_MUST_USE hr_err source_start(const source_options *options, source **out, hr_why *why);
void source_stop(source *s);

typedef struct source_counts {
    uint64_t fixes;
    uint64_t refused[SOURCE_REFUSALS];
    uint64_t opened; /* times that it was there to be read, or connected */
} source_counts;

/* Since its start. */
void source_count(const source *s, source_counts *counts);

/* Log them, if they have changed since they were logged last. Threads: one. */
void source_tell(source *s);

/* True once the standard input or a plain file has been read to its end. */
bool source_is_finished(source *s);

#endif
