/* gateway/source_gpsd.c - fixes from gpsd, through its own library. */
#include <fcntl.h>
#include <gps.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "gateway/source_private.h"
#include "gateway/source_tcp.h"

#define SILENCE_MAX_MS 60000 /* after which the connection is made anew */

/* In units of 10^-scale; not finite or negative is unknown. */
static uint16_t detail_of(double value, unsigned scale)
{
    int64_t wide;
    if (hr_decimal_from_double(value, scale, &wide) != HR_OK || wide < 0) {
        return HR_FIX_U16_UNKNOWN;
    }
    return (uint16_t)(wide < HR_FIX_U16_UNKNOWN ? wide : HR_FIX_U16_UNKNOWN - 1);
}

static bool read_fix(const struct gps_data_t *data, hr_fix *out)
{
    const struct gps_fix_t *fix = &data->fix;
    int64_t lon_e7, lat_e7;
    if (fix->mode < MODE_2D || hr_decimal_from_double(fix->longitude, 7, &lon_e7) != HR_OK ||
        hr_decimal_from_double(fix->latitude, 7, &lat_e7) != HR_OK || fix->time.tv_sec <= 0) {
        return false;
    }
    *out = (hr_fix){.time_ms = (int64_t)fix->time.tv_sec * 1000 + fix->time.tv_nsec / 1000000,
                    .lon_e7 = (int32_t)lon_e7,
                    .lat_e7 = (int32_t)lat_e7,
                    .accuracy_dm = detail_of(fix->eph, 1),
                    .speed_cm_s = detail_of(fix->speed, 2),
                    .heading_cdeg = detail_of(fix->track, 2),
                    .battery_pct = HR_FIX_U8_UNKNOWN};
    return lon_e7 >= -1800000000 && lon_e7 <= 1800000000 && lat_e7 >= -900000000 &&
           lat_e7 <= 900000000;
}

static void take_report(source *s, struct gps_data_t *data, int64_t *last_ms)
{
    wire_fix fix = {.id_size = 0};
    if ((data->set & LATLON_SET) != 0 && read_fix(data, &fix.fix) && fix.fix.time_ms != *last_ms) {
        *last_ms = fix.fix.time_ms;
        source_reading(s, NULL, 0);
        source_take(s, &fix);
    }
}

/* One report is read at a time, and others may be left in the library's buffer, of which the socket
 * knows nothing: so until there is none. It must not block on half a report either. */
static void follow(source *s, struct gps_data_t *data)
{
    int64_t last_ms = INT64_MIN;
    bool has_bytes;
    int fd = (int)data->gps_fd;
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        return;
    }
    while (source_wait(s, fd, SILENCE_MAX_MS, &has_bytes) && has_bytes) {
        int got;
        while ((got = gps_read(data, NULL, 0)) > 0) {
            take_report(s, data, &last_ms);
        }
        if (got < 0) {
            return;
        }
    }
}

/* libgps waits for minutes for a machine that does not answer, and nothing can end that: so it is
 * asked only where somebody has just answered. */
static bool is_answering(source *s, const char *host, const char *port)
{
    char address[CONFIG_TEXT_MAX + 16];
    snprintf(address, sizeof address, "%s:%s", host, port);
    int fd = source_tcp_connect(s, address);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* host: in an address, an IPv6 one stands in brackets, and by itself, as libgps wants it, it does
 * not. */
static bool live_once(source *s, const char *host, const char *port)
{
    struct gps_data_t data;
    char bare[CONFIG_TEXT_MAX];
    bool is_bracketed = host[0] == '[' && host[strlen(host) - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", (int)(strlen(host) - 2 * is_bracketed),
             host + is_bracketed);
    if (!is_answering(s, host, port) || gps_open(bare, port, &data) != 0) {
        return false;
    }
    uint64_t before = atomic_load(&s->fixes);
    source_note_open(s);
    gps_stream(&data, WATCH_ENABLE | WATCH_JSON, NULL);
    follow(s, &data);
    gps_stream(&data, WATCH_DISABLE, NULL);
    gps_close(&data);
    return atomic_load(&s->fixes) > before;
}

void source_run_gpsd(source *s)
{
    char host[CONFIG_TEXT_MAX];
    const char *port = DEFAULT_GPSD_PORT;
    int pause_ms = 0;
    bool is_any;
    snprintf(host, sizeof host, "%s", s->options.what->place);
    char *colon = strrchr(host, ':');
    if (colon != NULL) {
        *colon = '\0';
        port = colon + 1;
    }
    do {
        is_any = live_once(s, host, port);
    } while (source_pause(s, &pause_ms, is_any));
}
