/* api/routes_query.c - where everything is now: within, nearby, inside. Answered from memory. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "body.h"
#include "device_text.h"
#include "geo_answer.h"
#include "routes.h"

#define NEARBY_DEFAULT 20
#define NEARBY_MAX 1000
#define RADIUS_M_MAX 20100000 /* beyond half the way round there is nothing more */
#define INLINE_CELLS_MAX 200  /* of a box that is answered while everyone waits */
#define INLINE_CELL_E7 65536
#define INLINE_E7_PER_M 90 /* of latitude */
#define STAYS_MAX 1024     /* fences that one device is shown to be in */

/* How the devices of an answer are told. */
typedef enum device_detail {
    DETAIL_NONE,
    DETAIL_DISTANCE,
    DETAIL_SINCE,
} device_detail;

static void answer_devices(api_answer *answer, const engine_answer *found, device_detail detail)
{
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key(&json, "devices");
    hr_json_open_array(&json);
    for (size_t i = 0; i < found->count; i++) {
        const engine_device *device = &found->devices[i];
        hr_json_open_object(&json);
        api_device_write(&json, device);
        if (detail == DETAIL_DISTANCE) {
            hr_json_key(&json, "distance_m");
            hr_json_decimal(&json, llround(device->distance_m * 100), 2);
        } else if (detail == DETAIL_SINCE) {
            hr_json_key_time(&json, "since", device->since_ms);
        }
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    if (found->is_cut) {
        hr_json_key_bool(&json, "cut", true);
    }
    api_as_of_write(&json, found);
    hr_json_close_object(&json);
}

/* Beyond some hundred cells of the engine's grid every device there is will be looked at. */
static bool leaves_wide(const api_request *request, int64_t width_e7, int64_t height_e7,
                        api_answer *answer)
{
    answer->is_left =
        request->is_inline &&
        (width_e7 / INLINE_CELL_E7 + 1) * (height_e7 / INLINE_CELL_E7 + 1) > INLINE_CELLS_MAX;
    return answer->is_left;
}

void route_within(api_context *context, const api_request *request, api_answer *answer)
{
    geo_area *area = api_has_engine(context, answer) ? api_body_area(request, answer) : NULL;
    if (area == NULL) {
        return;
    }
    if (leaves_wide(request, (int64_t)area->box.max.lon_e7 - area->box.min.lon_e7,
                    (int64_t)area->box.max.lat_e7 - area->box.min.lat_e7, answer)) {
        geo_area_free(area);
        return;
    }
    engine_answer found;
    engine_answer_init(&found);
    hr_err err = engine_within(context->engine, area, &found);
    if (err == HR_OK) {
        answer_devices(answer, &found, DETAIL_NONE);
    } else {
        api_answer_failure(answer, err, "query", NULL);
    }
    engine_answer_fini(&found);
    geo_area_free(area);
}

/* A parameter in degrees, which must be there. */
static bool read_degrees(const api_request *request, const char *name, int64_t max_e7,
                         int32_t *value, api_answer *answer)
{
    const char *text = api_request_param(request, name);
    int64_t e7 = 0;
    if (text == NULL || hr_decimal_parse(text, strlen(text), 7, &e7) != HR_OK || e7 > max_e7 ||
        e7 < -max_e7) {
        api_answer_error(answer, 400, "query.parameter", name, "%s must be given in degrees", name);
        return false;
    }
    *value = (int32_t)e7;
    return true;
}

void route_nearby(api_context *context, const api_request *request, api_answer *answer)
{
    geo_point center;
    int64_t limit = 0;
    int64_t radius_cm = 0;
    const char *radius = api_request_param(request, "radius_m");
    if (!api_has_engine(context, answer) ||
        !read_degrees(request, "lon", GEO_LON_E7_MAX, &center.lon_e7, answer) ||
        !read_degrees(request, "lat", GEO_LAT_E7_MAX, &center.lat_e7, answer) ||
        !api_param_number(request, "limit", 1, NEARBY_MAX, NEARBY_DEFAULT, &limit, answer)) {
        return;
    }
    if (radius == NULL || hr_decimal_parse(radius, strlen(radius), 2, &radius_cm) != HR_OK ||
        radius_cm <= 0 || radius_cm > RADIUS_M_MAX * INT64_C(100)) {
        api_answer_error(answer, 400, "query.parameter", "radius_m",
                         "radius_m must be above 0 and at most %d", RADIUS_M_MAX);
        return;
    }
    int64_t wide_e7 = 2 * radius_cm * INLINE_E7_PER_M / 100;
    if (leaves_wide(request, wide_e7, wide_e7, answer)) {
        return;
    }
    engine_answer found;
    engine_answer_init(&found);
    hr_err err =
        engine_nearby(context->engine, center, (double)radius_cm / 100, (size_t)limit, &found);
    if (err == HR_OK) {
        answer_devices(answer, &found, DETAIL_DISTANCE);
    } else {
        api_answer_failure(answer, err, "query", NULL);
    }
    engine_answer_fini(&found);
}

void route_fence_devices(api_context *context, const api_request *request, api_answer *answer)
{
    if (!api_has_engine(context, answer)) {
        return;
    }
    engine_answer found;
    engine_answer_init(&found);
    hr_err err = engine_fence_devices(context->engine, request->captures[0], &found);
    if (err == HR_OK) {
        answer_devices(answer, &found, DETAIL_SINCE);
    } else {
        api_answer_failure(answer, err, "fence", NULL);
    }
    engine_answer_fini(&found);
}

void route_inside(api_context *context, const api_request *request, api_answer *answer)
{
    const char *device = api_request_param(request, "device");
    if (!api_has_engine(context, answer)) {
        return;
    }
    if (device == NULL || !hr_device_id_is_valid(device, strlen(device))) {
        api_answer_error(answer, 400, "query.parameter", "device", "device must be a device's id");
        return;
    }
    engine_stay stays[STAYS_MAX];
    size_t count = STAYS_MAX;
    engine_as_of as_of;
    hr_err err = engine_inside(context->engine, device, stays, &count, &as_of);
    if (err == HR_NOT_FOUND) {
        api_answer_error(answer, 404, "device.not_found", NULL, "there is no device %s", device);
        return;
    }
    if (err != HR_OK) {
        api_answer_failure(answer, err, "device", NULL);
        return;
    }
    hr_json json = api_answer_json(answer, 200);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "device", device);
    hr_json_key(&json, "fences");
    hr_json_open_array(&json);
    for (size_t i = 0; i < count && i < STAYS_MAX; i++) {
        hr_json_open_object(&json);
        hr_json_key_text(&json, "fence", stays[i].fence_id);
        hr_json_key_time(&json, "since", stays[i].since_ms);
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    hr_json_key_bool(&json, "cut", count > STAYS_MAX);
    hr_json_key(&json, "as_of");
    hr_json_open_array(&json);
    hr_json_open_object(&json);
    hr_json_key_i64(&json, "partition", as_of.partition);
    hr_json_key_i64(&json, "offset", as_of.offset);
    hr_json_close_object(&json);
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}
