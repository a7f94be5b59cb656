/* oracle_service.c - reads the log page by page and lets each partition live through it. */
#include "oracle_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "http.h"
#include "oracle_json.h"

#define PAGE_RECORDS 10000
#define OK 200
#define NAMES_SLOTS_MIN 1024u

typedef struct name {
    uint64_t key;
    char id[HR_DEVICE_ID_MAX + 1];
} name;

struct oracle_service {
    sim_http *http;
    hr_buf answer;
    uint32_t partition_count;
    int64_t ends[HR_PARTITIONS_MAX];
    oracle_rules **rules; /* every version that was asked for */
    uint32_t rules_count;
    char (*slots)[HR_FENCE_ID_MAX + 1]; /* the fence of each slot */
    uint32_t slot_count;
    name *names; /* open addressing; id "" is free */
    uint32_t name_count;
    uint32_t name_capacity;
    oracle_readings readings;
    char unnamed[24];
};

hr_err oracle_fixes_add(oracle_fixes *fixes, const oracle_fix *fix)
{
    if (fixes->count == fixes->capacity) {
        size_t capacity = fixes->capacity > 0 ? fixes->capacity * 2 : 4096;
        oracle_fix *all = realloc(fixes->all, capacity * sizeof *all);
        if (all == NULL) {
            return HR_NO_MEMORY;
        }
        fixes->all = all;
        fixes->capacity = capacity;
    }
    fixes->all[fixes->count++] = *fix;
    return HR_OK;
}

hr_err oracle_service_open(const char *address, const char *token, oracle_service **out,
                           hr_why *why)
{
    oracle_service *s = calloc(1, sizeof *s);
    if (s != NULL) {
        hr_buf_init(&s->answer, SIM_HTTP_ANSWER_BYTES_MAX);
        s->http = sim_http_new(address, token);
    }
    if (s == NULL || s->http == NULL) {
        oracle_service_close(s);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    *out = s;
    return HR_OK;
}

void oracle_service_close(oracle_service *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->rules_count; i++) {
        oracle_rules_free(s->rules[i]);
    }
    free(s->rules);
    free(s->slots);
    free(s->names);
    free(s->readings.all);
    hr_buf_fini(&s->answer);
    sim_http_free(s->http);
    free(s);
}

cJSON *oracle_service_ask(oracle_service *s, const char *path, hr_why *why)
{
    long status = 0;
    if (sim_http_ask(s->http, "GET", path, NULL, &s->answer, &status, why) != HR_OK) {
        return NULL;
    }
    cJSON *json =
        status == OK ? cJSON_ParseWithLength((const char *)s->answer.data, s->answer.size) : NULL;
    if (json == NULL) {
        hr_why_set(why, HR_IO, "%s: status %ld, %zu bytes", path, status, s->answer.size);
    }
    return json;
}

/* ---- names ---- */

static name *find_name(const oracle_service *s, uint64_t key)
{
    uint32_t at = (uint32_t)key & (s->name_capacity - 1);
    while (s->names[at].id[0] != '\0' && s->names[at].key != key) {
        at = (at + 1) & (s->name_capacity - 1);
    }
    return &s->names[at];
}

static hr_err grow_names(oracle_service *s)
{
    if (s->name_count * 2 < s->name_capacity) {
        return HR_OK;
    }
    oracle_service bigger = *s;
    bigger.name_capacity = s->name_capacity > 0 ? s->name_capacity * 2 : NAMES_SLOTS_MIN;
    bigger.names = calloc(bigger.name_capacity, sizeof *bigger.names);
    if (bigger.names == NULL) {
        return HR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < s->name_capacity; i++) {
        if (s->names[i].id[0] != '\0') {
            *find_name(&bigger, s->names[i].key) = s->names[i];
        }
    }
    free(s->names);
    s->names = bigger.names;
    s->name_capacity = bigger.name_capacity;
    return HR_OK;
}

static hr_err keep_name(oracle_service *s, uint64_t key, const char *id)
{
    hr_err err = grow_names(s);
    if (err != HR_OK || id[0] == '\0') {
        return err;
    }
    name *n = find_name(s, key);
    s->name_count += n->id[0] == '\0';
    n->key = key;
    snprintf(n->id, sizeof n->id, "%s", id);
    return HR_OK;
}

const char *oracle_service_name(void *service, uint64_t device)
{
    oracle_service *s = service;
    if (s->name_capacity > 0 && find_name(s, device)->id[0] != '\0') {
        return find_name(s, device)->id;
    }
    snprintf(s->unnamed, sizeof s->unnamed, "%016" PRIx64, device);
    return s->unnamed;
}

