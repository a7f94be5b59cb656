/* engine/fixes.h - the path of fixes through a partition, in blocks. */
#ifndef ENGINE_FIXES_H
#define ENGINE_FIXES_H

#include "partition.h"

/* Scratch memory of a partition. */
HR_MUST_USE hr_err engine_fixes_new(struct partition_block **out);
void engine_fixes_free(struct partition_block *block);

/* Apply the fixes of a view, from the partition's offset on. */
HR_MUST_USE hr_err engine_fixes_apply(engine_partition *partition, const log_view *view);

/* ---- what partition.c gives it ---- */

/* Store the tracker's events of the last input, but for those told before. */
HR_MUST_USE hr_err engine_partition_tell(engine_partition *partition, uint32_t device_index,
                                         engine_source *source, int64_t append_ms);

/* A record (or so many in a batch without bounds) that no version of this program writes: counted,
 * told, and kept in `dead`. It stays in the log; the worker goes on, because nobody could mend it,
 * and every replay passes it alike. */
void engine_partition_refuse(engine_partition *partition, int64_t offset, uint32_t count,
                             const char *reason, const uint8_t *bytes, size_t size);

/* Give a device the newest tick, if it was left out. */
HR_MUST_USE hr_err engine_partition_catch_up(engine_partition *partition, uint32_t index,
                                             engine_source *source, int64_t append_ms);

#endif
