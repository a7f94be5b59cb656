/* api/device_text.c - a fix as JSON; what its sender did not say is left out. */
#include "device_text.h"

static void put_number(hr_json *json, const char *name, int64_t value, bool is_known,
                       unsigned scale)
{
    if (is_known) {
        hr_json_key(json, name);
        hr_json_decimal(json, value, scale);
    }
}

void api_device_write(hr_json *json, const engine_device *device)
{
    const hr_fix *fix = &device->fix;
    hr_json_key_text(json, "device", device->id);
    put_number(json, "lon", fix->lon_e7, true, 7);
    put_number(json, "lat", fix->lat_e7, true, 7);
    hr_json_key_time(json, "time", fix->time_ms);
    put_number(json, "accuracy_m", fix->accuracy_dm, fix->accuracy_dm != HR_FIX_U16_UNKNOWN, 1);
    put_number(json, "speed_mps", fix->speed_cm_s, fix->speed_cm_s != HR_FIX_U16_UNKNOWN, 2);
    put_number(json, "heading_deg", fix->heading_cdeg, fix->heading_cdeg != HR_FIX_U16_UNKNOWN, 2);
    put_number(json, "battery_pct", fix->battery_pct, fix->battery_pct != HR_FIX_U8_UNKNOWN, 0);
}
