/* core/engine/query_shipped.c - the standing queries that every farm has from the start. */
#include <string.h>

#include "catalog/change.h"
#include "catalog/document.h"
#include "engine/change.h"
#include "query_set.h"

#define MARK_KIND "query-shipped"
#define MARK_NAME "first"

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
     "\"select\":{\"crossings\":\"count()\",\"animals\":\"distinct(device)\"},"
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
    {"battery-days",
     "{\"name\":\"battery-days\",\"about\":\"The day since 1970 on which each device's battery "
     "will be empty (zero), with its 95 % interval\",\"enabled\":false,"
     "\"from\":\"positions\",\"where\":\"battery_pct is not null\",\"group_by\":[\"device\"],"
     "\"window\":{\"type\":\"running\"},"
     "\"select\":{\"battery\":\"trend(battery_pct, time / 86400000.0, 1)\"},"
     "\"output\":\"complete\"}"},
};

/* A definition that its owner has removed must not come back at the next start: so the fact that
 * they were added is kept too. */
hr_err query_shipped_add(catalog *catalog, hr_why *why)
{
    catalog_text mark;
    geo_why geo = {.text = ""};
    geo_err err = catalog_document_get(catalog, MARK_KIND, MARK_NAME, &mark, &geo);
    if (err == GEO_OK) {
        catalog_text_fini(&mark);
        return HR_OK;
    }
    err = err == GEO_NOT_FOUND ? GEO_OK : err;
    for (size_t i = 0; err == GEO_OK && i < sizeof shipped / sizeof shipped[0]; i++) {
        err = catalog_document_put(catalog, QUERY_DOCUMENT_KIND, shipped[i].name, shipped[i].text,
                                   strlen(shipped[i].text), CATALOG_NONE, NULL, &geo);
        err = err == GEO_EXISTS || err == GEO_CONFLICT ? GEO_OK : err;
    }
    if (err == GEO_OK) {
        err = catalog_document_put(catalog, MARK_KIND, MARK_NAME, "{}", 2, CATALOG_ANY, NULL, &geo);
    }
    return err == GEO_OK
               ? HR_OK
               : hr_why_set(why, engine_err_from_geo(err), "shipped queries: %s", geo.text);
}
