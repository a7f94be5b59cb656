/* tests/api/live_fixture.c - the server on a log of its own, into which events are put by command:
 * a line "events N" on stdin appends N, "big N SIZE" edits of that size; the end of input stops it.
 *
 * usage: live_fixture FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/accounts.h"
#include "api/dispatch.h"
#include "api/server.h"
#include "base/event.h"
#include "base/record.h"
#include "log/log.h"

static int64_t event_count;

static void put_record(hr_buf *batch, const hr_buf *record)
{
    hr_buf_put_u32(batch, (uint32_t)record->size);
    hr_buf_put(batch, record->data, record->size);
}

static bool append(log_store *log, hr_record type, uint32_t count, const hr_buf *bytes)
{
    log_batch batch = {.topic = HR_TOPIC_EVENTS,
                       .type = (uint8_t)type,
                       .count = count,
                       .bytes = bytes->data,
                       .size = bytes->size};
    log_position end = 0;
    return log_append(log, &batch, 1, NULL, NULL, &end) == HR_OK;
}

static bool append_events(log_store *log, uint32_t count)
{
    hr_buf batch;
    hr_buf record;
    hr_buf_init(&batch, 16u << 20);
    hr_buf_init(&record, 4096);
    for (uint32_t i = 0; i < count; i++) {
        hr_event event = {.kind = HR_EVENT_ENTER,
                          .time_ms = 1795161600000 + event_count++,
                          .received_ms = 1795161600500,
                          .has_place = true,
                          .lon_e7 = 163725000,
                          .lat_e7 = 598512000,
                          .device = 1};
        memcpy(event.device_id, "cow-1", 6);
        memcpy(event.fence_id, "north", 6);
        memcpy(event.fence_name, "North \"paddock\"", 16);
        hr_buf_clear(&record);
        hr_event_store(&record, &event);
        put_record(&batch, &record);
    }
    bool done = append(log, HR_RECORD_EVENT, count, &batch);
    hr_buf_fini(&batch);
    hr_buf_fini(&record);
    return done;
}

static bool append_big(log_store *log, uint32_t count, uint32_t size)
{
    bool done = true;
    hr_buf batch;
    hr_buf record;
    hr_buf_init(&batch, 16u << 20);
    hr_buf_init(&record, 16u << 20);
    for (uint32_t i = 0; i < count && done; i++) {
        hr_buf_clear(&record);
        hr_buf_clear(&batch);
        hr_buf_put_text(&record, "{\"fill\":\"");
        uint8_t *fill = hr_buf_extend(&record, size);
        done = fill != NULL;
        if (done) {
            memset(fill, 'x', size);
            hr_buf_put_text(&record, "\"}");
            put_record(&batch, &record);
            done = append(log, HR_RECORD_EDIT, 1, &batch);
        }
    }
    hr_buf_fini(&batch);
    hr_buf_fini(&record);
    return done;
}

static void obey(log_store *log)
{
    char line[128];
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned count = 0;
        unsigned size = 0;
        bool done = sscanf(line, "events %u", &count) == 1          ? append_events(log, count)
                    : sscanf(line, "big %u %u", &count, &size) == 2 ? append_big(log, count, size)
                                                                    : false;
        printf("%s\n", done ? "done" : "failed");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static api_context context;
    static api_relay relay;
    char path[1024];
    hr_why why = {.text = ""};
    const log_topic topics[HR_TOPICS] = {{"positions", 2}, {"events", 1}, {"dead", 1}};
    context.clock = hr_clock_real();
    context.metrics = hr_metrics_new();
    context.version = "test";
    context.folder_id = "00000000000000aa";
    if (argc != 2 || context.metrics == NULL) {
        return 2;
    }
    api_relay_init(&relay);
    api_dispatch_init(&context);
    snprintf(path, sizeof path, "%s/journal", argv[1]);
    log_options options = {.folder = path,
                           .topics = topics,
                           .topic_count = HR_TOPICS,
                           .clock = context.clock,
                           .file_bytes = 1u << 20,
                           .retain_bytes = 0};
    hr_err err = log_open(&options, &context.log, &why);
    snprintf(path, sizeof path, "%s/accounts.db", argv[1]);
    if (err == HR_OK) {
        err = accounts_open(path, context.clock, &context.accounts, &why);
    }
    if (err == HR_OK) {
        err = log_listen(context.log, api_relay_notify, &relay);
    }
    api_server *server = NULL;
    api_server_options server_options = {
        .http = {.host = "127.0.0.1", .port = 0}, .relay = &relay, .context = &context};
    if (err == HR_OK) {
        err = api_server_start(&server_options, &server, &why);
    }
    if (err != HR_OK) {
        fprintf(stderr, "live_fixture: %s\n", why.text);
        return 1;
    }
    printf("port %u\n", api_server_port(server));
    fflush(stdout);
    obey(context.log);
    api_server_stop(server);
    accounts_close(context.accounts);
    log_close(context.log);
    hr_metrics_free(context.metrics);
    api_relay_fini(&relay);
    return 0;
}
