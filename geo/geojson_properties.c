/* geo/geojson_properties.c - what a feature says of its fence besides its shape. */
#include <string.h>

#include "geo/csv.h"
#include "geo/json_number.h"
#include "geojson_private.h"

enum {
    PROPERTY_NAME,
    PROPERTY_RADIUS,
    PROPERTY_WIDTH,
    PROPERTY_GEODESIC,
    PROPERTY_INTENT,
    PROPERTY_GROUPS,
    PROPERTY_DWELL,
    PROPERTY_APPROACH,
    PROPERTY_CONFIRM,
    PROPERTY_SCHEDULE,
    PROPERTY_EXPIRES,
    PROPERTY_COLOR,
    PROPERTY_COUNT
};

static geo_err read_intent(const member *m, geo_feature *out, geo_why *why)
{
    char text[16];
    geo_err err = member_text(m, text, sizeof text);
    if (err != GEO_OK || (strcmp(text, "") != 0 && strcmp(text, "info") != 0 &&
                          strcmp(text, "keep-in") != 0 && strcmp(text, "keep-out") != 0)) {
        return geo_why_set(why, GEO_INVALID, "intent must be keep-in, keep-out or info");
    }
    out->intent = strcmp(text, "keep-in") == 0    ? GEO_KEEP_IN
                  : strcmp(text, "keep-out") == 0 ? GEO_KEEP_OUT
                                                  : GEO_INFO;
    return GEO_OK;
}

static geo_err read_groups(const member *m, geo_feature *out, geo_why *why)
{
    geo_json json = m->value;
    geo_json_token token = m->found ? geo_json_next(&json) : GEO_JSON_NULL;
    if (token == GEO_JSON_NULL) {
        return GEO_OK;
    }
    bool sound = token == GEO_JSON_ARRAY;
    while (sound && (token = geo_json_next(&json)) == GEO_JSON_TEXT) {
        if (out->group_count == GEO_FENCE_GROUPS_MAX) {
            return geo_why_set(why, GEO_TOO_BIG, "more than %d groups", GEO_FENCE_GROUPS_MAX);
        }
        char *group = out->groups[out->group_count++];
        sound = geo_json_copy(&json, group, sizeof out->groups[0]) == GEO_OK && group[0] != '\0';
    }
    return sound && token == GEO_JSON_ARRAY_END
               ? GEO_OK
               : geo_why_set(why, GEO_INVALID, "groups must be an array of names of 1 to %d bytes",
                             GEO_GROUP_NAME_MAX);
}

static geo_err read_expiry(const member *m, geo_feature *out, geo_why *why)
{
    char text[40];
    geo_json json = m->value;
    if (m->found && geo_json_next(&json) == GEO_JSON_NUMBER &&
        geo_number_parse(json.slice, json.slice_size, 0, &out->expires_at_ms) == GEO_OK) {
        return GEO_OK;
    }
    geo_err err = member_text(m, text, sizeof text);
    if (err == GEO_OK && text[0] != '\0') {
        err = geo_time_parse(text, strlen(text), &out->expires_at_ms);
    }
    return err == GEO_OK ? GEO_OK
                         : geo_why_set(why, GEO_INVALID,
                                       "expires_at must be a time like 2026-11-20T08:00:00Z");
}

/* "06:00" to "24:00" in minutes; -1 if it is not. */
static int read_clock(const member *m)
{
    char text[8];
    if (member_text(m, text, sizeof text) != GEO_OK || strlen(text) != 5 || text[2] != ':') {
        return -1;
    }
    for (int i = 0; i < 5; i++) {
        if (i != 2 && (text[i] < '0' || text[i] > '9')) {
            return -1;
        }
    }
    int minutes =
        ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
    return text[3] > '5' || minutes > GEO_DAY_MINUTES ? -1 : minutes;
}

