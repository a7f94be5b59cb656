/* api/routes_track.c - where a device was: its fixes out of history and log, as GeoJSON, GPX or
 * CSV.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fix.h"
#include "base/text.h"
#include "body.h"
#include "engine/history_read.h"
#include "routes.h"

#define TRACK_POINTS_MAX 200000 /* the oldest ones of the span; `cut` says when there are more */
#define TRACK_SPAN_MS INT64_C(86400000)
#define SCAN_NS_MAX INT64_C(10000000000)
#define TRIES_MAX 3 /* the log may move on while it is read */

typedef struct track {
    uint64_t device;
    int64_t from_ms;
    int64_t to_ms;
    hr_fix *fixes;
    size_t count;
    size_t capacity;
    bool is_cut;
} track;

static hr_err track_add(track *track, const hr_fix *fix)
{
    if (track->count >= TRACK_POINTS_MAX) {
        track->is_cut = true;
        return HR_OK;
    }
    if (track->count == track->capacity) {
        size_t capacity = track->capacity == 0 ? 256 : track->capacity * 2;
        hr_fix *fixes = realloc(track->fixes, capacity * sizeof *fixes);
        if (fixes == NULL) {
            return HR_NO_MEMORY;
        }
        track->fixes = fixes;
        track->capacity = capacity;
    }
    track->fixes[track->count++] = *fix;
    return HR_OK;
}

/* One attempt; HR_GONE: begin again. */
static hr_err track_read_once(api_context *context, track *track, hr_why *why)
{
    history_span span = {.has_device = true,
                         .device = track->device,
                         .from_ms = track->from_ms,
                         .to_ms = track->to_ms};
    history_reader *reader = NULL;
    track->count = 0;
    track->is_cut = false;
    hr_err err = history_reader_new(context->history, context->log, &reader, why);
    if (err == HR_OK) {
        history_reader_set_deadline(reader, hr_clock_mono_ns(hr_clock_real()) + SCAN_NS_MAX);
        err = history_track_begin(reader, &span, why);
    }
    while (err == HR_OK && !track->is_cut) {
        hr_fix fix;
        err = history_track_next(reader, &fix, why);
        if (err == HR_OK) {
            err = track_add(track, &fix);
        }
    }
    if (err == HR_TIMEOUT) {
        track->is_cut = true;
        err = HR_OK;
    }
    history_reader_free(reader);
    return err == HR_NOT_FOUND ? HR_OK : err;
}

static hr_err track_read(api_context *context, track *track, hr_why *why)
{
    hr_err err = HR_GONE;
    for (int i = 0; i < TRIES_MAX && err == HR_GONE; i++) {
        err = track_read_once(context, track, why);
    }
    return err;
}

static int compare_time(const void *a, const void *b)
{
    int64_t left = ((const hr_fix *)a)->time_ms;
    int64_t right = ((const hr_fix *)b)->time_ms;
    return (left > right) - (left < right);
}

/* In the order of time, each time once: repeats stay in the log. */
static void track_sort(track *track)
{
    if (track->count == 0) {
        return;
    }
    qsort(track->fixes, track->count, sizeof *track->fixes, compare_time);
    size_t kept = 1;
    for (size_t i = 1; i < track->count; i++) {
        if (track->fixes[i].time_ms != track->fixes[kept - 1].time_ms) {
            track->fixes[kept++] = track->fixes[i];
        }
    }
    track->count = kept;
}

/* A line has two places at least (RFC 7946). One place is a MultiPoint, whose coordinates are a
 * list as a line's are; without any there is no geometry. */
static void put_geometry(const track *track, hr_json *json)
{
    hr_json_key(json, "geometry");
    if (track->count == 0) {
        hr_json_null(json);
        return;
    }
    hr_json_open_object(json);
    hr_json_key_text(json, "type", track->count == 1 ? "MultiPoint" : "LineString");
    hr_json_key(json, "coordinates");
    hr_json_open_array(json);
    for (size_t i = 0; i < track->count; i++) {
        hr_json_open_array(json);
        hr_json_decimal(json, track->fixes[i].lon_e7, 7);
        hr_json_decimal(json, track->fixes[i].lat_e7, 7);
        hr_json_close_array(json);
    }
    hr_json_close_array(json);
    hr_json_close_object(json);
}

static void write_geojson(const track *track, const char *device, api_answer *answer)
{
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "type", "Feature");
    put_geometry(track, &json);
    hr_json_key(&json, "properties");
    hr_json_open_object(&json);
    hr_json_key_text(&json, "device", device);
    hr_json_key_bool(&json, "cut", track->is_cut);
    hr_json_key(&json, "times");
    hr_json_open_array(&json);
    for (size_t i = 0; i < track->count; i++) {
        hr_json_time(&json, track->fixes[i].time_ms);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
    hr_json_close_object(&json);
    answer->content_type = "application/geo+json";
}

