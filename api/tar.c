/* api/tar.c - the 512-byte blocks of a ustar file. */
#include "tar.h"

#include <inttypes.h>
#include <string.h>

#include "base/crc32c.h"

#define BLOCK 512
#define OCTAL_SIZE_MAX ((uint64_t)1 << 33) /* what eleven octal digits hold */

/* Where a header's fields stand. */
enum {
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_TIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    SIZE_DIGITS = 12,
    SUM_DIGITS = 8,
};

void tar_init(tar *t, FILE *file)
{
    *t = (tar){.file = file};
    hr_buf_init(&t->manifest, TAR_MANIFEST_BYTES_MAX);
}

void tar_fini(tar *t)
{
    hr_buf_fini(&t->manifest);
}

/* The sum of all bytes, those of the sum itself taken as blanks. */
static uint32_t header_sum(const uint8_t header[BLOCK])
{
    uint32_t sum = SUM_DIGITS * ' ';
    for (int i = 0; i < BLOCK; i++) {
        sum += i >= AT_SUM && i < AT_SUM + SUM_DIGITS ? 0 : header[i];
    }
    return sum;
}

/* Octal text; sizes that it cannot hold are eight bytes, as GNU tar has them. */
static void put_size(uint8_t *to, uint64_t size)
{
    if (size < OCTAL_SIZE_MAX) {
        snprintf((char *)to, SIZE_DIGITS, "%011" PRIo64, size);
        return;
    }
    memset(to, 0, SIZE_DIGITS);
    to[0] = 0x80;
    for (int i = 0; i < 8; i++) {
        to[SIZE_DIGITS - 1 - i] = (uint8_t)(size >> (8 * i));
    }
}

static bool get_octal(const uint8_t *from, size_t digits, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < digits && from[i] != 0 && from[i] != ' '; i++) {
        if (from[i] < '0' || from[i] > '7') {
            return false;
        }
        *value = *value * 8 + (uint64_t)(from[i] - '0');
    }
    return true;
}

static bool get_size(const uint8_t *from, uint64_t *size)
{
    if (from[0] != 0x80) {
        return get_octal(from, SIZE_DIGITS - 1, size);
    }
    *size = 0;
    for (int i = 4; i < SIZE_DIGITS; i++) {
        *size = *size << 8 | from[i];
    }
    return *size < UINT64_MAX / 2;
}

static hr_err write_bytes(tar *t, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, t->file) == size ? HR_OK : HR_IO;
}

static size_t padding_of(uint64_t size)
{
    return (size_t)((BLOCK - size % BLOCK) % BLOCK);
}

/* Behind the last byte of a member: zeros up to the block, and its line in the manifest. */
static hr_err complete_member(tar *t)
{
    static const uint8_t zeros[BLOCK];
    hr_buf_printf(&t->manifest, "%08" PRIx32 " %" PRIu64 " %s\n", t->crc, t->size, t->name);
    hr_err err = write_bytes(t, zeros, padding_of(t->size));
    return err != HR_OK ? err : hr_buf_err(&t->manifest);
}

hr_err tar_begin(tar *t, const char *name, uint64_t size, uint32_t mode)
{
    uint8_t header[BLOCK] = {0};
    if (strlen(name) >= TAR_NAME_MAX) {
        return HR_TOO_BIG;
    }
    snprintf(t->name, sizeof t->name, "%s", name);
    t->size = size;
    t->left = size;
    t->crc = 0;
    memcpy(header, t->name, strlen(t->name));
    snprintf((char *)header + AT_MODE, 8, "%07o", (unsigned)(mode & 0777));
    snprintf((char *)header + AT_MODE + 8, 8, "%07o", 0u);
    snprintf((char *)header + AT_MODE + 16, 8, "%07o", 0u);
    put_size(header + AT_SIZE, size);
    snprintf((char *)header + AT_TIME, SIZE_DIGITS, "%011o", 0u);
    header[AT_TYPE] = '0';
    memcpy(header + AT_MAGIC, "ustar\00000", 8);
    snprintf((char *)header + AT_SUM, SUM_DIGITS, "%06o", (unsigned)header_sum(header));
    header[AT_SUM + SUM_DIGITS - 1] = ' ';
    hr_err err = write_bytes(t, header, sizeof header);
    return err == HR_OK && size == 0 ? complete_member(t) : err;
}

