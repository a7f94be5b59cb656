/* gateway/outbox.c - a topic of one partition; a record is a fix as the service's log has it. The
 * topic beside it is that of outbox_letters.c. */
#include "gateway/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/logline.h"
#include "gateway/outbox_names.h"
#include "gateway/outbox_spans.h"
#include "log/group.h"
#include "log/reader.h"

#define GROUP "service"
#define RECORD_FIX 1
#define FILE_BYTES_MIN (1u << 20)
#define FILE_BYTES_MAX (16u << 20)
#define RESERVE_BYTES (1u << 20)
#define HEADROOM_BYTES (256u << 10)
#define CLOSING_MARK_MS 60000 /* between two batches of a quiet gateway there is none */
#define PATH_SIZE 1024
#define SUBFOLDER "/outbox" /* holds the log, and the two small files beside it */

struct outbox {
    char folder[PATH_SIZE];
    log_store *log;
    outbox_names names;
    outbox_spans spans;
    outbox_letters letters;
    hr_buf records; /* of one outbox_put */
    _Atomic uint64_t acked;
    pthread_mutex_t lock;
    void (*on_commit)(void *context); /* protected by lock, as context */
    void *context;

    /* The reading thread's. */
    log_reader *reader;
    log_view view;
    bool has_view;
    size_t at;
    int64_t offset;    /* of the next record in view */
    int64_t wanted;    /* records below it are skipped */
    uint64_t nameless; /* records whose names are lost, and that were not told yet */
};

outbox_span outbox_span_at(outbox *box, uint64_t sequence)
{
    return outbox_spans_at(&box->spans, sequence);
}

hr_err outbox_renew(outbox *box, uint64_t start, hr_why *why)
{
    return outbox_spans_begin(&box->spans, start, start, why);
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

/* What the service had said when the log last kept it. */
static uint64_t kept_acked(const outbox *box)
{
    int64_t offset = log_group_offset(box->log, GROUP, 0, 0);
    return offset > 0 ? (uint64_t)offset : 0;
}

static hr_err open_log(outbox *box, const outbox_options *of, hr_why *why)
{
    static const log_topic topics[] = {{"fixes", 1}, {"dead", 1}};
    uint64_t file_bytes = of->cap_bytes / 16;
    file_bytes = file_bytes > FILE_BYTES_MAX ? FILE_BYTES_MAX : file_bytes;
    file_bytes = file_bytes < FILE_BYTES_MIN ? FILE_BYTES_MIN : file_bytes;
    log_options options = {.folder = box->folder,
                           .topics = topics,
                           .topic_count = 2,
                           .clock = of->clock,
                           .file_bytes = file_bytes,
                           .reserve_bytes = RESERVE_BYTES,
                           .headroom_bytes = HEADROOM_BYTES,
                           .retain_bytes = of->cap_bytes,
                           .lazy_types = UINT64_C(1) << OUTBOX_LETTERS_TYPE,
                           .closing_mark_ms = CLOSING_MARK_MS,
                           .commit_min_gap_ms = -1,
                           .patience_ms = of->patience_ms};
    hr_err err = log_open(&options, &box->log, why);
    if (err == HR_INVALID) {
        /* It was made when there was one topic: its fixes are what matters. */
        options.topic_count = 1;
        err = log_open(&options, &box->log, why);
    }
    if (err == HR_OK) {
        outbox_letters_open(&box->letters, box->log);
        atomic_store(&box->acked, kept_acked(box));
        err = log_listen(box->log, on_durable, box);
    }
    if (err == HR_OK) {
        err = log_reader_open(box->log, 0, 0, 0, LOG_COMMITTED, &box->reader);
    }
    return err;
}

static hr_err open_parts(outbox *box, const outbox_options *options, hr_why *why)
{
    char path[PATH_SIZE + 8];
    hr_err err = open_log(box, options, why);
    if (err != HR_OK) {
        return err;
    }
    patience p = {.folder = box->folder,
                  .limit_ms = options->patience_ms > 0 ? options->patience_ms : PATIENCE_MS};
    snprintf(path, sizeof path, "%s/names", box->folder);
    err = outbox_names_open(&box->names, path, &p, why);
    return err == HR_OK ? outbox_spans_open(&box->spans, options->boot, outbox_acked_next(box),
                                            outbox_end(box), why)
                        : err;
}

hr_err outbox_open(const outbox_options *options, outbox **out, hr_why *why)
{
    if (strlen(options->folder) + sizeof SUBFOLDER > PATH_SIZE) {
        return hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", options->folder);
    }
    if (mkdir(options->folder, 0700) != 0 && errno != EEXIST) {
        return hr_why_errno(why, errno, "cannot make %s", options->folder);
    }
    outbox *box = calloc(1, sizeof *box);
    if (box == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for the outbox");
    }
    pthread_mutex_init(&box->lock, NULL);
    snprintf(box->folder, sizeof box->folder, "%s" SUBFOLDER, options->folder);
    hr_buf_init(&box->records, OUTBOX_PUT_MAX * HR_FIX_BYTES);
    outbox_names_init(&box->names);
    outbox_spans_init(&box->spans, box->folder);
    hr_err err = open_parts(box, options, why);
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
        outbox_keep_acked(box);
        outbox_letters_close(&box->letters);
    }
    log_close(box->log);
    outbox_names_fini(&box->names);
    outbox_spans_fini(&box->spans);
    pthread_mutex_destroy(&box->lock);
    hr_buf_fini(&box->records);
    free(box);
}