/* The bits of an array of day names; 0 if it is not one. */
static uint8_t read_days(const member *m)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    uint8_t days = 0;
    geo_json json = m->value;
    if (!m->found || geo_json_next(&json) != GEO_JSON_ARRAY) {
        return 0;
    }
    geo_json_token token;
    while ((token = geo_json_next(&json)) == GEO_JSON_TEXT) {
        int day = 0;
        while (day < 7 && !geo_json_is(&json, names[day])) {
            day++;
        }
        if (day == 7) {
            return 0;
        }
        days |= (uint8_t)(1u << day);
    }
    return token == GEO_JSON_ARRAY_END ? days : 0;
}

static geo_err read_weekly_time(geo_json json, geo_weekly *schedule, geo_why *why)
{
    member members[] = {{.name = "days"}, {.name = "from"}, {.name = "to"}};
    geo_err err =
        find_members(&json, members, 3, "schedule.weekly must be an array of objects", why);
    if (err != GEO_OK) {
        return GEO_INVALID;
    }
    if (schedule->count == GEO_WEEKLY_MAX) {
        return geo_why_set(why, GEO_TOO_BIG, "schedule.weekly has more than %d times",
                           GEO_WEEKLY_MAX);
    }
    uint8_t days = read_days(&members[0]);
    int from = read_clock(&members[1]);
    int to = read_clock(&members[2]);
    if (days == 0) {
        return geo_why_set(why, GEO_INVALID,
                           "schedule.weekly[%u].days must name days: mon tue wed thu fri sat sun",
                           (unsigned)schedule->count);
    }
    if (from < 0 || from >= GEO_DAY_MINUTES || to < 0) {
        return geo_why_set(why, GEO_INVALID,
                           "schedule.weekly[%u]: from and to must be times like 06:00",
                           (unsigned)schedule->count);
    }
    schedule->times[schedule->count++] =
        (geo_weekly_time){.days = days, .from_min = (uint16_t)from, .to_min = (uint16_t)to};
    return GEO_OK;
}

#define NO_ZONE "schedule needs a time zone \"tz\""

static geo_err read_schedule(const member *m, geo_feature *out, geo_why *why)
{
    member members[] = {{.name = "tz"}, {.name = "weekly"}};
    geo_json json = m->value;
    if (!m->found || geo_json_next(&json) == GEO_JSON_NULL) {
        return GEO_OK;
    }
    json = m->value;
    out->has_schedule = true;
    if (find_members(&json, members, 2, NO_ZONE, why) != GEO_OK) {
        return GEO_INVALID;
    }
    if (member_text(&members[0], out->schedule.tz, sizeof out->schedule.tz) != GEO_OK ||
        out->schedule.tz[0] == '\0') {
        return geo_why_set(why, GEO_INVALID, NO_ZONE);
    }
    json = members[1].value;
    if (!members[1].found || geo_json_next(&json) != GEO_JSON_ARRAY) {
        return geo_why_set(why, GEO_INVALID, "schedule needs an array \"weekly\"");
    }
    for (geo_json peek = json; geo_json_next(&peek) != GEO_JSON_ARRAY_END; peek = json) {
        geo_err err = read_weekly_time(json, &out->schedule, why);
        if (err != GEO_OK) {
            return err;
        }
        (void)geo_json_skip(&json);
    }
    return GEO_OK;
}

/* A number that may be absent, in hundredths where it may have places; `what` says what is wanted.
 */
static geo_err read_hundredths(const member *m, int64_t max, uint32_t *out, const char *what,
                               geo_why *why)
{
    int64_t value = 0;
    geo_err err = member_number(m, 2, 0, max, &value);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s must be a number from 0 to %lld %s", m->name,
                           (long long)(max / 100), what);
    }
    *out = (uint32_t)value;
    return GEO_OK;
}

