/* engine/change.h - changing the rules: fences, groups, device settings.
 *
 *     engine_change_begin()                     waits for the change before
 *     catalog_change_put(engine_change_edits(change), ...) ...
 *     engine_change_commit()                    or engine_change_abandon()
 *
 * A commit builds the index version, commits the catalogue, appends "rules = v" to all partitions
 * and the edit to `events` in one frame, and waits until that is durable: every fix published after
 * it returns is judged by the new rules. It takes a few fdatasyncs: not for an event loop. */
#ifndef ENGINE_CHANGE_H
#define ENGINE_CHANGE_H

#include "base/err.h"
#include "catalog/change.h"
#include "engine/engine.h"

/* Belongs to the thread that began it. */
typedef struct engine_change engine_change;

HR_MUST_USE hr_err engine_change_begin(engine *engine, const char *who, int64_t now_ms,
                                       engine_change **out, hr_why *why);

/* What edits are made through; borrowed until the commit or the abandoning. */
catalog_change *engine_change_edits(engine_change *change);

/* *version gets the version made. The change is freed, also on failure; then nothing has changed,
 * or (HR_IO from the log) the start after recovery appends what is missing. */
HR_MUST_USE hr_err engine_change_commit(engine_change *change, uint64_t *version, hr_why *why);
void engine_change_abandon(engine_change *change);

/* The nearest code of this program for one of geo/'s. */
hr_err engine_err_from_geo(geo_err err);

#endif
