/* api/geo_answer.c - errors of geo/ as HTTP, ETags, areas out of bodies. */
#include "geo_answer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "catalog/change.h"
#include "field.h"
#include "geo/geojson.h"
#include "geo/geojson_fence.h"
#include "plain_area.h"

static int status_of(geo_err err)
{
    switch (err) {
    case GEO_OK:
        return 200;
    case GEO_TOO_BIG:
    case GEO_INVALID:
    case GEO_RANGE:
    case GEO_POLE:
    case GEO_SYNTAX:
        return 400;
    case GEO_NOT_FOUND:
        return 404;
    case GEO_EXISTS:
    case GEO_LOCKED:
        return 409;
    case GEO_GONE:
        return 410;
    case GEO_CONFLICT:
        return 412;
    case GEO_NO_SPACE:
        return 507;
    case GEO_NO_MEMORY:
        return 503;
    case GEO_IO:
    case GEO_CORRUPT:
    case GEO_TOO_NEW:
        break;
    }
    return 500;
}

static const char *code_of(geo_err err)
{
    switch (err) {
    case GEO_TOO_BIG:
        return "too_big";
    case GEO_INVALID:
    case GEO_RANGE:
    case GEO_POLE:
        return "invalid";
    case GEO_SYNTAX:
        return "syntax";
    case GEO_NOT_FOUND:
        return "not_found";
    case GEO_EXISTS:
        return "exists";
    case GEO_CONFLICT:
        return "conflict";
    case GEO_GONE:
        return "gone";
    case GEO_NO_SPACE:
        return "no_space";
    default:
        return "failed";
    }
}

/* Which of the invalid ones it is, where geo/ tells them apart. */
static const char *reason_of(geo_err err)
{
    switch (err) {
    case GEO_RANGE:
        return "fence.range";
    case GEO_POLE:
        return "fence.pole";
    default:
        return NULL;
    }
}

void api_answer_geo_failure(api_answer *answer, geo_err err, const char *what, const geo_why *why)
{
    char code[64];
    snprintf(code, sizeof code, "%s.%s", what, code_of(err));
    const char *text = why != NULL && why->text[0] != 0 ? why->text : geo_err_text(err);
    char field[API_FIELD_SIZE] = "";
    if (status_of(err) == 400 && !api_field_of(text, field) && err == GEO_POLE) {
        memcpy(field, "geometry", sizeof "geometry");
    }
    hr_why worded = {.text = ""};
    hr_why_set(&worded, HR_INVALID, "%s", text);
    if (reason_of(err) != NULL) {
        hr_why_reason(&worded, reason_of(err));
    }
    api_answer_why(answer, status_of(err), code, field[0] != 0 ? field : NULL, &worded);
}

bool api_has_catalog(const api_context *context, api_answer *answer)
{
    if (context->catalog == NULL) {
        api_answer_error(answer, 503, "catalog.absent", NULL, "the catalogue is not open yet");
        return false;
    }
    return true;
}

bool api_has_engine(const api_context *context, api_answer *answer)
{
    if (context->engine == NULL) {
        api_answer_error(answer, 503, "engine.absent", NULL, "the service is still starting");
        return false;
    }
    return true;
}

void api_answer_catalog(api_answer *answer, int status, geo_err err, const char *what,
                        catalog_text *text, const geo_why *why)
{
    if (err != GEO_OK) {
        api_answer_geo_failure(answer, err, what, why);
        return;
    }
    (void)api_answer_json(answer, status);
    hr_buf_put(&answer->body, text->data, text->size);
    if (text->revision != 0) {
        snprintf(answer->etag, sizeof answer->etag, "\"%llu\"", (unsigned long long)text->revision);
    }
    catalog_text_fini(text);
}

bool api_expected_revision(const api_request *request, uint64_t *expected, api_answer *answer)
{
    *expected = CATALOG_ANY;
    if (strcmp(request->if_none_match, "*") == 0) {
        *expected = CATALOG_NONE;
        return true;
    }
    const char *tag = request->if_match;
    if (strcmp(tag, "*") == 0) {
        *expected = CATALOG_SOME;
        return true;
    }
    if (tag[0] == 0) {
        return true;
    }
    char *end = NULL;
    unsigned long long revision = tag[0] == '"' ? strtoull(tag + 1, &end, 10) : 0;
    if (revision == 0 || end == NULL || strcmp(end, "\"") != 0) {
        api_answer_error(answer, 412, "etag.unknown", NULL,
                         "If-Match must be the ETag that was given with it");
        return false;
    }
    *expected = revision;
    return true;
}

geo_area *api_body_area(const api_request *request, api_answer *answer)
{
    const char *text = request->body != NULL ? request->body : "";
    geo_area *plain = plain_area_new(text, request->body_size);
    if (plain != NULL) {
        return plain;
    }
    geo_geojson reader;
    geo_why why = {.text = ""};
    geo_area *area = NULL;
    geo_feature *feature = malloc(sizeof *feature); /* filled by geo_geojson_next() */
    if (feature == NULL) {
        api_answer_geo_failure(answer, GEO_NO_MEMORY, "query", NULL);
        return NULL;
    }
    static const geo_geojson_options options = {.geometry_only = true};
    geo_err err = geo_geojson_open(text, request->body_size, &options, &reader, &why);
    if (err == GEO_OK) {
        err = geo_geojson_next(&reader, feature, &why);
        if (err == GEO_OK) {
            err = geo_feature_area(feature, &area, &why);
            geo_feature_fini(feature);
        } else if (err == GEO_NOT_FOUND) {
            err = geo_why_set(&why, GEO_SYNTAX, "there is no geometry in the body");
        }
    }
    free(feature);
    if (err != GEO_OK) {
        api_answer_geo_failure(answer, err, "query", &why);
        return NULL;
    }
    return area;
}

void api_as_of_write(hr_json *json, const engine_answer *found)
{
    static const char head[] = "{\"partition\":";
    static const char middle[] = ",\"offset\":";
    hr_buf *buf = json->buf;
    hr_json_key(json, "as_of");
    hr_json_open_array(json);
    for (uint32_t i = 0; i < found->partition_count; i++) {
        /* One piece of room for each, cut to what it takes: every pull query's answer has these. */
        size_t before = buf->size;
        char *room = (char *)hr_buf_extend(buf, sizeof head + sizeof middle + 1 +
                                                    (size_t)2 * HR_DECIMAL_TEXT_SIZE);
        if (room == NULL) {
            return;
        }
        char *at = room;
        *at = ',';
        at += i > 0;
        memcpy(at, head, sizeof head - 1);
        at += sizeof head - 1;
        at += hr_decimal_format(i, 0, at);
        memcpy(at, middle, sizeof middle - 1);
        at += sizeof middle - 1;
        at += hr_decimal_format(found->as_of[i], 0, at);
        *at++ = '}';
        buf->size = before + (size_t)(at - room);
    }
    hr_json_close_array(json);
}
