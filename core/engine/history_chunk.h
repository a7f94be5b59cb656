/* core/engine/history_chunk.h - up to 256 fixes of one device as few bytes: what history.db keeps.
 *
 * A chunk is u8 version, u32 CRC32C of all behind it, a varint count, one head for each of the
 * eight columns (time, lon, lat, accuracy, speed, heading, battery, flags), and then one stream of
 * bits with the columns' residuals, column by column. A column's head is a byte (bits 0-5: k; bits
 * 6-7: order) and one or two zigzag varints:
 *   order 0: v - least, where the varint is the least value;
 *   order 1: zigzag(v[i] - v[i-1]) from i = 1, where the varint is v[0];
 *   order 2: zigzag(v[i] - 2 v[i-1] + v[i-2]) from i = 2; the varints are v[0] and v[1] - v[0].
 * A residual is Rice coded: its bits above k in unary (at most 23, then a zero), its k lowest bits;
 * or 24 ones, 6 bits that say width - 1, and that many bits. k = 63: all residuals are zero, and
 * none is stored. Differences wrap at 64 bits, so every fix comes back as it was. */
#ifndef ENGINE_HISTORY_CHUNK_H
#define ENGINE_HISTORY_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"

#define HISTORY_CHUNK_FIXES_MAX 256
#define HISTORY_CHUNK_BYTES_MAX (32u << 10) /* no 256 fixes need more */

/* Write count fixes (1 to HISTORY_CHUNK_FIXES_MAX), in their order; their device is not written.
 * Returns how many bytes. */
size_t history_chunk_write(const hr_fix *fixes, uint32_t count,
                           uint8_t out[HISTORY_CHUNK_BYTES_MAX]);

/* Read a chunk back; every fix gets that device. HR_CORRUPT: not a chunk, or damaged. HR_TOO_NEW:
 * of a newer version. */
HR_MUST_USE hr_err history_chunk_read(const uint8_t *bytes, size_t size, uint64_t device,
                                      hr_fix fixes[HISTORY_CHUNK_FIXES_MAX], uint32_t *count);

#endif
