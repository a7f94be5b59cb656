/* farm.h - a scenario's fences as GeoJSON, for the service or for a file. */
#ifndef SIM_FARM_H
#define SIM_FARM_H

#include "base/buf.h"
#include "base/err.h"
#include "http.h"
#include "scenario.h"

/* Append one fence as a Feature; times of day are of the time zone tz. */
void sim_farm_feature(hr_buf *out, const sim_scenario *scenario, const sim_fence *fence,
                      const char *tz);

/* Append all of them as a FeatureCollection. */
void sim_farm_collection(hr_buf *out, const sim_scenario *scenario, const char *tz);

/* The same to standard output. */
HR_MUST_USE hr_err sim_farm_print(const sim_scenario *scenario);

/* Give them to the service; those that it has already stay as they are. */
HR_MUST_USE hr_err sim_farm_post(const sim_scenario *scenario, sim_http *http, hr_why *why);

#endif
