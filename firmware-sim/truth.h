/* truth.h - the file of every fix that a fleet sent, with its gateway's epoch and its sequence.
 *
 * It is also the outbox that survives a killed simulator: a row is in it before it is sent, and
 * since a seed gives the same fleet again, a new start goes on where the file ends. */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "fleet.h"

#define SIM_TRUTH_BUFFER_BYTES (256u << 10)

/* Whether its fixes carry sequences; JSON has none. */
typedef struct sim_truth_head {
    uint64_t seed;
    int64_t start_ms;
    uint32_t device_count;
    uint32_t gateway_count;
    bool has_sequences;
} sim_truth_head;

typedef struct sim_truth_row {
    uint32_t gateway;
    uint64_t seq;
    sim_fix fix;
} sim_truth_row;

/* Opaque. Threads: one. */
typedef struct sim_truth sim_truth;

/* Make the file, with the ids of all devices and the epochs of all gateways. */
HR_MUST_USE hr_err sim_truth_create(const char *path, const sim_truth_head *head,
                                    const char (*ids)[HR_DEVICE_ID_MAX + 1], const uint64_t *epochs,
                                    sim_truth **out, hr_why *why);

/* Open one to read it, and then to go on: half a row at its end is cut. */
HR_MUST_USE hr_err sim_truth_open(const char *path, sim_truth **out, hr_why *why);
void sim_truth_close(sim_truth *truth);

const sim_truth_head *sim_truth_about(const sim_truth *truth);
const char *sim_truth_id(const sim_truth *truth, uint32_t device); /* borrowed until closed */
uint64_t sim_truth_epoch(const sim_truth *truth, uint32_t gateway);

/* The next row; HR_NOT_FOUND at the end, where sim_truth_add goes on. */
HR_MUST_USE hr_err sim_truth_read(sim_truth *truth, sim_truth_row *row);

/* Rows gather in memory until sim_truth_flush gives them to the kernel. */
HR_MUST_USE hr_err sim_truth_add(sim_truth *truth, const sim_truth_row *row);
HR_MUST_USE hr_err sim_truth_flush(sim_truth *truth);

#endif
