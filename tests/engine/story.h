/* tests/engine/story.h - a herd's story for tests: fixes twice, in the wrong order and late, fences
 * that change in its midst, and time that passes. */
#ifndef ENGINE_STORY_H
#define ENGINE_STORY_H

#include "farm.h"

#define STORY_T0 INT64_C(1795161600000)
#define STORY_HERD 24

/* Tell step i, a pure function of the seed and i: 30 % of fixes come twice, 10 % after their
 * successor, 5 % long after their time, some too vague; then a tick. Every 16th step a fence is
 * drawn, drawn anew or removed. Each step is one frame, but for its change of the rules, which a
 * step that is told again does not repeat. An error of the log or of the engine, which a test may
 * have caused. */
hr_err story_tell(farm *farm, uint64_t seed, int64_t step);

/* The first step that the log does not have. */
int64_t story_next(farm *farm);

/* The fence that the change to this version is about. */
void story_changed_fence(uint64_t version, char id[8]);

/* Play the log by simple loops and naive geometry, and fail the test where the log's events are
 * others, or others' order. Returns how many there are. */
size_t story_check(farm *farm);

#endif
