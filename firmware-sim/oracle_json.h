/* oracle_json.h - members of the service's answers. */
#ifndef SIM_ORACLE_JSON_H
#define SIM_ORACLE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oracle_area.h"

/* "" where there is no such text. Borrowed. */
const char *oracle_json_text(const cJSON *json, const char *key);

/* At most size bytes of it with the terminator. */
void oracle_json_copy(const cJSON *json, const char *key, char *to, size_t size);

int64_t oracle_json_whole(const cJSON *json, const char *key, int64_t otherwise);

/* NaN where there is no such number. */
double oracle_json_number(const cJSON *json, const char *key);

/* "10s", "5m", "1h", "2d"; 0: none of these. */
int64_t oracle_json_duration_ms(const cJSON *json, const char *key);

/* A number in units of 10^-scale, as it is stored where unknown is all ones. */
uint16_t oracle_json_detail(const cJSON *json, const char *key, unsigned scale, uint16_t unknown);

/* A device's key, in hexadecimal. */
uint64_t oracle_json_key(const cJSON *json);

/* False where it is not there or not readable: then *out is not set. */
bool oracle_json_time(const cJSON *json, const char *key, int64_t *time_ms);
bool oracle_json_place(const cJSON *json, oracle_place *place);

#endif
