/* core/log/patience.c - see patience.h. */
#include "patience.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/logline.h"
#include "disk.h"

#define NS_PER_MS 1000000

bool patience_is_bad_place(int failed)
{
    /* The last two: a file system whose own list of the file's blocks cannot be read. */
    return failed == EIO || failed == EUCLEAN || failed == EBADMSG;
}

bool patience_wait(patience *p, uint32_t tries)
{
    int64_t now_ns = hr_clock_mono_ns(hr_clock_real());
    int64_t last_ns = atomic_exchange(&p->last_ns, now_ns);
    int64_t began_ns = atomic_load(&p->began_ns);
    if (began_ns == 0 || now_ns - last_ns > PATIENCE_REST_MS * (int64_t)NS_PER_MS) {
        began_ns = now_ns;
        atomic_store(&p->began_ns, now_ns);
        hr_logline(HR_LEVEL_WARN, "log.unreadable", "patience_ms=%d", (int)p->limit_ms);
    }
    if (tries == 1) {
        return true;
    }
    int64_t left_ms = p->limit_ms - (now_ns - began_ns) / NS_PER_MS;
    if (left_ms <= 0) {
        return false;
    }
    int64_t pause_ms = left_ms < PATIENCE_PAUSE_MS ? left_ms : PATIENCE_PAUSE_MS;
    nanosleep(&(struct timespec){.tv_nsec = pause_ms * NS_PER_MS}, NULL);
    return true;
}

bool patience_give_up(patience *p)
{
    int64_t began_ns = atomic_load(&p->began_ns);
    if (p->folder == NULL || atomic_load(&p->wrote_ns) == began_ns) {
        return true;
    }
    /* A full disk takes the name, and that is enough. */
    int failed = disk_write_aside(p->folder, "probe", "", 0);
    if (failed == 0) {
        failed = disk_remove(p->folder, "probe.tmp");
    }
    bool is_working = failed == 0 || failed == ENOSPC || failed == EDQUOT || failed == ENOENT;
    if (is_working) {
        atomic_store(&p->wrote_ns, began_ns);
    }
    return is_working;
}
