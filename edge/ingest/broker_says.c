/* ingest/broker_says.c - mosquitto's lines: some are for our log, most are passed over. */
#include "ingest/broker_says.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "ingest/broker.h"

void broker_says_begin(broker_says *s)
{
    s->line_size = 0;
    s->is_running = false;
    s->knows_service = false;
}

#define TAKEN_OVER_TEXT " already connected, closing old connection"

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Mosquitto's lines begin with the time in seconds, which ours have already; from 2038 on it is
 * negative. */
static const char *without_time(const char *line)
{
    size_t digits = strspn(line, "-0123456789");
    return digits > 0 && strncmp(line + digits, ": ", 2) == 0 ? line + digits + 2 : line;
}

static void count(hr_counter *counter)
{
    if (counter != NULL) {
        hr_counter_add(counter, 1);
    }
}

/* "Denied PUBLISH from CLIENT (d0, q1, r0, m1, 'TOPIC', ... (2 bytes))" */
static void tell_denied(broker_says *s, const char *text)
{
    const char *client = strstr(text, " from ");
    const char *topic = strchr(text, '\'');
    const char *topic_end = topic != NULL ? strchr(topic + 1, '\'') : NULL;
    count(s->publishes_denied);
    if (client == NULL || topic_end == NULL) {
        return;
    }
    client += strlen(" from ");
    hr_logline(HR_LEVEL_WARN, "broker.denied", "client=\"%.*s\" topic=\"%.*s\"",
               (int)strcspn(client, " "), client, (int)(topic_end - topic - 1), topic + 1);
}

/* "Sending CONNACK to ADDRESS (0, 5)": any code but 0 is a refusal, and then there is no client. */
static void tell_connack(broker_says *s, const char *text)
{
    const char *address = text + strlen("Sending CONNACK to ");
    const char *code = strrchr(text, ',');
    if (code == NULL || strtol(code + 1, NULL, 10) == 0) {
        return;
    }
    count(s->logins_refused);
    hr_logline(HR_LEVEL_WARN, "broker.refused", "address=%.*s code=%ld", (int)strcspn(address, " "),
               address, strtol(code + 1, NULL, 10));
}

/* That client's place, or that of the one that has been quiet for longest. */
static broker_twin *meet_twin(broker_says *s, const char *client)
{
    broker_twin *oldest = &s->twins[0];
    for (size_t i = 0; i < BROKER_TWINS_MAX; i++) {
        broker_twin *twin = &s->twins[i];
        if (strcmp(twin->client, client) == 0) {
            return twin;
        }
        oldest = twin->taken_ms[0] < oldest->taken_ms[0] ? twin : oldest;
    }
    *oldest = (broker_twin){.taken_ms = {0}};
    snprintf(oldest->client, sizeof oldest->client, "%s", client);
    return oldest;
}

/* "Client NAME already connected, closing old connection.": once is a link that came back before
 * its loss was noticed. */
static void note_taken_over(broker_says *s, const char *text, int64_t now_ms)
{
    char client[BROKER_CLIENT_SIZE];
    const char *name = text + strlen("Client ");
    const char *end = strstr(name, TAKEN_OVER_TEXT);
    if (end == NULL) {
        return;
    }
    snprintf(client, sizeof client, "%.*s", (int)(end - name), name);
    broker_twin *twin = meet_twin(s, client);
    memmove(twin->taken_ms + 1, twin->taken_ms, sizeof twin->taken_ms - sizeof twin->taken_ms[0]);
    twin->taken_ms[0] = now_ms;
    int64_t first_ms = twin->taken_ms[BROKER_TWIN_TIMES - 1];
    if (first_ms == 0 || now_ms - first_ms > BROKER_TWIN_MS) {
        return;
    }
    memcpy(s->twin, client, sizeof s->twin);
    s->twin_ms = now_ms;
    hr_logline(HR_LEVEL_WARN, "broker.name_twice", "client=\"%s\"", client);
}

static bool is_service(const char *text)
{
    return strstr(text, " as " BROKER_SERVICE_CLIENT "-") != NULL &&
           strstr(text, "u'" BROKER_SERVICE_USER "')") != NULL;
}

static void take_line(broker_says *s, int64_t now_ms)
{
    s->line[s->line_size] = '\0';
    s->line_size = 0;
    const char *text = without_time(s->line);
    if (begins_with(text, "Received ") || begins_with(text, "Sending P")) {
        return;
    }
    if (begins_with(text, "Sending ")) {
        if (begins_with(text, "Sending CONNACK to ")) {
            tell_connack(s, text);
        }
        return;
    }
    if (begins_with(text, "Denied ")) {
        tell_denied(s, text);
        return;
    }
    if (begins_with(text, "Client ")) {
        note_taken_over(s, text, now_ms);
    }
    if (begins_with(text, "New client connected ") && is_service(text)) {
        s->knows_service = true;
    } else if (begins_with(text, "mosquitto version") && strstr(text, " running") != NULL) {
        s->is_running = true;
    }
    bool is_trouble = strstr(text, "Error") != NULL;
    hr_logline(is_trouble ? HR_LEVEL_WARN : HR_LEVEL_DEBUG, "broker.says", "text=\"%s\"", text);
    if (is_trouble || begins_with(text, "mosquitto ") || begins_with(text, "Unable ")) {
        memcpy(s->last_line, text, strlen(text) + 1);
    }
}

void broker_says_take(broker_says *s, const char *bytes, size_t size, int64_t now_ms)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end != NULL ? (size_t)(end - bytes) : size;
        size_t room = sizeof s->line - 1 - s->line_size;
        size_t kept = part < room ? part : room;
        memcpy(s->line + s->line_size, bytes, kept);
        s->line_size += kept;
        if (end != NULL) {
            take_line(s, now_ms);
            part++;
        }
        bytes += part;
        size -= part;
    }
}
