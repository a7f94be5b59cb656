/* wire/lorawan.c - finds device, time and place in what two network servers publish. */
#include "wire/lorawan.h"

#include <string.h>

#include "wire/json_fields.h"

#define DEPTH_MAX 5 /* of objects within the decoded payload; deeper ones are not looked at */

typedef struct uplink {
    const char *device;
    const cJSON *payload; /* as decoded; NULL: the server did not */
    const cJSON *times;   /* the object that holds time_name */
    const char *time_name;
} uplink;

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = wire_json_member(object, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* {"deviceInfo":{"devEui":..},"time":..,"object":{..}} */
static uplink read_chirpstack(const cJSON *root)
{
    return (uplink){.device = text_of(wire_json_member(root, "deviceInfo"), "devEui"),
                    .payload = wire_json_member(root, "object"),
                    .times = root,
                    .time_name = "time"};
}

/* {"end_device_ids":{"device_id":..},"received_at":..,"uplink_message":{"decoded_payload":{..}}} */
static uplink read_tts(const cJSON *root)
{
    const cJSON *message = wire_json_member(root, "uplink_message");
    return (uplink){.device = text_of(wire_json_member(root, "end_device_ids"), "device_id"),
                    .payload = wire_json_member(message, "decoded_payload"),
                    .times = text_of(message, "received_at") != NULL ? message : root,
                    .time_name = "received_at"};
}

static const char *name_of_number(const cJSON *object, const char *const *choices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cJSON_IsNumber(wire_json_member(object, choices[i]))) {
            return choices[i];
        }
    }
    return NULL;
}

typedef struct place {
    const cJSON *object;
    const char *lat_name;
    const char *lon_name;
} place;

static bool find_place(const cJSON *object, int depth, place *out)
{
    /* As the decoders of common trackers spell them. */
    static const char *const lat_names[] = {"latitude",    "lat", "gps_latitude", "Latitude",
                                            "latitudeDeg", "Lat", "gpsLatitude"};
    static const char *const lon_names[] = {"longitude",    "lon", "lng", "gps_longitude",
                                            "Longitude",    "Lon", "Lng", "longitudeDeg",
                                            "gpsLongitude", "long"};
    const char *lat_name =
        name_of_number(object, lat_names, sizeof lat_names / sizeof lat_names[0]);
    const char *lon_name =
        name_of_number(object, lon_names, sizeof lon_names / sizeof lon_names[0]);
    if (lat_name != NULL && lon_name != NULL) {
        *out = (place){object, lat_name, lon_name};
        return true;
    }
    const cJSON *child;
    cJSON_ArrayForEach(child, object)
    {
        if ((cJSON_IsObject(child) || cJSON_IsArray(child)) && depth < DEPTH_MAX &&
            find_place(child, depth + 1, out)) {
            return true;
        }
    }
    return false;
}

static hr_err read_place(const uplink *up, const place *p, wire_fix *out, hr_why *why)
{
    hr_fix *fix = &out->fix;
    hr_err err = wire_json_device(out, up->device, why);
    if (err == HR_OK) {
        err = wire_json_coordinate(p->object, p->lon_name, 180, &fix->lon_e7, why);
    }
    if (err == HR_OK) {
        err = wire_json_coordinate(p->object, p->lat_name, 90, &fix->lat_e7, why);
    }
    if (err == HR_OK) {
        err = wire_json_time(up->times, up->time_name, 1, fix, why);
    }
    if (err != HR_OK) {
        return err;
    }
    /* These come from a decoder that someone wrote for one device: of another type, unknown. */
    fix->speed_cm_s = HR_FIX_U16_UNKNOWN;
    fix->heading_cdeg = HR_FIX_U16_UNKNOWN;
    if (wire_json_detail(p->object, "accuracy", 1, 1, &fix->accuracy_dm, NULL) != HR_OK) {
        fix->accuracy_dm = HR_FIX_U16_UNKNOWN;
    }
    if (wire_json_battery(up->payload, "battery", &fix->battery_pct, NULL) != HR_OK) {
        fix->battery_pct = HR_FIX_U8_UNKNOWN;
    }
    /* Receivers without a fix send 0, 0, which no farm is at. */
    return fix->lon_e7 == 0 && fix->lat_e7 == 0
               ? hr_why_set(why, HR_UNSUPPORTED, "the place 0, 0 of a receiver without a fix")
               : HR_OK;
}

static hr_err read_root(const cJSON *root, wire_fix *out, hr_why *why)
{
    uplink up =
        wire_json_member(root, "deviceInfo") != NULL ? read_chirpstack(root) : read_tts(root);
    place p;
    if (up.device == NULL) {
        return hr_why_set(why, HR_INVALID,
                          "neither deviceInfo.devEui nor "
                          "end_device_ids.device_id is there");
    }
    if (!cJSON_IsObject(up.payload) || !find_place(up.payload, 0, &p)) {
        return hr_why_set(why, HR_UNSUPPORTED, "the uplink of %.70s has no decoded place",
                          up.device);
    }
    *out = (wire_fix){.id_size = 0};
    return read_place(&up, &p, out, why);
}

hr_err lorawan_read(const void *bytes, size_t size, wire_fix *fix, hr_why *why)
{
    wire_json json;
    hr_err err = wire_json_parse(bytes, size, &json, why);
    if (err != HR_OK) {
        return err;
    }
    err = cJSON_IsObject(json.root) ? read_root(json.root, fix, why)
                                    : hr_why_set(why, HR_INVALID, "an uplink is a JSON object");
    wire_json_free(&json);
    return err;
}
