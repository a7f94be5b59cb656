/* api/assets.h - the dashboard's files, read into memory once, so that no request names a file. */
#ifndef API_ASSETS_H
#define API_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define API_ASSETS_MAX 512               /* further files are left out, with a log line */
#define API_ASSETS_BYTES_MAX (32u << 20) /* of all together; likewise */
#define API_ASSET_PATH_MAX 200

/* One file. */
typedef struct api_asset {
    char path[API_ASSET_PATH_MAX]; /* "/app.js" */
    const char *type;
    char etag[24];
    uint8_t *bytes;
    size_t size;
    uint8_t *gzip; /* the file beside it that ends in .gz; NULL if there is none */
    size_t gzip_size;
} api_asset;

/* Opaque. Threads: read by any once loaded. */
typedef struct api_assets api_assets;

/* Read a folder and what is in it. *out is freed with api_assets_free.
 * HR_NOT_FOUND: there is no such folder. */
HR_MUST_USE hr_err api_assets_load(const char *folder, api_assets **out, hr_why *why);
void api_assets_free(api_assets *assets);

/* "/" finds /index.html. NULL: there is none. Valid until freed. */
const api_asset *api_assets_find(const api_assets *assets, const char *path);

#endif
