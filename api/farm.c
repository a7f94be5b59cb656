/* api/farm.c - one document in the catalogue, and a copy of it in memory. */
#include "farm.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/change.h"
#include "catalog/document.h"

#define KIND "farm"
#define NAME "farm"
#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

struct api_farm {
    catalog *catalog;
    pthread_mutex_t change_lock; /* held while a change is stored; taken before lock */
    pthread_mutex_t lock;        /* held for looking at memory only */
    farm_facts facts;            /* protected by lock */
};

/* The length of "https://host:port" at the beginning of an address; 0: it does not begin so.
 * The origin becomes part of a header, so it holds nothing that a header could take amiss. */
static size_t origin_size(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t host = scheme == 0 ? 0 : strspn(url + scheme, HOST_CHARACTERS);
    size_t size = scheme + host;
    if (host > 0 && url[size] == ':') {
        size_t port = strspn(url + size + 1, "0123456789");
        size += port > 0 && port <= 5 ? port + 1 : 0;
    }
    return host > 0 && size <= FARM_ORIGIN_BYTES_MAX && url[size] == '/' ? size : 0;
}

static bool is_tile_address(const char *url)
{
    for (const char *at = url; *at != 0; at++) {
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\') {
            return false;
        }
    }
    return origin_size(url) > 0 && strstr(url, "{z}") != NULL && strstr(url, "{x}") != NULL &&
           strstr(url, "{y}") != NULL;
}

static void read_text(const cJSON *object, const char *name, char *text, size_t size)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    snprintf(text, size, "%s", cJSON_IsString(member) ? member->valuestring : "");
}

static hr_err load(api_farm *farm, hr_why *why)
{
    catalog_text text;
    geo_why geo = {.text = ""};
    geo_err err = catalog_document_get(farm->catalog, KIND, NAME, &text, &geo);
    if (err == GEO_NOT_FOUND) {
        return HR_OK;
    }
    if (err != GEO_OK) {
        return hr_why_set(why, HR_IO, "the farm's name cannot be read: %s", geo.text);
    }
    cJSON *object = cJSON_ParseWithLength(text.data, text.size);
    read_text(object, "name", farm->facts.name, sizeof farm->facts.name);
    read_text(object, "map_url", farm->facts.map_url, sizeof farm->facts.map_url);
    read_text(object, "map_attribution", farm->facts.map_attribution,
              sizeof farm->facts.map_attribution);
    cJSON_Delete(object);
    catalog_text_fini(&text);
    return HR_OK;
}

hr_err api_farm_open(catalog *catalog, api_farm **out, hr_why *why)
{
    api_farm *farm = calloc(1, sizeof *farm);
    if (farm == NULL) {
        return HR_NO_MEMORY;
    }
    farm->catalog = catalog;
    pthread_mutex_init(&farm->change_lock, NULL);
    pthread_mutex_init(&farm->lock, NULL);
    hr_err err = load(farm, why);
    if (err != HR_OK) {
        api_farm_close(farm);
        return err;
    }
    *out = farm;
    return HR_OK;
}

void api_farm_close(api_farm *farm)
{
    if (farm != NULL) {
        pthread_mutex_destroy(&farm->lock);
        pthread_mutex_destroy(&farm->change_lock);
        free(farm);
    }
}

void api_farm_get(api_farm *farm, farm_facts *out)
{
    pthread_mutex_lock(&farm->lock);
    *out = farm->facts;
    pthread_mutex_unlock(&farm->lock);
}

static geo_err put_document(catalog *catalog, const farm_facts *facts, geo_why *geo)
{
    hr_buf text;
    hr_buf_init(&text, CATALOG_DOCUMENT_BYTES_MAX);
    hr_json json = hr_json_into(&text);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "name", facts->name);
    hr_json_key_text(&json, "map_url", facts->map_url);
    hr_json_key_text(&json, "map_attribution", facts->map_attribution);
    hr_json_close_object(&json);
    geo_err err = hr_buf_err(&text) != HR_OK
                      ? GEO_NO_MEMORY
                      : catalog_document_put(catalog, KIND, NAME, (const char *)text.data,
                                             text.size, CATALOG_ANY, NULL, geo);
    hr_buf_fini(&text);
    return err;
}

hr_err api_farm_put(api_farm *farm, const farm_facts *facts, hr_why *why)
{
    geo_why geo = {.text = ""};
    if (facts->map_url[0] != 0 && !is_tile_address(facts->map_url)) {
        return hr_why_set(why, HR_INVALID,
                          "the map's address must look like https://host/{z}/{x}/{y}.png");
    }
    /* One at a time, so that what is in memory is what was stored last. */
    pthread_mutex_lock(&farm->change_lock);
    geo_err err = put_document(farm->catalog, facts, &geo);
    if (err == GEO_OK) {
        pthread_mutex_lock(&farm->lock);
        farm->facts = *facts;
        pthread_mutex_unlock(&farm->lock);
    }
    pthread_mutex_unlock(&farm->change_lock);
    return err == GEO_OK ? HR_OK : hr_why_set(why, HR_IO, "%s", geo.text);
}

void api_farm_map_origin(api_farm *farm, char origin[FARM_ORIGIN_BYTES_MAX + 1])
{
    pthread_mutex_lock(&farm->lock);
    size_t size = origin_size(farm->facts.map_url);
    memcpy(origin, farm->facts.map_url, size);
    pthread_mutex_unlock(&farm->lock);
    origin[size] = 0;
}
