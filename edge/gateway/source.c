/* gateway/source.c - starts and ends a source of any kind. */
#include "gateway/source.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/id.h"
#include "base/logline.h"
#include "base/text.h"
#include "gateway/source_private.h"
#include "gateway/source_tcp.h"

const char *source_refusal_name(source_refusal why)
{
    static const char *const names[SOURCE_REFUSALS] = {"too-long", "checksum", "format", "fix"};
    return names[why];
}

/* Where a LoRaWAN server's password stands is nobody's business. */
static const char *public_place(const source *s)
{
    const char *place = s->options.what->place;
    const char *mark = strrchr(place, '@');
    return s->options.what->kind == CONFIG_LORAWAN && mark != NULL ? mark + 1 : place;
}

void source_reading(source *s, const void *bytes, size_t size)
{
    s->reading = bytes;
    s->reading_size = size;
    s->is_told = false;
}

/* Not twice about the same line, and not too many of them. */
static bool may_tell(source *s)
{
    const int64_t gap_ns = SOURCE_LETTER_GAP_MS * INT64_C(1000000);
    int64_t now_ns = hr_clock_mono_ns(hr_clock_real());
    int64_t rested_ns = now_ns - (SOURCE_LETTERS_BURST - 1) * gap_ns;
    if (s->is_told || s->letter_ns > now_ns) {
        return false;
    }
    s->letter_ns = (s->letter_ns > rested_ns ? s->letter_ns : rested_ns) + gap_ns;
    s->is_told = true;
    return true;
}

void source_refuse(source *s, source_refusal reason, const char *why)
{
    static const char *const kinds[] = {"json", "nmea", "gpsd", "lorawan"}; /* by config_kind */
    atomic_fetch_add(&s->refused[reason], 1);
    if (!may_tell(s)) {
        s->options.refused(s->options.context, NULL);
        return;
    }
    hr_logline(HR_LEVEL_WARN, "source.refused", "source=%s reason=%s why=\"%s\"", public_place(s),
               source_refusal_name(reason), why);
    dead_letter letter = {.bytes = s->reading, .size = s->reading_size};
    snprintf(letter.source, sizeof letter.source, "%s:%.100s", kinds[s->options.what->kind],
             public_place(s));
    snprintf(letter.reason, sizeof letter.reason, "%s", source_refusal_name(reason));
    snprintf(letter.why, sizeof letter.why, "%s", why);
    s->options.refused(s->options.context, &letter);
}

void source_note_open(source *s)
{
    atomic_fetch_add(&s->opened, 1);
    hr_logline(HR_LEVEL_INFO, "source.open", "source=%s", public_place(s));
}

void source_count(const source *s, source_counts *counts)
{
    counts->fixes = atomic_load(&s->fixes);
    counts->opened = atomic_load(&s->opened);
    for (int i = 0; i < SOURCE_REFUSALS; i++) {
        counts->refused[i] = atomic_load(&s->refused[i]);
    }
}

void source_tell(source *s)
{
    source_counts now;
    source_count(s, &now);
    if (memcmp(&now, &s->told, sizeof now) == 0) {
        return;
    }
    s->told = now;
    hr_logline(HR_LEVEL_INFO, "source.counts",
               "source=%s opened=%" PRIu64 " fixes=%" PRIu64 " too-long=%" PRIu64
               " checksum=%" PRIu64 " format=%" PRIu64 " fix=%" PRIu64,
               public_place(s), now.opened, now.fixes, now.refused[SOURCE_TOO_LONG],
               now.refused[SOURCE_CHECKSUM], now.refused[SOURCE_FORMAT], now.refused[SOURCE_FIX]);
}

static bool is_a_time(int64_t time_ms)
{
    /* A message's times reach that far behind its first. */
    return time_ms >= HR_TIME_MS_MIN && time_ms <= HR_TIME_MS_MAX - UINT32_MAX;
}

