/* truth.c - writes and reads the file of what was sent.
 *
 * Little-endian: "HRT1", u32 has_sequences, u64 seed, i64 start_ms, u32 device_count, u32
 * gateway_count, u64 epochs[], 65-byte ids[]; then rows of 48 bytes. */
#include "truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define HEAD_BYTES 32
#define ROW_BYTES 48
#define ID_BYTES (HR_DEVICE_ID_MAX + 1)

struct sim_truth {
    FILE *file;
    sim_truth_head head;
    char (*ids)[ID_BYTES];
    uint64_t *epochs;
    bool is_writing; /* standard C wants a seek between reading and writing */
    long end;        /* after the last whole row that was read */
};

static hr_err make(const sim_truth_head *head, FILE *file, sim_truth **out, hr_why *why)
{
    sim_truth *truth = calloc(1, sizeof *truth);
    if (truth == NULL) {
        fclose(file);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    truth->file = file;
    truth->head = *head;
    truth->ids = calloc(head->device_count, sizeof *truth->ids);
    truth->epochs = calloc(head->gateway_count, sizeof *truth->epochs);
    if (truth->ids == NULL || truth->epochs == NULL) {
        sim_truth_close(truth);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    (void)setvbuf(file, NULL, _IOFBF, SIM_TRUTH_BUFFER_BYTES);
    *out = truth;
    return HR_OK;
}

void sim_truth_close(sim_truth *truth)
{
    if (truth != NULL) {
        (void)fclose(truth->file);
        free(truth->ids);
        free(truth->epochs);
        free(truth);
    }
}

hr_err sim_truth_create(const char *path, const sim_truth_head *head, const char (*ids)[ID_BYTES],
                        const uint64_t *epochs, sim_truth **out, hr_why *why)
{
    FILE *file = fopen(path, "w+b");
    if (file == NULL) {
        return hr_why_errno(why, errno, "%s", path);
    }
    sim_truth *truth = NULL;
    hr_err err = make(head, file, &truth, why);
    if (err != HR_OK) {
        return err;
    }
    uint8_t bytes[HEAD_BYTES];
    memcpy(bytes, "HRT1", 4);
    hr_store_u32(bytes + 4, head->has_sequences);
    hr_store_u64(bytes + 8, head->seed);
    hr_store_u64(bytes + 16, (uint64_t)head->start_ms);
    hr_store_u32(bytes + 24, head->device_count);
    hr_store_u32(bytes + 28, head->gateway_count);
    bool is_good = fwrite(bytes, sizeof bytes, 1, file) == 1;
    for (uint32_t i = 0; i < head->gateway_count; i++) {
        truth->epochs[i] = epochs[i];
        hr_store_u64(bytes, epochs[i]);
        is_good = is_good && fwrite(bytes, 8, 1, file) == 1;
    }
    memcpy(truth->ids, ids, (size_t)head->device_count * ID_BYTES);
    is_good = is_good && fwrite(ids, ID_BYTES, head->device_count, file) == head->device_count &&
              fflush(file) == 0;
    truth->is_writing = true;
    if (!is_good) {
        sim_truth_close(truth);
        return hr_why_errno(why, errno, "%s", path);
    }
    *out = truth;
    return HR_OK;
}

static hr_err read_tables(sim_truth *truth)
{
    uint32_t count = truth->head.gateway_count;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        if (fread(bytes, sizeof bytes, 1, truth->file) != 1) {
            return HR_CORRUPT;
        }
        truth->epochs[i] = hr_load_u64(bytes);
    }
    count = truth->head.device_count;
    if (fread(truth->ids, ID_BYTES, count, truth->file) != count) {
        return HR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        truth->ids[i][ID_BYTES - 1] = '\0';
    }
    truth->end = ftell(truth->file);
    return HR_OK;
}

hr_err sim_truth_open(const char *path, sim_truth **out, hr_why *why)
{
    FILE *file = fopen(path, "r+b");
    if (file == NULL) {
        return hr_why_errno(why, errno, "%s", path);
    }
    uint8_t bytes[HEAD_BYTES];
    sim_truth_head head = {0};
    if (fread(bytes, sizeof bytes, 1, file) == 1 && memcmp(bytes, "HRT1", 4) == 0) {
        head = (sim_truth_head){.seed = hr_load_u64(bytes + 8),
                                .start_ms = (int64_t)hr_load_u64(bytes + 16),
                                .device_count = hr_load_u32(bytes + 24),
                                .gateway_count = hr_load_u32(bytes + 28),
                                .has_sequences = hr_load_u32(bytes + 4) != 0};
    }
    if (head.device_count == 0 || head.device_count > SIM_DEVICES_MAX || head.gateway_count == 0 ||
        head.gateway_count > SIM_GATEWAYS_MAX) {
        fclose(file);
        return hr_why_set(why, HR_CORRUPT, "%s is no truth file", path);
    }
    sim_truth *truth = NULL;
    hr_err err = make(&head, file, &truth, why);
    if (err != HR_OK) {
        return err;
    }
    if (read_tables(truth) != HR_OK) {
        sim_truth_close(truth);
        return hr_why_set(why, HR_CORRUPT, "%s is cut short", path);
    }
    *out = truth;
    return HR_OK;
}

const sim_truth_head *sim_truth_about(const sim_truth *truth)
{
    return &truth->head;
}

const char *sim_truth_id(const sim_truth *truth, uint32_t device)
{
    return truth->ids[device];
}

uint64_t sim_truth_epoch(const sim_truth *truth, uint32_t gateway)
{
    return truth->epochs[gateway];
}

hr_err sim_truth_read(sim_truth *truth, sim_truth_row *row)
{
    uint8_t bytes[ROW_BYTES];
    if (fread(bytes, sizeof bytes, 1, truth->file) != 1) {
        return ferror(truth->file) ? HR_IO : HR_NOT_FOUND;
    }
    truth->end += ROW_BYTES;
    row->fix.device = hr_load_u32(bytes);
    row->gateway = hr_load_u32(bytes + 4);
    row->seq = hr_load_u64(bytes + 8);
    hr_fix_load(bytes + 16, &row->fix.fix);
    return row->fix.device < truth->head.device_count && row->gateway < truth->head.gateway_count
               ? HR_OK
               : HR_CORRUPT;
}

hr_err sim_truth_add(sim_truth *truth, const sim_truth_row *row)
{
    if (!truth->is_writing) {
        if (fseek(truth->file, truth->end, SEEK_SET) != 0 ||
            ftruncate(fileno(truth->file), truth->end) != 0) {
            return HR_IO;
        }
        truth->is_writing = true;
    }
    uint8_t bytes[ROW_BYTES];
    hr_store_u32(bytes, row->fix.device);
    hr_store_u32(bytes + 4, row->gateway);
    hr_store_u64(bytes + 8, row->seq);
    hr_fix_store(bytes + 16, &row->fix.fix);
    return fwrite(bytes, sizeof bytes, 1, truth->file) == 1 ? HR_OK : HR_IO;
}

hr_err sim_truth_flush(sim_truth *truth)
{
    return fflush(truth->file) == 0 ? HR_OK : HR_IO;
}
