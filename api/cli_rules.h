/* api/cli_rules.h - the rules of a replay: the fences of a GeoJSON file, whose schedules are
 * resolved for the times that the rows turn out to have. */
#ifndef API_CLI_RULES_H
#define API_CLI_RULES_H

#include "cli_rows.h"
#include "geo/index.h"
#include "geo/rules.h"
#include "geo/schedule.h"
#include "geo/tracker.h"
#include "geo/tracker_index.h"

typedef struct cli_rules {
    const geo_rules *rules;
    geo_index *index;
    geo_index_version *version;
    geo_tracker_index areas;
    geo_interval span; /* that schedules are resolved for */
    uint32_t schedule_count;
    uint32_t schedule_capacity;
    geo_weekly *schedules; /* of the fences that have one, and their slots */
    uint32_t *schedule_slots;
} cli_rules;

/* Read the fences; schedules are resolved for times from first_ms to last_ms and well around.
 * False, having told the reason, when they are not sound. */
bool cli_rules_open(cli_rules *rules, const cli_rows_options *options, int64_t first_ms,
                    int64_t last_ms);
void cli_rules_close(cli_rules *rules);

/* Whether the schedules must be resolved anew before times from first_ms to last_ms are judged. */
bool cli_rules_must_extend(const cli_rules *rules, int64_t first_ms, int64_t last_ms);

/* Resolve them: a new version in rules->rules; the old one's reference goes to *before, and what
 * differs to *diff, both the caller's. */
GEO_MUST_USE geo_err cli_rules_extend(cli_rules *rules, int64_t first_ms, int64_t last_ms,
                                      const geo_rules **before, geo_rules_diff **diff,
                                      geo_why *why);

#endif
