/* runner.h - a run of the simulator: fleet, truth, gateways and pace together. */
#ifndef SIM_RUNNER_H
#define SIM_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "gateway.h"
#include "scenario.h"
#include "uplink.h"

typedef struct sim_run_options {
    const sim_scenario *scenario;
    sim_login login;
    sim_form form;
    const char *only;  /* with sim_run_dry: this herd or device alone; NULL: all */
    const char *truth; /* NULL: none is kept */
    bool resume;       /* go on where the truth file ends, if there is one */
    bool has_start;    /* else now, or as far back as the fixes need */
    int64_t start_ms;
    double speedup;      /* of the scenario's time; 0: as fast as possible */
    double rate;         /* fixes/s, whatever the scenario's period; 0: by speedup */
    uint64_t fix_count;  /* turns of devices to make; 0: until stopped */
    uint32_t duration_s; /* of making fixes; 0: until stopped */
    uint32_t drain_s;    /* for the last acknowledgements; then the run has failed */
    uint32_t batch_fixes;
    uint32_t window_fixes;
    uint32_t linger_ms;
    bool show_progress;
    /* Called on the running thread after each look at the connection; may be NULL. */
    void (*observe)(void *context, const sim_gateways_counts *counts);
    void *observe_context;
} sim_run_options;

typedef struct sim_run_result {
    sim_gateways_counts counts;
    double seconds; /* from the first message to the last acknowledgement */
    bool is_drained;
} sim_run_result;

void sim_run_defaults(sim_run_options *options);

/* Run to the end, or until *stop becomes true. HR_TIMEOUT: not everything was acknowledged in
 * time; result is filled all the same. */
HR_MUST_USE hr_err sim_run(const sim_run_options *options, const volatile bool *stop,
                           sim_run_result *result, hr_why *why);

/* Without a connection: the truth, and fixes as lines when they are due (of form SIM_JSON or
 * SIM_NMEA; lines NULL: the truth alone, at once). HR_CLOSED: nobody reads the lines any more. */
HR_MUST_USE hr_err sim_run_dry(const sim_run_options *options, FILE *lines,
                               const volatile bool *stop, hr_why *why);

#endif
