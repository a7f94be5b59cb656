/* api/device_text.c - a fix as JSON; what its sender did not say is left out. Written by hand,
 * piece by piece: a pull query's answer is little else. */
#include "device_text.h"

#include <string.h>

#include "base/text.h"

static void put_number(hr_buf *buf, const char *name, size_t name_size, int64_t value,
                       unsigned scale)
{
    char text[HR_DECIMAL_TEXT_SIZE];
    size_t size = hr_decimal_format(value, scale, text);
    uint8_t *room = hr_buf_extend(buf, name_size + size);
    if (room != NULL) {
        memcpy(room, name, name_size);
        memcpy(room + name_size, text, size);
    }
}

#define PUT_NUMBER(buf, name, value, scale) put_number(buf, name, sizeof(name) - 1, value, scale)

void api_device_write(hr_json *json, const engine_device *device)
{
    const hr_fix *fix = &device->fix;
    hr_buf *buf = json->buf;
    char time[HR_TIME_TEXT_SIZE];
    hr_time_format(fix->time_ms, time);
    hr_json_key(json, "device");
    hr_json_text(json, device->id);
    PUT_NUMBER(buf, ",\"lon\":", fix->lon_e7, 7);
    PUT_NUMBER(buf, ",\"lat\":", fix->lat_e7, 7);
    hr_buf_put(buf, ",\"time\":\"", 9);
    hr_buf_put_text(buf, time);
    hr_buf_put_u8(buf, '"');
    if (fix->accuracy_dm != HR_FIX_U16_UNKNOWN) {
        PUT_NUMBER(buf, ",\"accuracy_m\":", fix->accuracy_dm, 1);
    }
    if (fix->speed_cm_s != HR_FIX_U16_UNKNOWN) {
        PUT_NUMBER(buf, ",\"speed_mps\":", fix->speed_cm_s, 2);
    }
    if (fix->heading_cdeg != HR_FIX_U16_UNKNOWN) {
        PUT_NUMBER(buf, ",\"heading_deg\":", fix->heading_cdeg, 2);
    }
    if (fix->battery_pct != HR_FIX_U8_UNKNOWN) {
        PUT_NUMBER(buf, ",\"battery_pct\":", fix->battery_pct, 0);
    }
}
