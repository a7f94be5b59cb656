/* gateway/outbox.c - one topic of one partition; a record is an id and a fix without its key. */
#include "gateway/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/logline.h"
#include "log/group.h"
#include "log/reader.h"

#define GROUP "service"
#define RECORD_FIX 1
#define RECORD_NUMBERS (HR_FIX_BYTES - 8) /* the key is made from the id again */
#define FILE_BYTES_MIN (1u << 20)
#define FILE_BYTES_MAX (16u << 20)
#define RESERVE_BYTES (1u << 20)
#define HEADROOM_BYTES (256u << 10)
#define PATH_SIZE 1024

struct outbox {
    char folder[PATH_SIZE];
    log_store *log;
    uint64_t epoch;
    uint64_t epoch_start;
    hr_buf records; /* of one outbox_put */
    pthread_mutex_t lock;
    void (*on_commit)(void *context); /* protected by lock, as context */
    void *context;

    /* The reading thread's. */
    log_reader *reader;
    log_view view;
    bool has_view;
    size_t at;
    int64_t offset; /* of the next record in view */
    int64_t wanted; /* records below it are skipped */
};

/* ---- the epoch, in a file beside the log ---- */

static hr_err write_epoch(outbox *box, hr_why *why)
{
    char path[PATH_SIZE + 16], aside[PATH_SIZE + 16], text[64];
    snprintf(path, sizeof path, "%s/epoch", box->folder);
    snprintf(aside, sizeof aside, "%s/epoch.new", box->folder);
    int size =
        snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 "\n", box->epoch, box->epoch_start);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot make %s", aside);
    }
    bool is_written = write(fd, text, (size_t)size) == size && fsync(fd) == 0;
    int failed = errno;
    close(fd);
    if (!is_written || rename(aside, path) != 0) {
        return hr_why_errno(why, is_written ? errno : failed, "cannot write %s", path);
    }
    fd = open(box->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        hr_err err = hr_why_errno(why, errno, "cannot sync %s", box->folder);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    close(fd);
    return HR_OK;
}

static hr_err new_epoch(outbox *box, uint64_t start, hr_why *why)
{
    box->epoch_start = start;
    if (getrandom(&box->epoch, sizeof box->epoch, 0) != (ssize_t)sizeof box->epoch) {
        return hr_why_errno(why, errno, "no random number for the outbox");
    }
    return write_epoch(box, why);
}

static hr_err load_epoch(outbox *box, hr_why *why)
{
    char path[PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/epoch", box->folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return errno == ENOENT ? new_epoch(box, 0, why)
                               : hr_why_errno(why, errno, "cannot open %s", path);
    }
    int found = fscanf(file, "%" SCNu64 " %" SCNu64, &box->epoch, &box->epoch_start);
    fclose(file);
    return found == 2 ? HR_OK : hr_why_set(why, HR_CORRUPT, "%s is damaged", path);
}

uint64_t outbox_epoch(const outbox *box)
{
    return box->epoch;
}

uint64_t outbox_epoch_start(const outbox *box)
{
    return box->epoch_start;
}

hr_err outbox_renew(outbox *box, uint64_t start, hr_why *why)
{
    return new_epoch(box, start, why);
}

/* ---- opening ---- */

static void on_durable(log_position durable, void *context)
{
    outbox *box = context;
    (void)durable;
    pthread_mutex_lock(&box->lock);
    if (box->on_commit != NULL) {
        box->on_commit(box->context);
    }
    pthread_mutex_unlock(&box->lock);
}

void outbox_on_commit(outbox *box, void (*call)(void *context), void *context)
{
    pthread_mutex_lock(&box->lock);
    box->on_commit = call;
    box->context = context;
    pthread_mutex_unlock(&box->lock);
}

static hr_err open_log(outbox *box, uint64_t cap_bytes, const hr_clock *clock, hr_why *why)
{
    static const log_topic topics[] = {{"fixes", 1}};
    char path[PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/outbox", box->folder);
    uint64_t file_bytes = cap_bytes / 16;
    file_bytes = file_bytes > FILE_BYTES_MAX ? FILE_BYTES_MAX : file_bytes;
    file_bytes = file_bytes < FILE_BYTES_MIN ? FILE_BYTES_MIN : file_bytes;
    log_options options = {.folder = path,
                           .topics = topics,
                           .topic_count = 1,
                           .clock = clock,
                           .file_bytes = file_bytes,
                           .reserve_bytes = RESERVE_BYTES,
                           .headroom_bytes = HEADROOM_BYTES,
                           .retain_bytes = cap_bytes,
                           .commit_min_gap_ms = -1};
    hr_err err = log_open(&options, &box->log, why);
    if (err == HR_OK) {
        err = log_listen(box->log, on_durable, box);
    }
    if (err == HR_OK) {
        err = log_reader_open(box->log, 0, 0, 0, LOG_COMMITTED, &box->reader);
    }
    return err;
}

hr_err outbox_open(const char *folder, uint64_t cap_bytes, const hr_clock *clock, outbox **out,
                   hr_why *why)
{
    if (strlen(folder) >= PATH_SIZE) {
        return hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", folder);
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return hr_why_errno(why, errno, "cannot make %s", folder);
    }
    outbox *box = calloc(1, sizeof *box);
    if (box == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the outbox");
    }
    pthread_mutex_init(&box->lock, NULL);
    memcpy(box->folder, folder, strlen(folder) + 1);
    hr_buf_init(&box->records, OUTBOX_PUT_MAX * (4 + 1 + HR_DEVICE_ID_MAX + RECORD_NUMBERS));
    hr_err err = open_log(box, cap_bytes, clock, why);
    if (err == HR_OK) {
        err = load_epoch(box, why);
    }
    if (err != HR_OK) {
        outbox_close(box);
        return err;
    }
    outbox_seek(box, outbox_acked_next(box));
    *out = box;
    return HR_OK;
}

void outbox_close(outbox *box)
{
    if (box == NULL) {
        return;
    }
    if (box->reader != NULL) {
        log_reader_close(box->reader);
    }
    log_close(box->log);
    pthread_mutex_destroy(&box->lock);
    hr_buf_fini(&box->records);
    free(box);
}

/* ---- in ---- */

hr_err outbox_put(outbox *box, const wire_fix *fixes, size_t count)
{
    if (count == 0 || count > OUTBOX_PUT_MAX) {
        return count == 0 ? HR_OK : HR_TOO_BIG;
    }
    hr_buf_clear(&box->records);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[HR_FIX_BYTES];
        hr_fix_store(bytes, &fixes[i].fix);
        hr_buf_put_u32(&box->records, 1u + fixes[i].id_size + RECORD_NUMBERS);
        hr_buf_put_u8(&box->records, fixes[i].id_size);
        hr_buf_put(&box->records, fixes[i].id, fixes[i].id_size);
        hr_buf_put(&box->records, bytes + 8, RECORD_NUMBERS);
    }
    hr_err err = hr_buf_err(&box->records);
    if (err != HR_OK) {
        return err;
    }
    log_position end;
    log_batch batch = {.type = RECORD_FIX,
                       .count = (uint32_t)count,
                       .bytes = box->records.data,
                       .size = box->records.size};
    return log_append(box->log, &batch, 1, NULL, NULL, &end);
}

