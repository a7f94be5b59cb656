/* core/log/measure.c - how often the disk can be asked to sync without wearing it out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"
#include "parts.h"

#define MEASURE_SYNCS 9
#define MEASURE_BYTES 4096

/* SSDs answer in well under this; SD cards and discs do not. Those get the time to gather more
 * appends into one sync: every sync rewrites a whole erase block of the card. */
#define SLOW_SYNC_NS 3000000
#define SLOW_GAP_MS 20

static int compare(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a;
    int64_t second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static int measure_syncs(int fd, int64_t *median_ns)
{
    static const uint8_t bytes[MEASURE_BYTES] = {1};
    int64_t took_ns[MEASURE_SYNCS];
    for (uint64_t i = 0; i < MEASURE_SYNCS; i++) {
        int64_t began_ns = hr_clock_mono_ns(hr_clock_real());
        int failed = disk_write(fd, bytes, sizeof bytes, i * sizeof bytes);
        if (failed == 0 && fdatasync(fd) != 0) {
            failed = errno;
        }
        if (failed != 0) {
            return failed;
        }
        took_ns[i] = hr_clock_mono_ns(hr_clock_real()) - began_ns;
    }
    qsort(took_ns, MEASURE_SYNCS, sizeof took_ns[0], compare);
    *median_ns = took_ns[MEASURE_SYNCS / 2];
    return 0;
}

static int measure_disk(const journal *j, int64_t *median_ns)
{
    char path[DISK_PATH_MAX];
    disk_path(path, j->folder, "measure");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, DISK_FILES_MODE);
    if (fd < 0) {
        return errno;
    }
    int failed = disk_reserve(fd, 0, (uint64_t)MEASURE_SYNCS * MEASURE_BYTES);
    failed = failed == 0 ? measure_syncs(fd, median_ns) : failed;
    close(fd);
    int removed = disk_remove(j->folder, "measure");
    return failed == 0 ? removed : failed;
}

hr_err journal_measure(journal *j, hr_why *why)
{
    int64_t median_ns = 0;
    if (j->options.commit_min_gap_ms >= 0) {
        j->commit_min_gap_ms = j->options.commit_min_gap_ms;
        return HR_OK;
    }
    if (j->measured_gap_ms < 0) {
        int failed = measure_disk(j, &median_ns);
        if (failed == ENOSPC || failed == EDQUOT) {
            /* A full disk says nothing about its pace: be careful with it, measure another time. */
            j->commit_min_gap_ms = SLOW_GAP_MS;
            return HR_OK;
        }
        if (failed != 0) {
            return hr_why_errno(why, failed, "measure the disk with %s", j->folder);
        }
        j->measured_gap_ms = median_ns > SLOW_SYNC_NS ? SLOW_GAP_MS : 0;
        hr_logline(HR_LEVEL_INFO, "log.measured", "sync_us=%lld commit_min_gap_ms=%d",
                   (long long)(median_ns / 1000), (int)j->measured_gap_ms);
    }
    j->commit_min_gap_ms = j->measured_gap_ms;
    return HR_OK;
}
