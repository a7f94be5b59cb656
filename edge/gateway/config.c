/* gateway/config.c - reads the configuration, and says by line what is wrong with it. */
#include "gateway/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/text.h"

#define FILE_BYTES_MAX 65536

typedef struct span {
    const char *text;
    size_t size;
} span;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static span trim(span s)
{
    while (s.size > 0 && is_space(s.text[0])) {
        s.text++;
        s.size--;
    }
    while (s.size > 0 && is_space(s.text[s.size - 1])) {
        s.size--;
    }
    return s;
}

static bool is(span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.text, text, s.size) == 0;
}

static hr_err copy(span value, char *to, size_t capacity, hr_why *why)
{
    if (value.size == 0 || value.size >= capacity) {
        return hr_why_set(why, HR_INVALID, "the value is empty or longer than %zu", capacity - 1);
    }
    memcpy(to, value.text, value.size);
    to[value.size] = '\0';
    return HR_OK;
}

static hr_err read_number(span value, int64_t min, int64_t max, uint32_t *to, hr_why *why)
{
    int64_t number;
    if (hr_decimal_parse(value.text, value.size, 0, &number) != HR_OK || number < min ||
        number > max) {
        return hr_why_set(why, HR_INVALID, "a number from %lld to %lld is wanted", (long long)min,
                          (long long)max);
    }
    *to = (uint32_t)number;
    return HR_OK;
}

/* By config_kind. */
static const char *const kind_names[] = {"json:", "nmea:", "gpsd:", "lorawan:"};

static bool take_kind(span *value, config_kind *kind)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        size_t size = strlen(kind_names[i]);
        if (value->size > size && memcmp(value->text, kind_names[i], size) == 0) {
            *kind = (config_kind)i;
            value->text += size;
            value->size -= size;
            return true;
        }
    }
    return false;
}

/* "kind:place device" */
static hr_err read_source(span value, config *out, hr_why *why)
{
    if (out->source_count == CONFIG_SOURCES_MAX) {
        return hr_why_set(why, HR_INVALID, "more than %d sources", CONFIG_SOURCES_MAX);
    }
    config_source *source = &out->sources[out->source_count];
    if (!take_kind(&value, &source->kind)) {
        return hr_why_set(why, HR_INVALID, "a source begins with json: nmea: gpsd: or lorawan:");
    }
    span place = value, device = {value.text, 0};
    for (size_t i = 0; i < value.size; i++) {
        if (is_space(value.text[i])) {
            place.size = i;
            device = trim((span){value.text + i, value.size - i});
            break;
        }
    }
    if (device.size > 0 && !hr_device_id_is_valid(device.text, device.size)) {
        return hr_why_set(why, HR_INVALID, "\"%.*s\" is not a device id", (int)device.size,
                          device.text);
    }
    memcpy(source->device, device.text, device.size);
    source->device[device.size] = '\0';
    out->source_count++;
    return copy(place, source->place, sizeof source->place, why);
}

static hr_err read_pair(span name, span value, config *out, hr_why *why)
{
    struct {
        const char *name;
        char *to;
        size_t capacity;
    } texts[] = {
        {"broker", out->broker, sizeof out->broker},
        {"user", out->user, sizeof out->user},
        {"password", out->password, sizeof out->password},
        {"ca_file", out->ca_file, sizeof out->ca_file},
        {"cert_file", out->cert_file, sizeof out->cert_file},
        {"key_file", out->key_file, sizeof out->key_file},
        {"data", out->data, sizeof out->data},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (is(name, texts[i].name)) {
            return copy(value, texts[i].to, texts[i].capacity, why);
        }
    }
    if (is(name, "source")) {
        return read_source(value, out, why);
    }
    if (is(name, "disk_mb")) {
        return read_number(value, CONFIG_DISK_MB_MIN, 1 << 20, &out->disk_mb, why);
    }
    if (is(name, "keepalive_s")) {
        return read_number(value, 1, 3600, &out->keepalive_s, why);
    }
    if (is(name, "batch_ms")) {
        return read_number(value, 10, 600000, &out->batch_ms, why);
    }
    if (is(name, "batch_fixes")) {
        return read_number(value, 1, 4000, &out->batch_fixes, why);
    }
    return hr_why_set(why, HR_INVALID, "\"%.*s\" is not a name that is known here",
                      (int)(name.size < 40 ? name.size : 40), name.text);
}