uint64_t outbox_start(const outbox *box)
{
    return (uint64_t)log_start(box->log, 0, 0);
}

uint64_t outbox_end(const outbox *box)
{
    return (uint64_t)log_end(box->log, 0, 0, LOG_COMMITTED);
}

/* ---- out ---- */

hr_err outbox_taken_ms(outbox *box, uint64_t sequence, int64_t *time_ms)
{
    log_reader *reader;
    log_view view;
    hr_err err = log_reader_open(box->log, 0, 0, (int64_t)sequence, LOG_COMMITTED, &reader);
    if (err != HR_OK) {
        return err;
    }
    do {
        /* What is lost is passed; the reader then stands behind it. */
        err = log_reader_next(reader, &view, NULL);
    } while (err == HR_GONE || err == HR_CORRUPT);
    if (err == HR_OK) {
        *time_ms = view.append_ms;
    }
    log_reader_close(reader);
    return err;
}

void outbox_seek(outbox *box, uint64_t sequence)
{
    box->wanted = (int64_t)sequence;
    box->has_view = false;
    log_reader_seek(box->reader, box->wanted);
}

/* What is lost to the cap or to damage is passed; the sequences show the gap. */
static hr_err next_view(outbox *box)
{
    for (;;) {
        hr_why why = {{0}};
        hr_err err = log_reader_next(box->reader, &box->view, &why);
        if (err == HR_OK) {
            box->has_view = true;
            box->at = 0;
            box->offset = box->view.first_offset;
            return HR_OK;
        }
        if (err != HR_GONE && err != HR_CORRUPT) {
            return err;
        }
        hr_logline(HR_LEVEL_ERROR, "outbox.lost", "why=\"%s\"",
                   err == HR_GONE ? "the disk cap was reached" : why.text);
    }
}

static bool read_record(const uint8_t *bytes, size_t size, wire_fix *out)
{
    if (size < 1 || size != 1u + bytes[0] + RECORD_NUMBERS ||
        !hr_device_id_is_valid((const char *)bytes + 1, bytes[0])) {
        return false;
    }
    uint8_t numbers[HR_FIX_BYTES] = {0};
    memcpy(numbers + 8, bytes + 1 + bytes[0], RECORD_NUMBERS);
    hr_fix_load(numbers, &out->fix);
    out->id_size = bytes[0];
    memcpy(out->id, bytes + 1, out->id_size);
    out->id[out->id_size] = '\0';
    out->fix.device = hr_device_key(out->id, out->id_size);
    return true;
}

hr_err outbox_next(outbox *box, outbox_fix *out)
{
    for (;;) {
        const uint8_t *bytes;
        size_t size;
        if (!box->has_view) {
            hr_err err = next_view(box);
            if (err != HR_OK) {
                return err;
            }
        }
        while (log_record_next(&box->view, &box->at, &bytes, &size)) {
            int64_t offset = box->offset++;
            if (offset >= box->wanted && read_record(bytes, size, &out->fix)) {
                box->wanted = offset + 1;
                out->sequence = (uint64_t)offset;
                out->append_ms = box->view.append_ms;
                return HR_OK;
            }
        }
        box->has_view = false;
    }
}

void outbox_acked(outbox *box, uint64_t next)
{
    hr_err err = log_group_commit(box->log, GROUP, 0, 0, (int64_t)next);
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "outbox.ack_not_kept", "why=\"%s\"", hr_err_text(err));
    }
}

uint64_t outbox_acked_next(const outbox *box)
{
    int64_t offset = log_group_offset(box->log, GROUP, 0, 0);
    return offset > 0 ? (uint64_t)offset : 0;
}

uint64_t outbox_trim(outbox *box)
{
    hr_why why;
    uint64_t acked = outbox_acked_next(box);
    uint64_t before = outbox_start(box) > acked ? outbox_start(box) : acked;
    if (log_retain(box->log, &why) != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "outbox.not_trimmed", "why=\"%s\"", why.text);
    }
    uint64_t after = outbox_start(box);
    return after > before ? after - before : 0;
}

log_store *outbox_log(outbox *box)
{
    return box->log;
}
