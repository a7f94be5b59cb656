/* lines.c - writes fixes as JSON lines and as NMEA 0183. */
#include "lines.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define SENTENCE_SIZE 128
#define E7 10000000

static void put_known(hr_json *json, const char *key, int64_t value, int64_t unknown,
                      unsigned scale)
{
    if (value != unknown) {
        hr_json_key(json, key);
        hr_json_decimal(json, value, scale);
    }
}

void sim_line_json(hr_buf *out, const char *device, const hr_fix *fix)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "device", device);
    hr_json_key_i64(&json, "time", fix->time_ms);
    put_known(&json, "lon", fix->lon_e7, INT64_MAX, 7);
    put_known(&json, "lat", fix->lat_e7, INT64_MAX, 7);
    put_known(&json, "accuracy_m", fix->accuracy_dm, HR_FIX_U16_UNKNOWN, 1);
    put_known(&json, "speed_mps", fix->speed_cm_s, HR_FIX_U16_UNKNOWN, 2);
    put_known(&json, "heading_deg", fix->heading_cdeg, HR_FIX_U16_UNKNOWN, 2);
    put_known(&json, "battery_pct", fix->battery_pct, HR_FIX_U8_UNKNOWN, 0);
    hr_json_close_object(&json);
    hr_buf_put_u8(out, '\n');
}

/* body is what stands between $ and *. */
static void put_sentence(hr_buf *out, const char *body)
{
    char tail[8];
    unsigned sum = 0;
    for (const char *c = body; *c != '\0'; c++) {
        sum ^= (unsigned char)*c;
    }
    snprintf(tail, sizeof tail, "*%02X\r\n", sum);
    hr_buf_put_u8(out, '$');
    hr_buf_put_text(out, body);
    hr_buf_put_text(out, tail);
}

/* "5951.0350000,N": minutes with seven digits say 1e-7 degree exactly. */
static void format_angle(char *text, size_t size, int32_t e7, int digits, const char sides[2])
{
    uint32_t value = e7 < 0 ? 0u - (uint32_t)e7 : (uint32_t)e7;
    uint64_t minutes_e7 = (uint64_t)(value % E7) * 60;
    snprintf(text, size, "%0*u%02u.%07u,%c", digits, value / E7, (unsigned)(minutes_e7 / E7),
             (unsigned)(minutes_e7 % E7), sides[e7 < 0]);
}

void sim_line_nmea(hr_buf *out, const hr_fix *fix)
{
    char time[HR_TIME_TEXT_SIZE], lat[24], lon[24], speed[16] = "", heading[16] = "";
    char body[SENTENCE_SIZE];
    hr_time_format(fix->time_ms, time); /* 2026-11-20T08:00:00.123Z */
    char of_day[16], date[8];
    snprintf(of_day, sizeof of_day, "%.2s%.2s%.6s", time + 11, time + 14, time + 17);
    snprintf(date, sizeof date, "%.2s%.2s%.2s", time + 8, time + 5, time + 2);
    format_angle(lat, sizeof lat, fix->lat_e7, 2, "NS");
    format_angle(lon, sizeof lon, fix->lon_e7, 3, "EW");
    if (fix->speed_cm_s != HR_FIX_U16_UNKNOWN) {
        unsigned knots_e3 = fix->speed_cm_s * 36000u / 1852u; /* a knot is 1852 m an hour */
        snprintf(speed, sizeof speed, "%u.%03u", knots_e3 / 1000, knots_e3 % 1000);
    }
    if (fix->heading_cdeg != HR_FIX_U16_UNKNOWN) {
        snprintf(heading, sizeof heading, "%u.%02u", fix->heading_cdeg / 100u,
                 fix->heading_cdeg % 100u);
    }
    if (fix->accuracy_dm != HR_FIX_U16_UNKNOWN) {
        /* All of the error in one axis: the sum of both squares is then the accuracy itself. */
        snprintf(body, sizeof body, "GNGST,%s,,,,,%u.%u,0.0,", of_day, fix->accuracy_dm / 10u,
                 fix->accuracy_dm % 10u);
        put_sentence(out, body);
    }
    snprintf(body, sizeof body, "GNRMC,%s,A,%s,%s,%s,%s,%s,,,A", of_day, lat, lon, speed, heading,
             date);
    put_sentence(out, body);
}
