/* api/tiles.c - one prepared statement on the MBTiles file. */
#include "tiles.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZOOM_MAX 30

struct api_tiles {
    pthread_mutex_t lock;
    sqlite3 *db;          /* protected by lock */
    sqlite3_stmt *select; /* protected by lock */
};

hr_err api_tiles_open(const char *path, api_tiles **out, hr_why *why)
{
    if (access(path, R_OK) != 0) {
        return hr_why_set(why, HR_NOT_FOUND, "cannot read the map file %s", path);
    }
    api_tiles *tiles = calloc(1, sizeof *tiles);
    if (tiles == NULL) {
        return HR_NO_MEMORY;
    }
    pthread_mutex_init(&tiles->lock, NULL);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &tiles->db, flags, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(tiles->db,
                           "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? "
                           "AND tile_row = ?",
                           -1, &tiles->select, NULL) != SQLITE_OK) {
        hr_err err = hr_why_set(why, HR_INVALID, "%s is not an MBTiles file: %s", path,
                                sqlite3_errmsg(tiles->db));
        api_tiles_close(tiles);
        return err;
    }
    *out = tiles;
    return HR_OK;
}

void api_tiles_close(api_tiles *tiles)
{
    if (tiles == NULL) {
        return;
    }
    sqlite3_finalize(tiles->select);
    sqlite3_close(tiles->db);
    pthread_mutex_destroy(&tiles->lock);
    free(tiles);
}

static const char *type_of(const uint8_t *bytes, size_t size, bool *is_gzip)
{
    *is_gzip = false;
    if (size > 4 && memcmp(bytes, "\x89PNG", 4) == 0) {
        return "image/png";
    }
    if (size > 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) {
        return "image/jpeg";
    }
    if (size > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) {
        return "image/webp";
    }
    *is_gzip = size > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    return "application/vnd.mapbox-vector-tile";
}

hr_err api_tiles_read(api_tiles *tiles, int64_t z, int64_t x, int64_t y, hr_buf *out,
                      const char **type, bool *is_gzip, hr_why *why)
{
    if (z < 0 || z > ZOOM_MAX || x < 0 || y < 0 || x >= INT64_C(1) << z || y >= INT64_C(1) << z) {
        return hr_why_set(why, HR_NOT_FOUND, "there is no such tile");
    }
    pthread_mutex_lock(&tiles->lock);
    sqlite3_bind_int64(tiles->select, 1, z);
    sqlite3_bind_int64(tiles->select, 2, x);
    sqlite3_bind_int64(tiles->select, 3, (INT64_C(1) << z) - 1 - y); /* MBTiles counts from south */
    int result = sqlite3_step(tiles->select);
    hr_err err = HR_OK;
    if (result == SQLITE_ROW && sqlite3_column_blob(tiles->select, 0) != NULL) {
        const uint8_t *bytes = sqlite3_column_blob(tiles->select, 0);
        size_t size = (size_t)sqlite3_column_bytes(tiles->select, 0);
        *type = type_of(bytes, size, is_gzip);
        hr_buf_put(out, bytes, size);
    } else if (result == SQLITE_ROW || result == SQLITE_DONE) {
        err = hr_why_set(why, HR_NOT_FOUND, "there is no such tile");
    } else {
        err = hr_why_set(why, HR_IO, "the map file cannot be read: %s", sqlite3_errmsg(tiles->db));
    }
    sqlite3_reset(tiles->select);
    pthread_mutex_unlock(&tiles->lock);
    return err;
}
