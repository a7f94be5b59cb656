/* engine/change.c - index first, catalogue second, log third, then the answer. */
#include "engine/change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "internal.h"

#define EDIT_BYTES_MAX (4u << 20)
/* Edits of one change that the record in `events` names; a larger import says how many there were.
 */
#define EDITS_NAMED_MAX 10000

struct engine_change {
    engine *engine;
    catalog_change *edits;
    const char *who; /* owned */
    int64_t now_ms;
};

hr_err engine_err_from_geo(geo_err err)
{
    switch (err) {
    case GEO_OK:
        return HR_OK;
    case GEO_NO_MEMORY:
        return HR_NO_MEMORY;
    case GEO_TOO_BIG:
        return HR_TOO_BIG;
    case GEO_NOT_FOUND:
        return HR_NOT_FOUND;
    case GEO_EXISTS:
        return HR_EXISTS;
    case GEO_CONFLICT:
        return HR_CONFLICT;
    case GEO_GONE:
        return HR_GONE;
    case GEO_IO:
        return HR_IO;
    case GEO_NO_SPACE:
        return HR_NO_SPACE;
    case GEO_CORRUPT:
        return HR_CORRUPT;
    case GEO_TOO_NEW:
        return HR_TOO_NEW;
    case GEO_LOCKED:
        return HR_LOCKED;
    default:
        return HR_INVALID;
    }
}

/* A geo_err with its detail as ours. */
static hr_err explain(hr_why *why, geo_err err, const geo_why *detail)
{
    return hr_why_set(why, engine_err_from_geo(err), "%s",
                      detail->text[0] != '\0' ? detail->text : geo_err_text(err));
}

hr_err engine_change_begin(engine *engine, const char *who, int64_t now_ms, engine_change **out,
                           hr_why *why)
{
    if (!engine_is_ready(engine)) {
        return hr_why_set(why, HR_LOCKED, "the service is still starting: try again in a moment");
    }
    engine_change *change = calloc(1, sizeof *change);
    char *name = strdup(who);
    geo_why detail = {""};
    geo_err err = change != NULL && name != NULL ? GEO_OK : GEO_NO_MEMORY;
    /* Held until the log has the change, so that versions come to it in their order. */
    pthread_mutex_lock(&engine->change_lock);
    if (err == GEO_OK) {
        err = catalog_change_begin(engine->options.catalog, who, now_ms, &change->edits, &detail);
    }
    if (err != GEO_OK) {
        pthread_mutex_unlock(&engine->change_lock);
        free(name);
        free(change);
        return explain(why, err, &detail);
    }
    change->engine = engine;
    change->who = name;
    change->now_ms = now_ms;
    *out = change;
    return HR_OK;
}

catalog_change *engine_change_edits(engine_change *change)
{
    return change->edits;
}

static void free_change(engine_change *change)
{
    pthread_mutex_unlock(&change->engine->change_lock);
    free((char *)change->who);
    free(change);
}

void engine_change_abandon(engine_change *change)
{
    if (change != NULL) {
        catalog_change_abandon(change->edits);
        free_change(change);
    }
}

/* {"version","who","time","edits":[{"fence","what","revision"}],"edit_count"} */
static void describe(const engine_change *change, uint64_t version, hr_buf *out)
{
    size_t count;
    const catalog_edit *edits = catalog_change_edits(change->edits, &count);
    hr_json json = hr_json_into(out);
    hr_json_open_object(&json);
    hr_json_key_u64(&json, "version", version);
    hr_json_key_text(&json, "who", change->who);
    hr_json_key_time(&json, "time", change->now_ms);
    hr_json_key_u64(&json, "edit_count", count);
    hr_json_key(&json, "edits");
    hr_json_open_array(&json);
    for (size_t i = 0; i < count && i < EDITS_NAMED_MAX; i++) {
        hr_json_open_object(&json);
        hr_json_key_text(&json, "fence", edits[i].id);
        hr_json_key_text(&json, "what", catalog_edit_text(edits[i].kind));
        hr_json_key_u64(&json, "revision", edits[i].revision);
        hr_json_close_object(&json);
    }
    hr_json_close_array(&json);
    hr_json_close_object(&json);
}

hr_err engine_rules_announce(engine *engine, uint64_t version, const char *edit, size_t edit_size,
                             hr_why *why)
{
    uint8_t record[4 + HR_RULES_BYTES];
    log_batch batches[HR_PARTITIONS_MAX + 1];
    uint32_t count = engine->partition_count;
    hr_store_u32(record, HR_RULES_BYTES);
    hr_store_u64(record + 4, version);
    for (uint32_t p = 0; p < count; p++) {
        batches[p] = (log_batch){.topic = HR_TOPIC_POSITIONS,
                                 .type = HR_RECORD_RULES,
                                 .partition = (uint16_t)p,
                                 .count = 1,
                                 .bytes = record,
                                 .size = sizeof record};
    }
    hr_buf edit_record;
    hr_buf_init(&edit_record, EDIT_BYTES_MAX + 4);
    hr_buf_put_u32(&edit_record, (uint32_t)edit_size);
    hr_buf_put(&edit_record, edit, edit_size);
    hr_err err = hr_buf_err(&edit_record);
    if (err == HR_OK) {
        batches[count] = (log_batch){.topic = HR_TOPIC_EVENTS,
                                     .type = HR_RECORD_EDIT,
                                     .count = 1,
                                     .bytes = edit_record.data,
                                     .size = edit_record.size};
        log_position end;
        err = log_append(engine->options.log, batches, count + 1, NULL, NULL, &end);
        if (err == HR_OK) {
            err = engine_wait_durable(engine, end, true, why);
        } else {
            hr_why_set(why, err, "cannot tell the log of version %" PRIu64 " of the rules: %s",
                       version, hr_err_text(err));
        }
    }
    hr_buf_fini(&edit_record);
    return err;
}

hr_err engine_change_commit(engine_change *change, uint64_t *version, hr_why *why)
{
    engine *engine = change->engine;
    geo_why detail = {""};
    const geo_rules *rules;
    uint64_t before = catalog_version(engine->options.catalog);
    geo_err geo = catalog_change_rules(change->edits, &rules, &detail);
    if (geo != GEO_OK) {
        engine_change_abandon(change);
        return explain(why, geo, &detail);
    }
    /* Refused now it changes nothing; refused by the log it would stand, and be told later. */
    hr_err err = log_health(engine->options.log, why);
    if (err == HR_OK) {
        err = engine_world_prepare(engine->worlds, rules, why);
    }
    uint64_t made = geo_rules_version(rules);
    geo_rules_unref(rules);
    if (err != HR_OK) {
        engine_change_abandon(change);
        return err;
    }
    hr_buf edit;
    hr_buf_init(&edit, EDIT_BYTES_MAX);
    describe(change, made, &edit);
    geo = catalog_change_commit(change->edits, &made, &detail);
    if (geo != GEO_OK) {
        err = explain(why, geo, &detail);
    } else if (made != before) {
        /* From here on the change stands, whatever the log says: the keeper tells it later. */
        err = engine_rules_announce(engine, made, (const char *)edit.data, edit.size, why);
        atomic_store(&engine->is_change_untold, err == HR_NO_SPACE);
        engine_keeper_stir(engine);
    }
    hr_buf_fini(&edit);
    free_change(change);
    if (err == HR_OK && version != NULL) {
        *version = made;
    }
    return err;
}
