/* wire/hrf1.h - HRF1, the binary message of many fixes: a bounded decoder and an encoder.
 *
 * Little-endian, no padding:
 *   header  u8[4] "HRF1", u8 version = 1, u8 flags, u16 device_count, u32 fix_count, u64 epoch,
 *           u64 base_seq, u64 oldest_seq, i64 base_time_ms, u32 crc32c
 *           (of the whole message with these four bytes zero)
 *   devices u8 size and the id's bytes, each
 *   fixes   u16 device, u16 accuracy_dm, u32 dt_ms, i32 lon_e7, i32 lat_e7, u16 speed_cm_s,
 *           u16 heading_cdeg, u8 battery_pct, u8 flags, u16 zero; all-ones = unknown;
 *           time = base_time_ms + dt_ms; fix i has sequence base_seq + i
 * vectors/ has messages and what they say; example/ has an encoder for microcontrollers. */
#ifndef WIRE_HRF1_H
#define WIRE_HRF1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fix.h"

#define HRF1_HEADER_BYTES 48
#define HRF1_FIX_BYTES 24
#define HRF1_BYTES_MAX (4u << 20) /* of one message; HR_INVALID above */
#define HRF1_FIXES_MAX 100000     /* in one message; HR_INVALID above */
#define HRF1_DEVICES_MAX 65535    /* in one message, by the width of its field */

#define HRF1_WRITER_DEVICES_MAX 8192 /* in one message of ours; hrf1_writer_add: HR_TOO_BIG */

/* Bit of the header's flags: everything here waited out an outage. */
#define HRF1_BACKLOG 0x01u

/* Bits of a fix's flags are HR_FIX_BACKLOG and HR_FIX_TIME_ASSIGNED of base/fix.h; the second says
 * that the sender has no clock, and the time it gives is ignored. Other bits are dropped. */

/* A message that was checked; borrows its bytes. */
typedef struct hrf1_view {
    bool is_backlog;
    uint16_t device_count;
    uint32_t fix_count;
    uint64_t epoch;
    uint64_t base_seq;
    uint64_t oldest_seq;
    int64_t base_time_ms;
    const uint8_t *ids;
    const uint8_t *fixes;
} hrf1_view;

/* A device of a message, its key worked out once. id is borrowed and not terminated; it is NULL if
 * what stands there is not a device id. */
typedef struct hrf1_device {
    uint64_t key;
    const char *id;
    uint8_t id_size;
} hrf1_device;

/* Check header, lengths and checksum. A message without fixes is valid: it asks for an
 * acknowledgement. HR_INVALID: why says what is wrong; nothing of the message can be trusted. */
HR_MUST_USE hr_err hrf1_parse(const void *bytes, size_t size, hrf1_view *view, hr_why *why);

/* What a message that hrf1_parse() refuses says of its sequences, so that they can be used up and
 * its sender goes on: epoch, base_seq and fix_count of *view, oldest_seq never above base_seq;
 * there are no ids and no fixes. HR_INVALID: not even that can be trusted. */
HR_MUST_USE hr_err hrf1_sequences(const void *bytes, size_t size, hrf1_view *view);

/* Fill devices[0 .. device_count). */
void hrf1_devices(const hrf1_view *view, hrf1_device *devices);

/* Why a single fix of a valid message is no good; its sequence is used up all the same. */
typedef enum hrf1_fault {
    HRF1_GOOD,
    HRF1_BAD_DEVICE, /* an index that the message's table does not have, or a bad id there */
    HRF1_BAD_PLACE,  /* beyond +-180 or +-90 degrees */
} hrf1_fault;

/* The bytes of fix i < fix_count. */
static inline const uint8_t *hrf1_fix_bytes(const hrf1_view *view, uint32_t i)
{
    return view->fixes + (size_t)i * HRF1_FIX_BYTES;
}

/* Fix i < fix_count. *device is its index in devices. Unless HRF1_GOOD, *fix is untouched. */
hrf1_fault hrf1_fix(const hrf1_view *view, const hrf1_device *devices, uint32_t i, hr_fix *fix,
                    uint16_t *device);

/* Builds one message after another. Threads: one at a time. */
typedef struct hrf1_writer hrf1_writer;

/* NULL when memory is short. */
hrf1_writer *hrf1_writer_new(void);
void hrf1_writer_free(hrf1_writer *writer);

/* Begin a message; what was added to an unfinished one is forgotten. */
void hrf1_writer_begin(hrf1_writer *writer);

uint32_t hrf1_writer_count(const hrf1_writer *writer);

/* Size of the message if it were finished now. */
size_t hrf1_writer_size(const hrf1_writer *writer);

/* Add a fix; its device field is not looked at, its id is copied.
 * HR_TOO_BIG: it does not fit this message (count, devices, bytes, or 49 days between times):
 * finish it and add to the next one. HR_INVALID: not a device id, or not a place. */
HR_MUST_USE hr_err hrf1_writer_add(hrf1_writer *writer, const char *id, size_t id_size,
                                   const hr_fix *fix);

typedef struct hrf1_header {
    uint64_t epoch;
    uint64_t base_seq;
    uint64_t oldest_seq;
    bool is_backlog;
} hrf1_header;

/* Append the whole message to out. */
HR_MUST_USE hr_err hrf1_writer_finish(hrf1_writer *writer, const hrf1_header *header, hr_buf *out);

#endif
