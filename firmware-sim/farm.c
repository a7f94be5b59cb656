/* farm.c - fences of a scenario as GeoJSON. */
#include "farm.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define BYTES_MAX (256u << 20)
#define DEMO_TZ "Europe/Stockholm"
#define CREATED 201
#define CONFLICT 409

static void put_position(hr_json *json, const sim_scenario *s, sim_point at)
{
    int32_t lon_e7, lat_e7;
    sim_plane_place(&s->plane, at, &lon_e7, &lat_e7);
    hr_json_open_array(json);
    hr_json_decimal(json, lon_e7, 7);
    hr_json_decimal(json, lat_e7, 7);
    hr_json_close_array(json);
}

static void put_geometry(hr_json *json, const sim_scenario *s, const sim_fence *fence)
{
    static const char *const types[] = {"Polygon", "LineString", "Point"};
    hr_json_key(json, "geometry");
    hr_json_open_object(json);
    hr_json_key_text(json, "type", types[fence->shape]);
    hr_json_key(json, "coordinates");
    if (fence->shape == SIM_CIRCLE) {
        put_position(json, s, fence->points[0]);
    } else {
        hr_json_open_array(json);
        if (fence->shape == SIM_POLYGON) {
            hr_json_open_array(json);
        }
        for (uint32_t i = 0; i < fence->point_count; i++) {
            put_position(json, s, fence->points[i]);
        }
        if (fence->shape == SIM_POLYGON) {
            put_position(json, s, fence->points[0]);
            hr_json_close_array(json);
        }
        hr_json_close_array(json);
    }
    hr_json_close_object(json);
}

static void put_schedule(hr_json *json, const sim_fence *fence, const char *tz)
{
    static const char days[] = "[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"]";
    hr_json_key(json, "schedule");
    hr_json_open_object(json);
    hr_json_key_text(json, "tz", tz);
    hr_json_key(json, "weekly");
    hr_json_open_array(json);
    hr_json_open_object(json);
    hr_json_key(json, "days");
    hr_json_raw(json, days, sizeof days - 1);
    hr_json_key_text(json, "from", fence->from);
    hr_json_key_text(json, "to", fence->to);
    hr_json_close_object(json);
    hr_json_close_array(json);
    hr_json_close_object(json);
}

static void put_feature(hr_json *json, const sim_scenario *s, const sim_fence *fence,
                        const char *tz)
{
    hr_json_open_object(json);
    hr_json_key_text(json, "type", "Feature");
    hr_json_key_text(json, "id", fence->id);
    hr_json_key(json, "properties");
    hr_json_open_object(json);
    hr_json_key_text(json, "name", fence->name);
    hr_json_key_text(json, "intent", fence->intent);
    if (fence->shape != SIM_POLYGON) {
        hr_json_key_double(json, fence->shape == SIM_CIRCLE ? "radius_m" : "width_m",
                           fence->size_m);
    }
    if (fence->approach_m > 0) {
        hr_json_key_i64(json, "approach_m", fence->approach_m);
    }
    if (fence->dwell_s > 0) {
        hr_json_key_i64(json, "dwell_s", fence->dwell_s);
    }
    if (fence->from[0] != '\0') {
        put_schedule(json, fence, tz);
    }
    hr_json_close_object(json);
    put_geometry(json, s, fence);
    hr_json_close_object(json);
}

void sim_farm_feature(hr_buf *out, const sim_scenario *scenario, const sim_fence *fence,
                      const char *tz)
{
    hr_json json = hr_json_into(out);
    put_feature(&json, scenario, fence, tz);
}

void sim_farm_collection(hr_buf *out, const sim_scenario *scenario, const char *tz)
{
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "type", "FeatureCollection");
    hr_json_key(&json, "features");
    hr_json_open_array(&json);
    for (uint32_t i = 0; i < scenario->fence_count; i++) {
        put_feature(&json, scenario, &scenario->fences[i], tz);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

hr_err sim_farm_print(const sim_scenario *scenario)
{
    hr_buf out;
    hr_buf_init(&out, BYTES_MAX);
    sim_farm_collection(&out, scenario, DEMO_TZ);
    hr_buf_put_u8(&out, '\n');
    hr_err err = hr_buf_err(&out);
    if (err == HR_OK && fwrite(out.data, 1, out.size, stdout) != out.size) {
        err = HR_IO;
    }
    hr_buf_fini(&out);
    return err;
}

hr_err sim_farm_post(const sim_scenario *scenario, sim_http *http, hr_why *why)
{
    hr_buf body, answer;
    hr_buf_init(&body, BYTES_MAX);
    hr_buf_init(&answer, SIM_HTTP_ANSWER_BYTES_MAX);
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < scenario->fence_count; i++) {
        long status = 0;
        hr_buf_clear(&body);
        sim_farm_feature(&body, scenario, &scenario->fences[i], DEMO_TZ);
        hr_buf_put_u8(&body, 0);
        err = hr_buf_err(&body);
        if (err == HR_OK) {
            err = sim_http_ask(http, "POST", "/v1/fences", (const char *)body.data, &answer,
                               &status, why);
        }
        if (err == HR_OK && status != CREATED && status != CONFLICT) {
            err = hr_why_set(why, HR_DENIED, "fence %s: status %ld: %.*s", scenario->fences[i].id,
                             status, (int)(answer.size < 200 ? answer.size : 200),
                             answer.size > 0 ? (const char *)answer.data : "");
        }
    }
    hr_buf_fini(&body);
    hr_buf_fini(&answer);
    return err;
}
