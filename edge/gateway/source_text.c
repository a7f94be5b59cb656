/* gateway/source_text.c - splits a stream into lines, and takes each as JSON or as NMEA. */
#include "gateway/source_text.h"

#include <stdlib.h>
#include <string.h>

#include "wire/nmea.h"

struct source_text {
    source *s;
    bool is_live;
    nmea receiver;
    char line[SOURCE_LINE_MAX];
    size_t size;
    bool is_too_long;
};

source_text *source_text_new(source *s, bool is_live)
{
    source_text *t = malloc(sizeof *t);
    if (t != NULL) {
        t->s = s;
        t->is_live = is_live;
        t->size = 0;
        t->is_too_long = false;
        nmea_init(&t->receiver);
    }
    return t;
}

void source_text_free(source_text *t)
{
    free(t);
}

static hr_err visit(void *context, size_t index, const wire_fix *fix, const hr_why *why)
{
    source *s = context;
    if (fix == NULL) {
        hr_why reason;
        hr_why_set(&reason, HR_INVALID, "element %zu: %.400s", index, why->text);
        source_refuse(s, SOURCE_FIX, reason.text);
        return HR_OK;
    }
    wire_fix copy = *fix;
    return source_take(s, &copy) ? HR_OK : HR_CLOSED;
}

static hr_err take_sentence(source_text *t, hr_why *why)
{
    wire_fix fix = {.id_size = 0};
    const hr_clock *clock = t->s->options.clock;
    if (t->is_live) {
        bool is_right = hr_clock_is_synchronised(clock);
        nmea_set_clock(&t->receiver, is_right ? hr_clock_now_ms(clock) : NMEA_NO_CLOCK);
    }
    hr_err err = nmea_read(&t->receiver, t->line, t->size, &fix.fix, why);
    if (err == HR_OK) {
        source_take(t->s, &fix);
    }
    return err;
}

static void take_line(source_text *t)
{
    hr_why why = {{0}};
    bool is_json = t->s->options.what->kind == CONFIG_JSON;
    hr_err err = is_json ? fix_json_read(t->line, t->size, t->s->device, visit, t->s, &why)
                         : take_sentence(t, &why);
    if (err == HR_INVALID || err == HR_CORRUPT) {
        source_refuse(t->s, err == HR_CORRUPT ? SOURCE_CHECKSUM : SOURCE_FORMAT, why.text);
    }
}

void source_text_end_line(source_text *t)
{
    while (t->size > 0 && (t->line[t->size - 1] == '\r' || t->line[t->size - 1] == ' ')) {
        t->size--;
    }
    source_reading(t->s, t->line, t->size);
    if (t->is_too_long) {
        source_refuse(t->s, SOURCE_TOO_LONG, "a line above 65536 bytes");
    } else if (t->size > 0) {
        take_line(t);
    }
    t->size = 0;
    t->is_too_long = false;
}

void source_text_take(source_text *t, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && !atomic_load(&t->s->is_stopping); i++) {
        if (bytes[i] == '\n') {
            source_text_end_line(t);
        } else if (t->size < sizeof t->line) {
            t->line[t->size++] = bytes[i];
        } else {
            t->is_too_long = true;
        }
    }
}
