/* api/assets.c - walks the folder once and sorts what it finds. */
#include "assets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/logline.h"

#define FOLDER_DEPTH_MAX 6

struct api_assets {
    size_t count;
    size_t bytes;
    api_asset assets[API_ASSETS_MAX];
};

static const char *type_of(const char *path)
{
    static const struct {
        const char *end;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".geojson", "application/geo+json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".map", "application/json"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i].end) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static hr_err read_file(const char *path, size_t size, uint8_t **out)
{
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = file != NULL ? malloc(size + 1) : NULL;
    hr_err err = file == NULL ? HR_IO : bytes == NULL ? HR_NO_MEMORY : HR_OK;
    if (err == HR_OK && fread(bytes, 1, size, file) != size) {
        err = HR_IO;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (err != HR_OK) {
        free(bytes);
        return err;
    }
    *out = bytes;
    return HR_OK;
}

static hr_err add_file(api_assets *assets, const char *file, const char *path, size_t size)
{
    if (assets->count >= API_ASSETS_MAX || strlen(path) >= API_ASSET_PATH_MAX ||
        size > API_ASSETS_BYTES_MAX - assets->bytes) {
        hr_logline(HR_LEVEL_WARN, "assets.left_out", "path=%s bytes=%zu", path, size);
        return HR_OK;
    }
    api_asset *asset = &assets->assets[assets->count];
    *asset = (api_asset){.type = type_of(path), .size = size};
    memcpy(asset->path, path, strlen(path) + 1);
    hr_err err = read_file(file, size, &asset->bytes);
    if (err == HR_OK) {
        snprintf(asset->etag, sizeof asset->etag, "\"%016llx\"",
                 (unsigned long long)hr_hash64(asset->bytes, size));
        assets->bytes += size;
        assets->count++;
    }
    return err;
}

static hr_err walk(api_assets *assets, const char *folder, const char *prefix, int depth)
{
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        return HR_NOT_FOUND;
    }
    hr_err err = HR_OK;
    errno = 0; /* what readdir() does not set when it has come to the end */
    for (struct dirent *entry; err == HR_OK && (entry = readdir(listing)) != NULL; errno = 0) {
        char file[4096];
        char path[512];
        struct stat info;
        if (entry->d_name[0] == '.') {
            continue;
        }
        int file_size = snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
        int path_size = snprintf(path, sizeof path, "%s/%s", prefix, entry->d_name);
        if (file_size >= (int)sizeof file || path_size >= (int)sizeof path ||
            stat(file, &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode) && depth < FOLDER_DEPTH_MAX) {
            err = walk(assets, file, path, depth + 1);
        } else if (S_ISREG(info.st_mode)) {
            err = add_file(assets, file, path, (size_t)info.st_size);
        }
    }
    if (err == HR_OK && errno != 0) {
        err = HR_IO;
    }
    closedir(listing);
    return err;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const api_asset *)a)->path, ((const api_asset *)b)->path);
}

static api_asset *find_exact(const api_assets *assets, const char *path)
{
    api_asset key;
    size_t size = strlen(path);
    if (size >= sizeof key.path) {
        return NULL;
    }
    memcpy(key.path, path, size + 1);
    return bsearch(&key, assets->assets, assets->count, sizeof key, compare);
}

/* Each "x.gz" becomes the packed form of "x". */
static void pair_packed(api_assets *assets)
{
    for (size_t i = 0; i < assets->count; i++) {
        api_asset *packed = &assets->assets[i];
        size_t size = strlen(packed->path);
        if (size < 4 || strcmp(packed->path + size - 3, ".gz") != 0) {
            continue;
        }
        char plain[API_ASSET_PATH_MAX];
        memcpy(plain, packed->path, size - 3);
        plain[size - 3] = 0;
        api_asset *asset = find_exact(assets, plain);
        if (asset != NULL && asset->gzip == NULL) {
            asset->gzip = packed->bytes;
            asset->gzip_size = packed->size;
        }
    }
}

hr_err api_assets_load(const char *folder, api_assets **out, hr_why *why)
{
    api_assets *assets = calloc(1, sizeof *assets);
    if (assets == NULL) {
        return HR_NO_MEMORY;
    }
    hr_err err = walk(assets, folder, "", 0);
    if (err != HR_OK) {
        api_assets_free(assets);
        return hr_why_set(why, err, "cannot read the dashboard's files in %s", folder);
    }
    qsort(assets->assets, assets->count, sizeof assets->assets[0], compare);
    pair_packed(assets);
    *out = assets;
    return HR_OK;
}

void api_assets_free(api_assets *assets)
{
    if (assets == NULL) {
        return;
    }
    for (size_t i = 0; i < assets->count; i++) {
        free(assets->assets[i].bytes);
    }
    free(assets);
}

const api_asset *api_assets_find(const api_assets *assets, const char *path)
{
    return find_exact(assets, strcmp(path, "/") == 0 ? "/index.html" : path);
}
