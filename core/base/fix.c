/* base/fix.c - the 32 bytes of a fix. */
#include "base/fix.h"

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