static hr_err read_line(span line, config *out, hr_why *why)
{
    line = trim(line);
    if (line.size == 0 || line.text[0] == '#') {
        return HR_OK;
    }
    const char *equals = memchr(line.text, '=', line.size);
    if (equals == NULL) {
        return hr_why_set(why, HR_INVALID, "not like name = value");
    }
    size_t name_size = (size_t)(equals - line.text);
    span name = trim((span){line.text, name_size});
    span value = trim((span){equals + 1, line.size - name_size - 1});
    return read_pair(name, value, out, why);
}

static hr_err check_whole(const config *c, hr_why *why)
{
    if (c->broker[0] == '\0' || c->user[0] == '\0' || c->data[0] == '\0') {
        return hr_why_set(why, HR_INVALID, "broker, user and data must be given");
    }
    if (!hr_user_id_is_valid(c->user, strlen(c->user))) {
        return hr_why_set(why, HR_INVALID, "user is not 1-64 of [A-Za-z0-9._-]");
    }
    if (c->source_count == 0) {
        return hr_why_set(why, HR_INVALID, "at least one source must be given");
    }
    return HR_OK;
}

void config_init(config *c)
{
    *c = (config){.disk_mb = CONFIG_DISK_MB_DEFAULT,
                  .keepalive_s = CONFIG_KEEPALIVE_S_DEFAULT,
                  .batch_ms = CONFIG_BATCH_MS_DEFAULT,
                  .batch_fixes = CONFIG_BATCH_FIXES_DEFAULT};
}

hr_err config_parse(const char *text, size_t size, config *out, hr_why *why)
{
    config c;
    config_init(&c);
    size_t first = 0;
    unsigned number = 1;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '\n') {
            continue;
        }
        hr_why reason = {{0}};
        if (read_line((span){text + first, i - first}, &c, &reason) != HR_OK) {
            return hr_why_set(why, HR_INVALID, "line %u: %.400s", number, reason.text);
        }
        first = i + 1;
        number++;
    }
    hr_err err = check_whole(&c, why);
    if (err == HR_OK) {
        *out = c;
    }
    return err;
}

static void put_text(hr_buf *out, const char *name, const char *value)
{
    if (value[0] != '\0') {
        hr_buf_printf(out, "%s = %s\n", name, value);
    }
}

static void put_number(hr_buf *out, const char *name, uint32_t value, uint32_t usual)
{
    if (value != usual) {
        hr_buf_printf(out, "%s = %u\n", name, value);
    }
}

void config_format(const config *c, hr_buf *out)
{
    put_text(out, "broker", c->broker);
    put_text(out, "user", c->user);
    put_text(out, "password", c->password);
    put_text(out, "ca_file", c->ca_file);
    put_text(out, "cert_file", c->cert_file);
    put_text(out, "key_file", c->key_file);
    put_text(out, "data", c->data);
    put_number(out, "disk_mb", c->disk_mb, CONFIG_DISK_MB_DEFAULT);
    put_number(out, "keepalive_s", c->keepalive_s, CONFIG_KEEPALIVE_S_DEFAULT);
    put_number(out, "batch_ms", c->batch_ms, CONFIG_BATCH_MS_DEFAULT);
    put_number(out, "batch_fixes", c->batch_fixes, CONFIG_BATCH_FIXES_DEFAULT);
    for (size_t i = 0; i < c->source_count; i++) {
        const config_source *source = &c->sources[i];
        hr_buf_printf(out, "source = %s%s%s%s\n", kind_names[source->kind], source->place,
                      source->device[0] != '\0' ? " " : "", source->device);
    }
}

hr_err config_load(const char *path, config *out, hr_why *why)
{
    static char text[FILE_BYTES_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    ssize_t size = read(fd, text, sizeof text);
    int failed = errno;
    close(fd);
    if (size < 0) {
        return hr_why_errno(why, failed, "cannot read %s", path);
    }
    hr_why reason = {{0}};
    if (size == FILE_BYTES_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "%s is longer than %d bytes", path, FILE_BYTES_MAX);
    }
    if (config_parse(text, (size_t)size, out, &reason) != HR_OK) {
        return hr_why_set(why, HR_INVALID, "%.60s: %.400s", path, reason.text);
    }
    return HR_OK;
}
