/* wire/nmea.h - NMEA 0183 from a GPS receiver: RMC gives a fix, GGA and GST how good it is.
 *
 * A receiver that sends no RMC gives its fixes in GGA, which has no date. Then the day is the one
 * that brings it nearest to our own clock where that is right, else to what RMC or ZDA said last;
 * with neither, the fix has no time (HR_FIX_TIME_ASSIGNED). */
#ifndef WIRE_NMEA_H
#define WIRE_NMEA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"

#define NMEA_LINE_MAX 256 /* the standard says 82; receivers exceed it. HR_INVALID above */

/* Without GST, accuracy is the horizontal dilution times this: what an open sky gives. */
#define NMEA_DM_PER_HDOP 40

#define NMEA_NO_CLOCK INT64_MIN

/* One receiver. Threads: one at a time. */
typedef struct nmea {
    bool is_live;
    int64_t now_ms;        /* NMEA_NO_CLOCK: not known */
    int64_t dated_ms;      /* what RMC, ZDA or a dated GGA said last; NMEA_NO_CLOCK: nothing yet */
    uint32_t gga_in_a_row; /* since the last RMC */
    int64_t last_time_ms;  /* of the last fix; a second talker's same moment is no new one */
    int32_t quality_at_ms; /* time of day of the accuracy below; -1: none yet */
    uint16_t accuracy_dm;
} nmea;

/* What it reads was recorded once: dates are taken as they are. */
void nmea_init(nmea *receiver);

/* What it reads is said now, and this is our own time, if it can be trusted (NMEA_NO_CLOCK: not).
 * From then on dates are mended: old receivers count 1,024 weeks and begin again, so that one which
 * is years behind us, or before this was written, gets them added. */
void nmea_set_clock(nmea *receiver, int64_t now_ms);

/* Take one line, with or without its end. HR_OK: *fix is set but for its device. HR_NOT_FOUND: a
 * good sentence that brings no new fix. HR_INVALID: not a sentence. HR_CORRUPT: its
 * checksum is wrong. */
HR_MUST_USE hr_err nmea_read(nmea *receiver, const char *line, size_t size, hr_fix *fix,
                             hr_why *why);

#endif
