/* core/engine/query_shipped.c - the standing queries that every farm has from the start. */
#include <string.h>

#include "catalog/change.h"
#include "catalog/document.h"
#include "engine/change.h"
#include "query_set.h"

#define MARK_KIND "query-shipped"

#define CROSSINGS "\"from\":\"events\",\"where\":\"kind in ('enter','exit','cross')\","

static const struct {
    const char *name;
    const char *text;
} shipped[] = {
    {"crossings-10s", "{\"name\":\"crossings-10s\",\"about\":\"Crossings of each fence, every 10 "
                      "seconds\"," CROSSINGS "\"group_by\":[\"fence\"],"
                      "\"window\":{\"type\":\"tumbling\",\"size\":\"10s\"},"
                      "\"select\":{\"crossings\":\"count()\"},\"output\":\"update\"}"},
    {"crossings-10m",
     "{\"name\":\"crossings-10m\",\"about\":\"Crossings of each fence in the last 10 minutes, "
     "every minute\"," CROSSINGS "\"group_by\":[\"fence\"],"
     "\"window\":{\"type\":\"hopping\",\"size\":\"10m\",\"every\":\"1m\"},"
     "\"select\":{\"crossings\":\"count()\"},"
     "\"output\":\"update\"}"},
    {"trending", "{\"name\":\"trending\",\"about\":\"Crossings of each fence since the "
                 "start\"," CROSSINGS "\"group_by\":[\"fence\"],\"window\":{\"type\":\"running\"},"
                 "\"select\":{\"crossings\":\"count()\",\"animals\":\"distinct(device)\"},"
                 "\"output\":\"complete\"}"},
    {"animals-per-day",
     "{\"name\":\"animals-per-day\",\"about\":\"How many different animals were seen to enter each "
     "fence, by UTC day\",\"from\":\"events\",\"where\":\"kind in ('enter','cross')\","
     "\"group_by\":[\"fence\"],\"window\":{\"type\":\"tumbling\",\"size\":\"1d\"},"
     "\"select\":{\"animals\":\"distinct(device)\"},\"output\":\"update\"}"},
    {"events-per-kind",
     "{\"name\":\"events-per-kind\",\"about\":\"Events of each kind since the start\","
     "\"from\":\"events\",\"group_by\":[\"kind\"],\"window\":{\"type\":\"running\"},"
     "\"select\":{\"events\":\"count()\"},\"output\":\"complete\"}"},
    /* A changed or charged battery is above 90 % for longer than the gap: so it begins anew. */
    {"battery-days",
     "{\"name\":\"battery-days\",\"about\":\"The day since 1970 on which each device's battery "
     "will be empty (zero), with its 95 % interval; from 90 % on, so that it begins anew with a "
     "changed battery that lasts 40 days or more\",\"enabled\":false,"
     "\"from\":\"positions\",\"where\":\"battery_pct <= 90\",\"group_by\":[\"device\"],"
     "\"window\":{\"type\":\"session\",\"gap\":\"4d\"},\"lateness\":\"4d\","
     "\"select\":{\"battery\":\"trend(battery_pct, time_days, 1)\"},"
     "\"output\":\"complete\"}"},
    {"time-inside",
     "{\"name\":\"time-inside\",\"about\":\"How long each device has been inside each fence since "
     "the start, in seconds; the truth lies within uncertainty_s, the time between the fixes "
     "around "
     "the crossings\",\"from\":\"events\",\"where\":\"kind in ('enter','exit')\","
     "\"group_by\":[\"fence\",\"device\"],\"window\":{\"type\":\"running\"},"
     "\"select\":{\"inside_s\":\"stay(kind, crossing_time, uncertainty_s)\"},"
     "\"output\":\"complete\"}"},
    {"speed-per-group",
     "{\"name\":\"speed-per-group\",\"about\":\"Speeds within each group of devices in m/s, by "
     "hour: half, nine in ten, and 99 in 100 fixes are slower\",\"from\":\"positions\","
     "\"join\":[\"device\"],\"where\":\"speed_mps is not null\",\"group_by\":[\"device_group\"],"
     "\"window\":{\"type\":\"tumbling\",\"size\":\"1h\"},"
     "\"select\":{\"fixes\":\"count()\",\"half\":\"quantile(speed_mps, 0.5)\","
     "\"most\":\"quantile(speed_mps, 0.9)\",\"nearly_all\":\"quantile(speed_mps, 0.99)\"},"
     "\"output\":\"update\"}"},
};

/* What came with which release, under one mark. */
static const struct {
    const char *mark;
    size_t end;
} waves[] = {{"first", 6}, {"second", sizeof shipped / sizeof shipped[0]}};

static geo_err add_wave(catalog *catalog, size_t from, size_t end, geo_why *why)
{
    geo_err err = GEO_OK;
    for (size_t i = from; err == GEO_OK && i < end; i++) {
        err = catalog_document_put(catalog, QUERY_DOCUMENT_KIND, shipped[i].name, shipped[i].text,
                                   strlen(shipped[i].text), CATALOG_NONE, NULL, why);
        err = err == GEO_EXISTS || err == GEO_CONFLICT ? GEO_OK : err;
    }
    return err;
}

/* A definition that its owner has removed must not come back at the next start: so the fact that
 * they were added is kept too. */
hr_err query_shipped_add(catalog *catalog, hr_why *why)
{
    geo_why geo = {.text = ""};
    geo_err err = GEO_OK;
    size_t from = 0;
    for (size_t i = 0; err == GEO_OK && i < sizeof waves / sizeof waves[0]; i++) {
        catalog_text mark;
        err = catalog_document_get(catalog, MARK_KIND, waves[i].mark, &mark, &geo);
        if (err == GEO_OK) {
            catalog_text_fini(&mark);
        } else if (err == GEO_NOT_FOUND) {
            err = add_wave(catalog, from, waves[i].end, &geo);
            if (err == GEO_OK) {
                err = catalog_document_put(catalog, MARK_KIND, waves[i].mark, "{}", 2, CATALOG_ANY,
                                           NULL, &geo);
            }
        }
        from = waves[i].end;
    }
    return err == GEO_OK
               ? HR_OK
               : hr_why_set(why, engine_err_from_geo(err), "shipped queries: %s", geo.text);
}
