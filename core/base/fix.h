/* base/fix.h - a GPS fix as the log keeps it: 32 bytes, little-endian. */
#ifndef BASE_FIX_H
#define BASE_FIX_H

#include <stdint.h>

#include "base/buf.h"

#define HR_FIX_BYTES 32

/* All-ones means that the sender did not say. */
#define HR_FIX_U16_UNKNOWN UINT16_MAX
#define HR_FIX_U8_UNKNOWN UINT8_MAX

/* Bits of flags. */
#define HR_FIX_BACKLOG 0x01u       /* sent after an outage: neither advances nor holds watermarks */
#define HR_FIX_TIME_ASSIGNED 0x02u /* the sender gave no time; it is the frame's append_ms */

typedef struct hr_fix {
    uint64_t device; /* hr_device_key */
    int64_t time_ms;
    int32_t lon_e7;
    int32_t lat_e7;
    uint16_t accuracy_dm;
    uint16_t speed_cm_s;
    uint16_t heading_cdeg;
    uint8_t battery_pct;
    uint8_t flags;
} hr_fix;

void hr_fix_store(uint8_t to[HR_FIX_BYTES], const hr_fix *fix);

/* Here, because workers do it millions of times a second. */
static inline void hr_fix_load(const uint8_t from[HR_FIX_BYTES], hr_fix *fix)
{
    fix->device = hr_load_u64(from);
    fix->time_ms = (int64_t)hr_load_u64(from + 8);
    fix->lon_e7 = (int32_t)hr_load_u32(from + 16);
    fix->lat_e7 = (int32_t)hr_load_u32(from + 20);
    fix->accuracy_dm = hr_load_u16(from + 24);
    fix->speed_cm_s = hr_load_u16(from + 26);
    fix->heading_cdeg = hr_load_u16(from + 28);
    fix->battery_pct = from[30];
    fix->flags = from[31];
}

#endif
