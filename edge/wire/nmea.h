/* wire/nmea.h - NMEA 0183 from a GPS receiver: RMC gives a fix, GGA and GST how good it is. */
#ifndef WIRE_NMEA_H
#define WIRE_NMEA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"

#define NMEA_LINE_MAX 256 /* the standard says 82; receivers exceed it. HR_INVALID above */

/* Without GST, accuracy is the horizontal dilution times this: what an open sky gives. */
#define NMEA_DM_PER_HDOP 40

/* One receiver. Threads: one at a time. */
typedef struct nmea {
    int64_t last_time_ms;  /* of the last fix; a second talker's same moment is no new one */
    int32_t quality_at_ms; /* time of day of the accuracy below; -1: none yet */
    uint16_t accuracy_dm;
} nmea;

void nmea_init(nmea *receiver);

/* Take one line, with or without its end. HR_OK: *fix is set but for its device. HR_NOT_FOUND: a
 * good sentence that brings no new fix. HR_INVALID: not a sentence. HR_CORRUPT: its
 * checksum is wrong. */
HR_MUST_USE hr_err nmea_read(nmea *receiver, const char *line, size_t size, hr_fix *fix,
                             hr_why *why);

#endif
