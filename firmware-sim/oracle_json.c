/* oracle_json.c - reads texts, numbers, times and places out of JSON. */
#include "oracle_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const char *oracle_json_text(const cJSON *json, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return value != NULL ? value : "";
}

void oracle_json_copy(const cJSON *json, const char *key, char *to, size_t size)
{
    snprintf(to, size, "%s", oracle_json_text(json, key));
}

int64_t oracle_json_whole(const cJSON *json, const char *key, int64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

double oracle_json_number(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

int64_t oracle_json_duration_ms(const cJSON *json, const char *key)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    char *end = NULL;
    long long count = strtoll(oracle_json_text(json, key), &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    return count > 0 && unit != NULL && end[1] == '\0' ? count * unit_ms[unit - units] : 0;
}

static bool scaled(const cJSON *json, const char *key, unsigned scale, int64_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return cJSON_IsNumber(item) && hr_decimal_from_double(item->valuedouble, scale, value) == HR_OK;
}

uint16_t oracle_json_detail(const cJSON *json, const char *key, unsigned scale, uint16_t unknown)
{
    int64_t value;
    return scaled(json, key, scale, &value) ? (uint16_t)value : unknown;
}

uint64_t oracle_json_key(const cJSON *json)
{
    return strtoull(oracle_json_text(json, "device_key"), NULL, 16);
}

bool oracle_json_time(const cJSON *json, const char *key, int64_t *time_ms)
{
    const char *text = oracle_json_text(json, key);
    return hr_time_parse(text, strlen(text), time_ms) == HR_OK;
}

bool oracle_json_place(const cJSON *json, oracle_place *place)
{
    int64_t lon_e7, lat_e7;
    if (!scaled(json, "lon", 7, &lon_e7) || !scaled(json, "lat", 7, &lat_e7)) {
        return false;
    }
    *place = (oracle_place){(int32_t)lon_e7, (int32_t)lat_e7};
    return true;
}
