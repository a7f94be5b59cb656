/* replay.h - recorded tracks, as CSV or GPX, instead of simulated animals. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fix.h"
#include "base/limits.h"

#define SIM_REPLAY_BYTES_MAX (512u << 20) /* of a file; HR_TOO_BIG above */
#define SIM_REPLAY_DEVICES_MAX 10000      /* HR_TOO_BIG above */

typedef struct sim_replay_row {
    uint32_t device; /* index in ids */
    hr_fix fix;
    size_t line; /* rows of one time stay in the order of the file */
} sim_replay_row;

/* Plain data, rows by time. */
typedef struct sim_replay {
    sim_replay_row *rows;
    size_t row_count;
    char (*ids)[HR_DEVICE_ID_MAX + 1];
    uint32_t id_count;
} sim_replay;

/* Read a file: `device,time,lon,lat[,accuracy_m][,speed_mps][,heading_deg][,battery_pct]` with that
 * header, or, when its name ends in .gpx, a track, whose device is the file's name.
 * *out is freed with sim_replay_free. HR_INVALID: why has the line and what would be right. */
HR_MUST_USE hr_err sim_replay_load(const char *path, sim_replay **out, hr_why *why);

/* The same for a text that stands for the file of that name. */
HR_MUST_USE hr_err sim_replay_parse(const char *path, const char *text, size_t size,
                                    sim_replay **out, hr_why *why);
void sim_replay_free(sim_replay *replay);

#endif
