/* tests/fuzz/fuzz_log.c - any bytes as a journal file, or as a side file beside a good journal: the
 * log opens or says why not, can be read to its end, and goes on.
 *
 * The first byte chooses: 1, the checksums and positions are put right first, so that the fuzzer
 * gets past them; 2, the bytes are the side file. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/logline.h"
#include "log/group.h"
#include "log/log.h"
#include "log/reader.h"
#include "log/verify.h"

#define FRAME_HEAD 32
#define FRAME_ENTRY 32
#define INPUT_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];

static void drop_line(const char *line, void *context)
{
    (void)line;
    (void)context;
}

static void remove_folder(void)
{
    DIR *list = opendir(folder);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (list != NULL) {
        closedir(list);
    }
    rmdir(folder);
}

static void empty_folder(void)
{
    if (folder[0] == '\0') {
        const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(folder, sizeof folder, "%s/hedgerow-fuzz-%ld", base, (long)getpid());
        hr_logline_redirect(drop_line, NULL, hr_clock_real());
        atexit(remove_folder);
    }
    remove_folder();
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
}

/* Make the CRCs of the frame at bytes right, as far as it lies within size. */
static void seal(uint8_t *bytes, size_t size, uint64_t position)
{
    size_t length = hr_load_u32(bytes + 8);
    size_t count = hr_load_u16(bytes + 6);
    bool is_data = bytes[5] == 2 || bytes[5] == 3;
    size_t table = bytes[5] == 3 ? 2 * FRAME_HEAD : FRAME_HEAD;
    size_t checked = is_data ? table + count * FRAME_ENTRY : length;
    if (checked > size || checked < FRAME_HEAD) {
        return;
    }
    hr_store_u64(bytes + 16, position);
    size_t payload = checked;
    for (size_t i = 0; is_data && i < count; i++) {
        uint8_t *entry = bytes + table + i * FRAME_ENTRY;
        size_t padded = ((size_t)hr_load_u32(entry + 12) + 7) & ~(size_t)7;
        if (padded > size - payload) {
            break;
        }
        hr_store_u32(entry + 24, hr_crc32c(0, bytes + payload, padded));
        payload += padded;
    }
    uint32_t crc = hr_crc32c(0, bytes, 12);
    hr_store_u32(bytes + 12, hr_crc32c(crc, bytes + 16, checked - 16));
}

static void seal_frames(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + FRAME_HEAD <= size; at += 8) {
        if (memcmp(bytes + at, "HRL1", 4) == 0) {
            seal(bytes + at, size - at, at);
        }
    }
}

static log_store *open_log(bool is_read_only)
{
    static const log_topic topics[] = {{"positions", 2}, {"events", 1}};
    log_options options = {.folder = folder,
                           .topics = topics,
                           .topic_count = 2,
                           .clock = hr_clock_real(),
                           .file_bytes = 64 << 10,
                           .reserve_bytes = 8 << 10,
                           .headroom_bytes = 4096,
                           .read_only = is_read_only};
    log_store *log = NULL;
    hr_why why;
    return log_open(&options, &log, &why) == HR_OK ? log : NULL;
}

/* Every partition can be read to its end, step by step forward. */
static void read_all(log_store *log)
{
    static const uint8_t partition_topics[] = {0, 0, 1};
    for (int p = 0; p < 3; p++) {
        log_reader *reader = NULL;
        log_view view;
        int64_t before = -1;
        hr_err err =
            log_reader_open(log, partition_topics[p], (uint16_t)(p % 2), 0, LOG_COMMITTED, &reader);
        while (err == HR_OK || err == HR_GONE || err == HR_CORRUPT) {
            err = log_reader_next(reader, &view, NULL);
            if ((err == HR_OK || err == HR_CORRUPT) && log_reader_offset(reader) <= before) {
                abort();
            }
            before = log_reader_offset(reader);
            size_t at = 0;
            size_t size = 0;
            const uint8_t *bytes = NULL;
            while (err == HR_OK && log_record_next(&view, &at, &bytes, &size)) {
            }
        }
        if (err != HR_TIMEOUT) {
            abort();
        }
        log_reader_close(reader);
    }
    log_verified verified;
    if (log_verify(log, NULL, NULL, &verified, NULL) != HR_OK) {
        abort();
    }
}

static void append_one(log_store *log)
{
    static const uint8_t bytes[8] = {1, 2, 3};
    log_batch batch = {.type = 1, .count = 1, .record_bytes = 8, .bytes = bytes, .size = 8};
    if (log_append(log, &batch, 1, NULL, NULL, NULL) != HR_OK) {
        abort();
    }
}

static void exercise(void)
{
    log_store *log = open_log(true);
    if (log != NULL) {
        read_all(log);
        log_close(log);
    }
    for (int round = 0; round < 2; round++) {
        log = open_log(false);
        if (log == NULL) {
            if (round > 0) {
                abort();
            }
            return;
        }
        read_all(log);
        append_one(log);
        log_close(log);
    }
}

static void make_good_journal(void)
{
    log_store *log = open_log(false);
    if (log == NULL) {
        abort();
    }
    for (int i = 0; i < 3; i++) {
        append_one(log);
    }
    log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX) {
        return 0;
    }
    uint8_t choice = data[0];
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return 0;
    }
    size--;
    memcpy(copy, data + 1, size);
    empty_folder();
    if ((choice & 2) != 0) {
        make_good_journal();
        if ((choice & 1) != 0 && size >= 8) {
            hr_store_u32(copy, 0x31445348u);
            hr_store_u32(copy + 4, hr_crc32c(0, copy + 8, size - 8));
        }
        write_file("side-0", copy, size);
    } else {
        if (mkdir(folder, 0700) != 0) {
            abort();
        }
        if ((choice & 1) != 0) {
            seal_frames(copy, size);
        }
        write_file("000000000001.log", copy, size);
    }
    exercise();
    free(copy);
    return 0;
}
