/* api/device_text.c - a fix as JSON; what its sender did not say is left out. Written by hand,
 * piece by piece: a pull query's answer is little else. */
#include "device_text.h"

#include <string.h>

#include "base/text.h"

/* More than the longest device: six numbers, a time, the names of the members. */
#define DEVICE_BYTES_MAX 512

static char *put_text(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

/* A name that is known when this is compiled. */
#define PUT(at, text) put_text(at, text, sizeof(text) - 1)

static char *put_known(char *at, const char *name, size_t name_size, uint32_t value,
                       uint32_t unknown, unsigned scale)
{
    if (value != unknown) {
        at = put_text(at, name, name_size);
        at += hr_decimal_format(value, scale, at);
    }
    return at;
}

#define PUT_KNOWN(at, name, value, unknown, scale)                                                 \
    put_known(at, name, sizeof(name) - 1, value, unknown, scale)

void api_device_write(hr_json *json, const engine_device *device)
{
    const hr_fix *fix = &device->fix;
    hr_buf *buf = json->buf;
    hr_json_key(json, "device");
    hr_json_text(json, device->id);
    size_t before = buf->size;
    char *room = (char *)hr_buf_extend(buf, DEVICE_BYTES_MAX);
    if (room == NULL) {
        return;
    }
    char *at = PUT(room, ",\"lon\":");
    at += hr_decimal_format(fix->lon_e7, 7, at);
    at = PUT(at, ",\"lat\":");
    at += hr_decimal_format(fix->lat_e7, 7, at);
    at = PUT(at, ",\"time\":\"");
    hr_time_format(fix->time_ms, at);
    at += strlen(at);
    *at++ = '"';
    at = PUT_KNOWN(at, ",\"accuracy_m\":", fix->accuracy_dm, HR_FIX_U16_UNKNOWN, 1);
    at = PUT_KNOWN(at, ",\"speed_mps\":", fix->speed_cm_s, HR_FIX_U16_UNKNOWN, 2);
    at = PUT_KNOWN(at, ",\"heading_deg\":", fix->heading_cdeg, HR_FIX_U16_UNKNOWN, 2);
    at = PUT_KNOWN(at, ",\"battery_pct\":", fix->battery_pct, HR_FIX_U8_UNKNOWN, 0);
    buf->size = before + (size_t)(at - room);
}