hr_err tar_put(tar *t, const void *bytes, size_t size)
{
    if (size > t->left) {
        return HR_INVALID;
    }
    if (size == 0) {
        return HR_OK;
    }
    hr_err err = write_bytes(t, bytes, size);
    t->crc = hr_crc32c(t->crc, bytes, size);
    t->left -= size;
    return err == HR_OK && t->left == 0 ? complete_member(t) : err;
}

hr_err tar_end(tar *t)
{
    static const uint8_t zeros[2 * BLOCK];
    size_t size = t->manifest.size; /* without its own line, which comes once it is written */
    hr_err err = tar_begin(t, TAR_MANIFEST_NAME, size, 0600);
    if (err == HR_OK && size > 0) {
        err = write_bytes(t, t->manifest.data, size);
    }
    if (err == HR_OK) {
        err = write_bytes(t, zeros, padding_of(size));
    }
    return err == HR_OK ? write_bytes(t, zeros, sizeof zeros) : err;
}

hr_err tar_next(tar *t, bool *has_one)
{
    static const uint8_t zeros[BLOCK];
    uint8_t header[BLOCK];
    uint64_t sum = 0;
    uint64_t mode = 0;
    *has_one = false;
    if (fread(header, 1, sizeof header, t->file) != sizeof header) {
        return HR_CORRUPT;
    }
    if (memcmp(header, zeros, sizeof header) == 0) {
        return HR_OK;
    }
    if (memcmp(header + AT_MAGIC, "ustar", 5) != 0 || header[TAR_NAME_MAX - 1] != 0 ||
        !get_octal(header + AT_SUM, SUM_DIGITS, &sum) || sum != header_sum(header) ||
        !get_octal(header + AT_MODE, 8, &mode) || !get_size(header + AT_SIZE, &t->size) ||
        header[AT_TYPE] != '0') {
        return HR_CORRUPT;
    }
    memcpy(t->name, header, TAR_NAME_MAX);
    t->mode = (uint32_t)mode & 0777;
    t->left = t->size;
    t->crc = 0;
    *has_one = true;
    return HR_OK;
}

/* The last byte of a member was read: go to the next block. */
static hr_err leave_member(tar *t)
{
    uint8_t rest[BLOCK];
    size_t padding = padding_of(t->size);
    if (fread(rest, 1, padding, t->file) != padding) {
        return HR_CORRUPT;
    }
    hr_buf_printf(&t->manifest, "%08" PRIx32 " %" PRIu64 " %s\n", t->crc, t->size, t->name);
    return hr_buf_err(&t->manifest);
}

hr_err tar_take(tar *t, void *bytes, size_t capacity, size_t *size)
{
    size_t wanted = t->left < capacity ? (size_t)t->left : capacity;
    *size = wanted;
    if (t->size == 0) {
        return leave_member(t);
    }
    if (wanted == 0) {
        return HR_OK;
    }
    if (fread(bytes, 1, wanted, t->file) != wanted) {
        return HR_CORRUPT;
    }
    t->crc = hr_crc32c(t->crc, bytes, wanted);
    t->left -= wanted;
    return t->left == 0 ? leave_member(t) : HR_OK;
}

hr_err tar_check(tar *t)
{
    if (t->size != t->manifest.size) {
        return HR_CORRUPT;
    }
    for (size_t at = 0; at < t->size;) {
        uint8_t bytes[4096];
        size_t wanted = t->size - at < sizeof bytes ? t->size - at : sizeof bytes;
        if (fread(bytes, 1, wanted, t->file) != wanted ||
            memcmp(bytes, t->manifest.data + at, wanted) != 0) {
            return HR_CORRUPT;
        }
        at += wanted;
    }
    t->left = 0;
    return HR_OK;
}