/* ---- rules ---- */

static uint32_t slot_of(void *context, const char *id)
{
    oracle_service *s = context;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (strcmp(s->slots[i], id) == 0) {
            return i;
        }
    }
    void *slots = realloc(s->slots, (s->slot_count + 1) * sizeof *s->slots);
    if (slots == NULL) {
        abort(); /* a checker without memory for a name has nothing to say */
    }
    s->slots = slots;
    snprintf(s->slots[s->slot_count], sizeof s->slots[0], "%s", id);
    return s->slot_count++;
}

static hr_err find_rules(oracle_service *s, uint64_t version, oracle_rules **out, hr_why *why)
{
    for (uint32_t i = 0; i < s->rules_count; i++) {
        if (s->rules[i]->version == version) {
            *out = s->rules[i];
            return HR_OK;
        }
    }
    char path[64];
    snprintf(path, sizeof path, "/v1/rules/%" PRIu64, version);
    cJSON *json = oracle_service_ask(s, path, why);
    if (json == NULL) {
        return HR_IO;
    }
    hr_err err = oracle_rules_read(json, slot_of, s, out, why);
    cJSON_Delete(json);
    void *rules =
        err == HR_OK ? realloc(s->rules, (s->rules_count + 1) * sizeof(oracle_rules *)) : NULL;
    if (err == HR_OK && rules == NULL) {
        oracle_rules_free(*out);
        err = HR_NO_MEMORY;
    }
    if (err == HR_OK) {
        s->rules = rules;
        s->rules[s->rules_count++] = *out;
    }
    return err;
}

/* ---- records ---- */

static hr_err keep_reading(oracle_readings *readings, const oracle_reading *reading)
{
    if (readings->count == readings->capacity) {
        size_t capacity = readings->capacity > 0 ? readings->capacity * 2 : 4096;
        oracle_reading *all = realloc(readings->all, capacity * sizeof *all);
        if (all == NULL) {
            return HR_NO_MEMORY;
        }
        readings->all = all;
        readings->capacity = capacity;
    }
    readings->all[readings->count++] = *reading;
    return HR_OK;
}

static hr_err take_fix(oracle_service *s, oracle_partition *p, const oracle_source *source,
                       const cJSON *json, oracle_fixes *fixes)
{
    oracle_place place;
    oracle_fix kept = {.order = fixes->count};
    hr_fix *fix = &kept.fix;
    fix->device = oracle_json_key(json);
    fix->accuracy_dm = oracle_json_detail(json, "accuracy_m", 1, HR_FIX_U16_UNKNOWN);
    fix->speed_cm_s = oracle_json_detail(json, "speed_mps", 2, HR_FIX_U16_UNKNOWN);
    fix->heading_cdeg = oracle_json_detail(json, "heading_deg", 2, HR_FIX_U16_UNKNOWN);
    fix->battery_pct = (uint8_t)oracle_json_detail(json, "battery_pct", 0, HR_FIX_U8_UNKNOWN);
    if (!oracle_json_time(json, "time", &fix->time_ms) || !oracle_json_place(json, &place)) {
        return HR_INVALID;
    }
    fix->lon_e7 = place.lon_e7;
    fix->lat_e7 = place.lat_e7;
    oracle_reading reading = {.fix = *fix, .append_ms = source->append_ms};
    hr_err err = oracle_fixes_add(fixes, &kept);
    if (err == HR_OK && oracle_is_news(p, fix, &reading.rules)) {
        err = keep_reading(&s->readings, &reading);
    }
    return err == HR_OK ? oracle_take_fix(p, source, fix) : err;
}

static hr_err take_record(oracle_service *s, oracle_partition *p, const oracle_source *source,
                          const cJSON *json, oracle_fixes *fixes, hr_why *why)
{
    const char *type = oracle_json_text(json, "type");
    if (strcmp(type, "fix") == 0) {
        return take_fix(s, p, source, json, fixes);
    }
    if (strcmp(type, "tick") == 0) {
        int64_t ms = oracle_json_whole(json, "ms", -1);
        return ms >= 0 ? oracle_take_tick(p, source, ms) : HR_INVALID;
    }
    if (strcmp(type, "name") == 0) {
        return keep_name(s, oracle_json_key(json), oracle_json_text(json, "device"));
    }
    if (strcmp(type, "rules") == 0) {
        oracle_rules *rules = NULL;
        uint64_t version = (uint64_t)oracle_json_whole(json, "version", 0);
        hr_err err = find_rules(s, version, &rules, why);
        return err == HR_OK ? oracle_take_rules(p, source, rules) : err;
    }
    return HR_OK;
}

