/* base/fix.c - the 32 bytes of a fix. */
#include "base/fix.h"

#include "base/buf.h"

void hr_fix_store(uint8_t to[HR_FIX_BYTES], const hr_fix *fix)
{
    hr_store_u64(to, fix->device);
    hr_store_u64(to + 8, (uint64_t)fix->time_ms);
    hr_store_u32(to + 16, (uint32_t)fix->lon_e7);
    hr_store_u32(to + 20, (uint32_t)fix->lat_e7);
    hr_store_u16(to + 24, fix->accuracy_dm);
    hr_store_u16(to + 26, fix->speed_cm_s);
    hr_store_u16(to + 28, fix->heading_cdeg);
    to[30] = fix->battery_pct;
    to[31] = fix->flags;
}

void hr_fix_load(const uint8_t from[HR_FIX_BYTES], hr_fix *fix)
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