bool source_take(source *s, wire_fix *fix)
{
    if (fix->id_size == 0) {
        fix->id_size = (uint8_t)strlen(s->device);
        memcpy(fix->id, s->device, fix->id_size + 1u);
        fix->fix.device = hr_device_key(fix->id, fix->id_size);
    }
    if ((fix->fix.flags & HR_FIX_TIME_ASSIGNED) != 0) {
        /* While nobody has set our clock, what runs evenly since the boot says how long ago it was,
         * and the sender makes a time of it once the clock is right. */
        bool is_right = hr_clock_is_synchronised(s->options.clock);
        fix->fix.time_ms = is_right ? hr_clock_now_ms(s->options.clock)
                                    : hr_clock_mono_ns(s->options.clock) / 1000000;
        if (is_right) {
            fix->fix.flags &= (uint8_t)~HR_FIX_TIME_ASSIGNED;
        }
    }
    if (!is_a_time(fix->fix.time_ms)) {
        source_refuse(s, SOURCE_FIX, "its time is beyond the years 0 to 9999");
        return true;
    }
    atomic_fetch_add(&s->fixes, 1);
    /* A network server keeps an uplink until it has our answer. */
    bool is_answered = s->options.what->kind == CONFIG_LORAWAN;
    return s->options.sink(s->options.context, fix, is_answered);
}

bool source_wait(source *s, int fd, int timeout_ms, bool *has_bytes)
{
    struct pollfd fds[2] = {{.fd = s->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    poll(fds, 2, timeout_ms);
    *has_bytes = fds[1].revents != 0;
    return !atomic_load(&s->is_stopping);
}

bool source_pause(source *s, int *pause_ms, bool is_any)
{
    bool ignored;
    *pause_ms = is_any ? SOURCE_PAUSE_MIN_MS : *pause_ms * 2;
    *pause_ms = *pause_ms < SOURCE_PAUSE_MIN_MS ? SOURCE_PAUSE_MIN_MS : *pause_ms;
    *pause_ms = *pause_ms > SOURCE_PAUSE_MAX_MS ? SOURCE_PAUSE_MAX_MS : *pause_ms;
    if (!atomic_load(&s->is_stopping)) {
        hr_logline(HR_LEVEL_WARN, "source.closed", "source=%s again_in_ms=%d", public_place(s),
                   *pause_ms);
    }
    return source_wait(s, -1, *pause_ms, &ignored);
}

static void *run(void *context)
{
    source *s = context;
    const char *address = source_tcp_address(s->options.what->place, SOURCE_TCP_LISTEN);
    if (s->options.what->kind == CONFIG_GPSD) {
        source_run_gpsd(s);
    } else if (address != NULL) {
        source_run_listen(s, address);
    } else {
        source_run_lines(s);
    }
    return NULL;
}

hr_err source_start(const source_options *options, source **out, hr_why *why)
{
    source *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for a source");
    }
    s->options = *options;
    const char *device = options->what->device;
    snprintf(s->device, sizeof s->device, "%s", device[0] != '\0' ? device : options->user);
    s->letter_ns = INT64_MIN;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hr_err err = s->wake_fd < 0 ? hr_why_errno(why, errno, "no eventfd") : HR_OK;
    if (err == HR_OK && options->what->kind == CONFIG_LORAWAN) {
        err = source_start_lorawan(s, why);
    } else if (err == HR_OK) {
        int failed = pthread_create(&s->thread, NULL, run, s);
        err = failed != 0 ? hr_why_errno(why, failed, "no thread for a source") : HR_OK;
    }
    if (err != HR_OK) {
        if (s->wake_fd >= 0) {
            close(s->wake_fd);
        }
        free(s);
        return err;
    }
    *out = s;
    return HR_OK;
}

void source_stop(source *s)
{
    if (s == NULL) {
        return;
    }
    atomic_store(&s->is_stopping, true);
    eventfd_write(s->wake_fd, 1);
    if (s->link != NULL) {
        mqtt_link_stop(s->link);
    } else {
        pthread_join(s->thread, NULL);
    }
    close(s->wake_fd);
    free(s);
}

bool source_is_finished(source *s)
{
    return atomic_load(&s->is_finished);
}