/* ---- in ---- */

/* False: a device too many, or one whose key another has. */
static bool add_record(outbox *box, const wire_fix *fix, hr_err *err)
{
    hr_fix record = fix->fix;
    record.device = hr_device_key(fix->id, fix->id_size);
    *err = outbox_names_add(&box->names, record.device, fix->id, fix->id_size);
    if (*err == HR_TOO_BIG || *err == HR_CONFLICT) {
        hr_logline(HR_LEVEL_ERROR, "outbox.refused", "device=%s why=\"%s\"", fix->id,
                   *err == HR_CONFLICT ? "another device has its key: rename it"
                                       : "there are too many devices");
        *err = HR_OK;
        return false;
    }
    uint8_t *bytes = *err == HR_OK ? hr_buf_extend(&box->records, HR_FIX_BYTES) : NULL;
    if (bytes != NULL) {
        hr_fix_store(bytes, &record);
    }
    return true;
}

/* Names come to the disk first: a fix without one could never be sent. So does this boot's span. */
hr_err outbox_put(outbox *box, const wire_fix *fixes, size_t count, size_t *refused)
{
    size_t left_out = 0;
    hr_err err = count > OUTBOX_PUT_MAX ? HR_TOO_BIG : HR_OK;
    hr_buf_clear(&box->records);
    for (size_t i = 0; i < count && err == HR_OK; i++) {
        left_out += !add_record(box, &fixes[i], &err);
    }
    if (refused != NULL) {
        *refused = left_out;
    }
    if (err == HR_OK) {
        err = hr_buf_err(&box->records);
    }
    if (err == HR_OK) {
        err = outbox_names_sync(&box->names);
    }
    if (err == HR_OK) {
        err = outbox_spans_keep(&box->spans);
    }
    if (err != HR_OK || box->records.size == 0) {
        return err;
    }
    log_position end;
    log_batch batch = {.type = RECORD_FIX,
                       .count = (uint32_t)(count - left_out),
                       .record_bytes = HR_FIX_BYTES,
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

static bool read_record(outbox *box, const uint8_t *bytes, size_t size, wire_fix *out)
{
    if (size != HR_FIX_BYTES) {
        return false;
    }
    hr_fix_load(bytes, &out->fix);
    return outbox_names_find(&box->names, out->fix.device, out->id, &out->id_size);
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
            if (offset < box->wanted) {
                continue;
            }
            if (read_record(box, bytes, size, &out->fix)) {
                box->wanted = offset + 1;
                out->sequence = (uint64_t)offset;
                out->append_ms = box->view.append_ms;
                return HR_OK;
            }
            box->nameless++;
        }
        if (box->nameless > 0) {
            hr_logline(HR_LEVEL_ERROR, "outbox.lost", "fixes=%llu why=\"the names are lost\"",
                       (unsigned long long)box->nameless);
            box->nameless = 0;
        }
        box->has_view = false;
    }
}

void outbox_acked(outbox *box, uint64_t next)
{
    uint64_t kept = kept_acked(box);
    atomic_store(&box->acked, next);
    if (next < kept || next - kept >= OUTBOX_ACKED_STEP) {
        outbox_keep_acked(box);
    }
}

void outbox_keep_acked(outbox *box)
{
    uint64_t acked = atomic_load(&box->acked);
    hr_err err = HR_OK;
    if (acked != kept_acked(box)) {
        err = log_group_commit(box->log, GROUP, 0, 0, (int64_t)acked);
    }
    if (err != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "outbox.ack_not_kept", "why=\"%s\"", hr_err_text(err));
    }
}

uint64_t outbox_acked_next(const outbox *box)
{
    uint64_t acked = atomic_load(&box->acked);
    /* Of what a power cut took from here the service knows, under an epoch that is over. */
    uint64_t end = outbox_end(box);
    return acked > end ? end : acked;
}

/* The first fix held that the service has not acknowledged. */
static uint64_t first_waiting(outbox *box)
{
    uint64_t acked = outbox_acked_next(box);
    uint64_t start = outbox_start(box);
    return start > acked ? start : acked;
}

uint64_t outbox_trim(outbox *box)
{
    hr_why why;
    uint64_t before = first_waiting(box);
    if (log_retain(box->log, &why) != HR_OK) {
        hr_logline(HR_LEVEL_WARN, "outbox.not_trimmed", "why=\"%s\"", why.text);
    }
    uint64_t after = outbox_start(box);
    return after > before ? after - before : 0;
}

bool outbox_make_room(outbox *box, bool may_lose, uint64_t *dropped)
{
    hr_why why;
    uint64_t before = first_waiting(box);
    int64_t floor = may_lose ? INT64_MAX : (int64_t)before;
    hr_err err = log_floor_set(box->log, GROUP, 0, 0, floor);
    if (err == HR_OK) {
        err = log_let_go(box->log, &why);
    }
    if (err != HR_OK && err != HR_NOT_FOUND) {
        hr_logline(HR_LEVEL_WARN, "outbox.no_room", "why=\"%s\"", why.text);
    }
    (void)!log_floor_set(box->log, GROUP, 0, 0, INT64_MAX);
    uint64_t after = outbox_start(box);
    *dropped = after > before ? after - before : 0;
    return err == HR_OK;
}

outbox_letters *outbox_letters_of(outbox *box)
{
    return &box->letters;
}

log_store *outbox_log(outbox *box)
{
    return box->log;
}
