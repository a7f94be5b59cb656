/* api/tiles.h - map tiles out of an MBTiles file that the owner gives. */
#ifndef API_TILES_H
#define API_TILES_H

#include "base/buf.h"

/* Opaque. Threads: any (one reads at a time). */
typedef struct api_tiles api_tiles;

/* Open read-only. HR_NOT_FOUND: no such file. HR_INVALID: not an MBTiles file. */
HR_MUST_USE hr_err api_tiles_open(const char *path, api_tiles **out, hr_why *why);
void api_tiles_close(api_tiles *tiles);

/* Append the tile with x from the west and y from the NORTH, as web maps count. *type is static.
 * HR_NOT_FOUND: there is none. */
HR_MUST_USE hr_err api_tiles_read(api_tiles *tiles, int64_t z, int64_t x, int64_t y, hr_buf *out,
                                  const char **type, bool *is_gzip, hr_why *why);

#endif