static void put_place(hr_buf *out, const char *format, const hr_fix *fix, const char *time)
{
    char lon[HR_DECIMAL_TEXT_SIZE];
    char lat[HR_DECIMAL_TEXT_SIZE];
    size_t lon_size = hr_decimal_format(fix->lon_e7, 7, lon);
    size_t lat_size = hr_decimal_format(fix->lat_e7, 7, lat);
    if (format[0] == 'g') {
        hr_buf_printf(out, "<trkpt lat=\"%.*s\" lon=\"%.*s\"><time>%s</time></trkpt>\n",
                      (int)lat_size, lat, (int)lon_size, lon, time);
    } else {
        hr_buf_printf(out, "%s,%.*s,%.*s", time, (int)lon_size, lon, (int)lat_size, lat);
    }
}

static void put_cell(hr_buf *out, int64_t value, bool is_known, unsigned scale)
{
    char text[HR_DECIMAL_TEXT_SIZE];
    size_t size = is_known ? hr_decimal_format(value, scale, text) : 0;
    hr_buf_put_u8(out, ',');
    hr_buf_put(out, text, size);
}

static void write_gpx(const track *track, const char *device, api_answer *answer)
{
    hr_buf *out = &answer->body;
    answer->status = 200;
    answer->content_type = "application/gpx+xml";
    /* A device's id holds no character that XML would mind. */
    hr_buf_printf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" "
                  "creator=\"Hedgerow\" xmlns=\"http://www.topografix.com/GPX/1/1\">\n<trk><name>"
                  "%s</name><trkseg>\n",
                  device);
    for (size_t i = 0; i < track->count; i++) {
        char time[HR_TIME_TEXT_SIZE];
        hr_time_format(track->fixes[i].time_ms, time);
        put_place(out, "gpx", &track->fixes[i], time);
    }
    hr_buf_put_text(out, "</trkseg></trk>\n</gpx>\n");
}

/* The columns that `hedgerow replay` and `hedgerow join` read. */
static void write_csv(const track *track, const char *device, api_answer *answer)
{
    hr_buf *out = &answer->body;
    answer->status = 200;
    answer->content_type = "text/csv; charset=utf-8";
    hr_buf_put_text(out, "device,time,lon,lat,accuracy_m,speed_mps,heading_deg,battery_pct\n");
    for (size_t i = 0; i < track->count; i++) {
        const hr_fix *fix = &track->fixes[i];
        char time[HR_TIME_TEXT_SIZE];
        hr_time_format(fix->time_ms, time);
        hr_buf_put_text(out, device);
        hr_buf_put_u8(out, ',');
        put_place(out, "csv", fix, time);
        put_cell(out, fix->accuracy_dm, fix->accuracy_dm != HR_FIX_U16_UNKNOWN, 1);
        put_cell(out, fix->speed_cm_s, fix->speed_cm_s != HR_FIX_U16_UNKNOWN, 2);
        put_cell(out, fix->heading_cdeg, fix->heading_cdeg != HR_FIX_U16_UNKNOWN, 2);
        put_cell(out, fix->battery_pct, fix->battery_pct != HR_FIX_U8_UNKNOWN, 0);
        hr_buf_put_u8(out, '\n');
    }
}

void route_track(api_context *context, const api_request *request, api_answer *answer)
{
    const char *device = request->captures[0];
    const char *format = api_request_param(request, "format");
    format = format != NULL ? format : "geojson";
    int64_t now_ms = hr_clock_now_ms(context->clock);
    track track = {.device = hr_device_key(device, strlen(device))};
    if (context->log == NULL) {
        api_answer_error(answer, 503, "log.absent", NULL, "the log is not open yet");
        return;
    }
    if (!hr_device_id_is_valid(device, strlen(device))) {
        api_answer_error(answer, 404, "device.not_found", NULL, "there is no such device");
        return;
    }
    bool is_geojson = strcmp(format, "geojson") == 0;
    bool is_gpx = strcmp(format, "gpx") == 0;
    if (!is_geojson && !is_gpx && strcmp(format, "csv") != 0) {
        api_answer_error(answer, 400, "query.parameter", "format",
                         "format must be geojson, gpx or csv");
        return;
    }
    if (!api_param_time(request, "to", INT64_MAX, &track.to_ms, answer) ||
        !api_param_time(request, "from",
                        (track.to_ms < now_ms ? track.to_ms : now_ms) - TRACK_SPAN_MS,
                        &track.from_ms, answer)) {
        return;
    }
    hr_why why = {.text = ""};
    hr_err err = track_read(context, &track, &why);
    track_sort(&track);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "track", &why);
    } else if (is_geojson) {
        write_geojson(&track, device, answer);
    } else if (is_gpx) {
        write_gpx(&track, device, answer);
    } else {
        write_csv(&track, device, answer);
    }
    free(track.fixes);
}