/* A page of records from *offset on. */
static hr_err take_page(oracle_service *s, oracle_partition *p, uint32_t partition, int64_t *offset,
                        oracle_fixes *fixes, hr_why *why)
{
    char path[96];
    snprintf(path, sizeof path, "/v1/log/positions/%u?offset=%" PRId64 "&limit=%d", partition,
             *offset, PAGE_RECORDS);
    cJSON *page = oracle_service_ask(s, path, why);
    if (page == NULL) {
        return HR_IO;
    }
    hr_err err = HR_OK;
    const cJSON *record;
    cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(page, "records"))
    {
        oracle_source source = {.partition = partition,
                                .offset = oracle_json_whole(record, "offset", -1),
                                .append_ms = oracle_json_whole(record, "append_ms", -1)};
        if (source.offset < 0 || source.append_ms < 0) {
            err = HR_INVALID;
        } else if (source.offset != *offset) {
            err = hr_why_set(why, HR_GONE, "partition %u lacks offsets from %" PRId64 " on",
                             partition, *offset);
        } else if (source.offset < s->ends[partition]) {
            err = take_record(s, p, &source, record, fixes, why);
        }
        if (err != HR_OK) {
            break;
        }
        ++*offset;
    }
    if (err == HR_OK &&
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(page, "records")) == 0) {
        err = hr_why_set(why, HR_GONE, "partition %u ends before its end", partition);
    }
    cJSON_Delete(page);
    return err;
}

static hr_err read_ends(oracle_service *s, hr_why *why)
{
    cJSON *json = oracle_service_ask(s, "/v1/log", why);
    const cJSON *topic, *partition;
    s->partition_count = 0;
    cJSON_ArrayForEach(topic, cJSON_GetObjectItemCaseSensitive(json, "topics"))
    {
        if (strcmp(oracle_json_text(topic, "topic"), "positions") != 0) {
            continue;
        }
        cJSON_ArrayForEach(partition, cJSON_GetObjectItemCaseSensitive(topic, "partitions"))
        {
            if (s->partition_count < HR_PARTITIONS_MAX) {
                s->ends[s->partition_count++] = oracle_json_whole(partition, "end", 0);
            }
        }
    }
    bool is_there = json != NULL;
    cJSON_Delete(json);
    return is_there ? HR_OK : HR_IO;
}

hr_err oracle_service_read(oracle_service *s, oracle_fixes *fixes, oracle_events *events,
                           hr_why *why)
{
    hr_err err = read_ends(s, why);
    for (uint32_t i = 0; err == HR_OK && i < s->partition_count; i++) {
        oracle_partition *p = oracle_partition_new(events, oracle_service_name, s);
        err = p != NULL ? HR_OK : hr_why_set(why, HR_NO_MEMORY, "out of memory");
        int64_t offset = 0;
        while (err == HR_OK && offset < s->ends[i]) {
            err = take_page(s, p, i, &offset, fixes, why);
        }
        oracle_partition_free(p);
    }
    if (err != HR_OK && why->text[0] == '\0') {
        hr_why_set(why, err, "reading the log: %s", hr_err_text(err));
    }
    return err;
}

const oracle_readings *oracle_service_readings(const oracle_service *s)
{
    return &s->readings;
}

/* ---- events ---- */

hr_err oracle_service_events(oracle_service *s, oracle_events *events, hr_why *why)
{
    int64_t offset = 0, end = 1;
    while (offset < end) {
        char path[96];
        snprintf(path, sizeof path, "/v1/log/events/0?offset=%" PRId64 "&limit=%d", offset,
                 PAGE_RECORDS);
        cJSON *page = oracle_service_ask(s, path, why);
        if (page == NULL) {
            return HR_IO;
        }
        const cJSON *record;
        hr_err err = HR_OK;
        cJSON_ArrayForEach(record, cJSON_GetObjectItemCaseSensitive(page, "records"))
        {
            oracle_event event;
            const cJSON *told = cJSON_GetObjectItemCaseSensitive(record, "event");
            bool is_ours = told != NULL && oracle_event_read(told, &event) &&
                           event.partition < s->partition_count &&
                           event.offset < s->ends[event.partition];
            if (is_ours && oracle_events_add(events, &event) != HR_OK) {
                err = hr_why_set(why, HR_NO_MEMORY, "out of memory");
            }
        }
        int64_t before = offset;
        offset = oracle_json_whole(page, "next", offset);
        end = oracle_json_whole(page, "end", end);
        cJSON_Delete(page);
        if (err != HR_OK || offset <= before) {
            return err;
        }
    }
    return HR_OK;
}