/* The same, but for whole numbers: half a second of dwelling would round to none at all. */
static geo_err read_whole(const member *m, int64_t max, uint32_t *out, const char *what,
                          geo_why *why)
{
    int64_t thousandths = 0;
    geo_err err = member_number(m, 3, 0, max * 1000, &thousandths);
    if (err == GEO_OK && thousandths % 1000 != 0) {
        err = GEO_INVALID;
    }
    if (err != GEO_OK) {
        return geo_why_set(why, err, "%s must be a whole number from 0 to %lld %s", m->name,
                           (long long)max, what);
    }
    *out = (uint32_t)(thousandths / 1000);
    return GEO_OK;
}

static geo_err read_texts(const member *members, geo_feature *out, geo_why *why)
{
    geo_err err = member_text(&members[PROPERTY_NAME], out->name, sizeof out->name);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "name must be a text of at most %d bytes", GEO_FENCE_NAME_MAX);
    }
    err = member_bool(&members[PROPERTY_GEODESIC], &out->geodesic);
    return err == GEO_OK ? GEO_OK : geo_why_set(why, err, "geodesic must be true or false");
}

static geo_err read_rules(const member *members, geo_feature *out, geo_why *why)
{
    geo_err err = member_text(&members[PROPERTY_COLOR], out->color, sizeof out->color);
    if (err != GEO_OK) {
        return geo_why_set(why, err, "color must be a text of at most %d bytes",
                           GEO_FEATURE_COLOR_MAX);
    }
    err = read_intent(&members[PROPERTY_INTENT], out, why);
    err = err == GEO_OK ? read_groups(&members[PROPERTY_GROUPS], out, why) : err;
    err = err == GEO_OK
              ? read_whole(&members[PROPERTY_DWELL], GEO_DWELL_S_MAX, &out->dwell_s, "seconds", why)
              : err;
    err = err == GEO_OK ? read_hundredths(&members[PROPERTY_APPROACH], GEO_APPROACH_CM_MAX,
                                          &out->approach_cm, "metres", why)
                        : err;
    err = err == GEO_OK ? read_whole(&members[PROPERTY_CONFIRM], GEO_FENCE_CONFIRM_MAX,
                                     &out->confirm_fixes, "fixes", why)
                        : err;
    err = err == GEO_OK ? read_schedule(&members[PROPERTY_SCHEDULE], out, why) : err;
    return err == GEO_OK ? read_expiry(&members[PROPERTY_EXPIRES], out, why) : err;
}

geo_err read_properties(geo_json json, const geo_geojson_options *options, geo_feature *out,
                        member *radius, member *width, geo_why *why)
{
    member members[PROPERTY_COUNT] = {
        [PROPERTY_NAME] = {.name = "name"},
        [PROPERTY_RADIUS] = {.name = "radius_m"},
        [PROPERTY_WIDTH] = {.name = "width_m"},
        [PROPERTY_GEODESIC] = {.name = "geodesic"},
        [PROPERTY_INTENT] = {.name = "intent"},
        [PROPERTY_GROUPS] = {.name = "groups"},
        [PROPERTY_DWELL] = {.name = "dwell_s"},
        [PROPERTY_APPROACH] = {.name = "approach_m"},
        [PROPERTY_CONFIRM] = {.name = "confirm_fixes"},
        [PROPERTY_SCHEDULE] = {.name = "schedule"},
        [PROPERTY_EXPIRES] = {.name = "expires_at"},
        [PROPERTY_COLOR] = {.name = "color"},
    };
    geo_json peek = json;
    if (geo_json_next(&peek) == GEO_JSON_NULL) {
        return GEO_OK;
    }
    geo_err err = find_members(&json, members, PROPERTY_COUNT, "properties is not an object", why);
    if (err != GEO_OK) {
        return err;
    }
    *radius = members[PROPERTY_RADIUS];
    *width = members[PROPERTY_WIDTH];
    err = read_texts(members, out, why);
    return err != GEO_OK || options->geometry_only ? err : read_rules(members, out, why);
}
