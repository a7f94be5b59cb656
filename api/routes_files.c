/* api/routes_files.c - the dashboard's files and the background map's tiles. */
#include <string.h>

#include "assets.h"
#include "body.h"
#include "farm.h"
#include "routes.h"
#include "tiles.h"

_Static_assert(sizeof((api_answer *)0)->image_origin > FARM_ORIGIN_BYTES_MAX, "room for an origin");

/* Names that a build makes from the content ("app-3f9c21ab.js") never change what they hold. */
static bool is_immutable(const char *path)
{
    const char *dash = strrchr(path, '-');
    return dash != NULL && strspn(dash + 1, "0123456789abcdefABCDEF") >= 8;
}

void route_asset(api_context *context, const api_request *request, api_answer *answer)
{
    const api_asset *asset =
        context->assets != NULL ? api_assets_find(context->assets, request->path) : NULL;
    if (asset == NULL) {
        api_answer_error(answer, 404, "route.not_found", NULL,
                         context->assets == NULL && strcmp(request->path, "/") == 0
                             ? "the dashboard's files are not installed; the API is at /v1"
                             : "there is nothing at this address");
        return;
    }
    answer->status = 200;
    answer->content_type = asset->type;
    answer->cache_control =
        is_immutable(asset->path) ? "public, max-age=31536000, immutable" : "no-cache";
    memcpy(answer->etag, asset->etag, sizeof asset->etag);
    if (context->farm != NULL) {
        api_farm_map_origin(context->farm, answer->image_origin);
    }
    if (answer->image_origin[0] != 0) {
        /* Browsers keep the policy of the copy that they have when told that it is still good. */
        answer->etag[0] = 0;
    }
    answer->borrowed = asset->bytes;
    answer->borrowed_size = asset->size;
    if (asset->gzip != NULL && request->accepts_gzip) {
        answer->borrowed = asset->gzip;
        answer->borrowed_size = asset->gzip_size;
        answer->encoding = "gzip";
    }
}

/* A capture as a whole number; -1 if it is none. */
static int64_t capture_number(const char *text)
{
    int64_t number = 0;
    size_t size = strspn(text, "0123456789");
    if (size == 0 || size > 10 || (text[size] != 0 && text[size] != '.')) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

void route_tile(api_context *context, const api_request *request, api_answer *answer)
{
    if (context->tiles == NULL) {
        api_answer_error(answer, 404, "tiles.absent", NULL,
                         "no map file is configured; see --tiles");
        return;
    }
    bool is_gzip = false;
    hr_why why = {.text = ""};
    hr_err err = api_tiles_read(
        context->tiles, capture_number(request->captures[0]), capture_number(request->captures[1]),
        capture_number(request->captures[2]), &answer->body, &answer->content_type, &is_gzip, &why);
    if (err != HR_OK) {
        api_answer_failure(answer, err, "tiles", &why);
        return;
    }
    answer->status = 200;
    answer->cache_control = "private, max-age=86400";
    answer->encoding = is_gzip ? "gzip" : NULL;
}
