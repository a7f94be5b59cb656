/* gateway/config.c - reads the configuration, and says by line what is wrong with it. */
#include "gateway/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/text.h"
#include "gateway/source_lines.h"
#include "gateway/source_tcp.h"
#include "mqtt/link.h"

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

/* For a message: of a text that may be anything, the beginning. */
static int shown(span s)
{
    return (int)(s.size < 40 ? s.size : 40);
}

static hr_err copy(span name, span value, char *to, size_t capacity, hr_why *why)
{
    if (value.size == 0 || value.size >= capacity) {
        return hr_why_set(why, HR_INVALID, "%.*s must be a text of 1 to %zu characters",
                          (int)name.size, name.text, capacity - 1);
    }
    memcpy(to, value.text, value.size);
    to[value.size] = '\0';
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
        return hr_why_set(why, HR_INVALID, "there are more than %d sources", CONFIG_SOURCES_MAX);
    }
    config_source *source = &out->sources[out->source_count];
    if (!take_kind(&value, &source->kind)) {
        return hr_why_set(why, HR_INVALID,
                          "a source begins with json:, nmea:, gpsd: or lorawan:, as in "
                          "\"source = nmea:/dev/ttyUSB0@9600 tractor-1\"");
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
        return hr_why_set(why, HR_INVALID,
                          "\"%.*s\" is no device id: 1 to %d of A-Z a-z 0-9 . _ : - are, without "
                          "blanks",
                          shown(device), device.text, HR_DEVICE_ID_MAX);
    }
    memcpy(source->device, device.text, device.size);
    source->device[device.size] = '\0';
    out->source_count++;
    return copy((span){"source", 6}, place, source->place, sizeof source->place, why);
}

typedef struct setting {
    const char *name;
    size_t at;       /* in config */
    size_t capacity; /* of a text; 0: a number */
    int64_t min;
    int64_t max;
} setting;

#define TEXT(member) #member, offsetof(config, member), sizeof((config *)NULL)->member, 0, 0
#define NUMBER(member, min, max) #member, offsetof(config, member), 0, min, max

static const setting settings[] = {
    {TEXT(broker)},
    {TEXT(user)},
    {TEXT(password)},
    {TEXT(ca_file)},
    {TEXT(cert_file)},
    {TEXT(key_file)},
    {TEXT(data)},
    {NUMBER(disk_mb, CONFIG_DISK_MB_MIN, 1 << 20)},
    {NUMBER(keepalive_s, 1, 3600)},
    {NUMBER(batch_ms, 10, 600000)},
    {NUMBER(batch_fixes, 1, 4000)},
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

static hr_err read_setting(const setting *s, span value, config *out, hr_why *why)
{
    void *to = (char *)out + s->at;
    span name = {s->name, strlen(s->name)};
    if (s->capacity > 0) {
        return copy(name, value, to, s->capacity, why);
    }
    int64_t number;
    if (hr_decimal_parse(value.text, value.size, 0, &number) != HR_OK || number < s->min ||
        number > s->max) {
        return hr_why_set(why, HR_INVALID, "%s must be a number from %lld to %lld, not \"%.*s\"",
                          s->name, (long long)s->min, (long long)s->max, shown(value), value.text);
    }
    *(uint32_t *)to = (uint32_t)number;
    return HR_OK;
}

/* given: one bit for each setting that was there before. */
static hr_err read_pair(span name, span value, config *out, unsigned *given, hr_why *why)
{
    if (is(name, "source")) {
        return read_source(value, out, why);
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!is(name, settings[i].name)) {
            continue;
        }
        if ((*given & (1u << i)) != 0) {
            return hr_why_set(why, HR_INVALID, "%s is given a second time: keep one of the lines",
                              settings[i].name);
        }
        *given |= 1u << i;
        return read_setting(&settings[i], value, out, why);
    }
    return hr_why_set(why, HR_INVALID,
                      "there is no setting \"%.*s\"; there are broker, user, password, ca_file, "
                      "cert_file, key_file, data, disk_mb, keepalive_s, batch_ms, batch_fixes and "
                      "source",
                      shown(name), name.text);
}

static hr_err read_line(span line, config *out, unsigned *given, hr_why *why)
{
    line = trim(line);
    if (line.size == 0 || line.text[0] == '#') {
        return HR_OK;
    }
    const char *equals = memchr(line.text, '=', line.size);
    if (equals == NULL) {
        return hr_why_set(why, HR_INVALID,
                          "a line is \"name = value\", a comment that begins with #, or empty");
    }
    size_t name_size = (size_t)(equals - line.text);
    span name = trim((span){line.text, name_size});
    span value = trim((span){equals + 1, line.size - name_size - 1});
    return read_pair(name, value, out, given, why);
}

/* ---- the whole ---- */

static bool is_address(span address)
{
    static const char *const schemes[] = {"tcp://", "ssl://", "mqtt://", "mqtts://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (address.size > size && memcmp(address.text, schemes[i], size) == 0) {
            return true;
        }
    }
    return false;
}

/* name: what they are of, for a message. */
static hr_err check_addresses(const char *name, const char *addresses, hr_why *why)
{
    int count = 0;
    for (const char *at = addresses;; at++) {
        size_t size = strcspn(at, ",");
        if (++count > MQTT_ADDRESSES_MAX) {
            return hr_why_set(why, HR_INVALID, "%s: there are more than %d addresses", name,
                              MQTT_ADDRESSES_MAX);
        }
        if (!is_address((span){at, size})) {
            return hr_why_set(why, HR_INVALID,
                              "%s: \"%.*s\" is not like tcp://192.168.1.10:1883 or, with "
                              "TLS, ssl://192.168.1.10:8883",
                              name, shown((span){at, size}), at);
        }
        at += size;
        if (*at == '\0') {
            return HR_OK;
        }
    }
}

static bool has_port(const char *address)
{
    const char *colon = strrchr(address, ':');
    int64_t port = 0;
    return colon != NULL && hr_decimal_parse(colon + 1, strlen(colon + 1), 0, &port) == HR_OK &&
           port > 0 && port <= UINT16_MAX;
}

/* A path, "-", or an address of one of two kinds. */
static hr_err check_lines(const char *place, hr_why *why)
{
    bool is_tcp = source_tcp_address(place, SOURCE_TCP_CONNECT) != NULL ||
                  source_tcp_address(place, SOURCE_TCP_LISTEN) != NULL;
    const char *mark = strrchr(place, '@');
    if (is_tcp ? !has_port(place) : strstr(place, "://") != NULL) {
        return hr_why_set(why, HR_INVALID,
                          "source: \"%.100s\" is neither like tcp://192.168.1.12:10110 nor like "
                          "listen://0.0.0.0:10110",
                          place);
    }
    if (!is_tcp && mark != NULL && !source_lines_has_speed(mark + 1)) {
        return hr_why_set(
            why, HR_INVALID,
            "source: \"%.40s\" is no speed of a serial port; there are " SOURCE_SPEEDS, mark + 1);
    }
    return HR_OK;
}

static hr_err check_source(const config_source *source, hr_why *why)
{
    const char *place = source->place;
    const char *mark = strrchr(place, '@');
    switch (source->kind) {
    case CONFIG_LORAWAN:
        return check_addresses("source = lorawan", mark != NULL ? mark + 1 : place, why);
    case CONFIG_GPSD:
        return strchr(place, ':') == NULL || has_port(place)
                   ? HR_OK
                   : hr_why_set(why, HR_INVALID, "source: \"%.100s\" is not like localhost:2947",
                                place);
    default:
        return check_lines(place, why);
    }
}

static hr_err check_whole(const config *c, hr_why *why)
{
    const char *missing = c->broker[0] == '\0' ? "broker"
                          : c->user[0] == '\0' ? "user"
                          : c->data[0] == '\0' ? "data"
                                               : NULL;
    if (missing != NULL) {
        return hr_why_set(why, HR_INVALID,
                          "%s is missing; \"hedgerow gateway add NAME\", where the service runs, "
                          "prints all that is needed",
                          missing);
    }
    if (!hr_user_id_is_valid(c->user, strlen(c->user))) {
        return hr_why_set(why, HR_INVALID, "user must be 1 to %d of A-Z a-z 0-9 . _ -",
                          HR_USER_ID_MAX);
    }
    if (c->source_count == 0) {
        return hr_why_set(why, HR_INVALID,
                          "there is no source; add a line such as "
                          "\"source = nmea:/dev/ttyUSB0@9600 tractor-1\"");
    }
    if ((c->cert_file[0] != '\0') != (c->key_file[0] != '\0')) {
        return hr_why_set(why, HR_INVALID, "cert_file and key_file belong together");
    }
    hr_err err = check_addresses("broker", c->broker, why);
    for (size_t i = 0; i < c->source_count && err == HR_OK; i++) {
        err = check_source(&c->sources[i], why);
    }
    return err;
}

void config_init(config *c)
{
    *c = (config){.disk_mb = CONFIG_DISK_MB_DEFAULT,
                  .keepalive_s = CONFIG_KEEPALIVE_S_DEFAULT,
                  .batch_ms = CONFIG_BATCH_MS_DEFAULT,
                  .batch_fixes = CONFIG_BATCH_FIXES_DEFAULT};
}

/* *line gets the number of the line that is wrong, 0 for the whole. */
static hr_err parse(const char *text, size_t size, config *out, unsigned *line, hr_why *why)
{
    config c;
    config_init(&c);
    size_t first = 0;
    unsigned given = 0;
    *line = 1;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '\n') {
            continue;
        }
        if (read_line((span){text + first, i - first}, &c, &given, why) != HR_OK) {
            return HR_INVALID;
        }
        first = i + 1;
        (*line)++;
    }
    *line = 0;
    hr_err err = check_whole(&c, why);
    if (err == HR_OK) {
        *out = c;
    }
    return err;
}

hr_err config_parse(const char *text, size_t size, config *out, hr_why *why)
{
    unsigned line;
    hr_why reason = {{0}};
    if (parse(text, size, out, &line, &reason) == HR_OK) {
        return HR_OK;
    }
    return line == 0 ? hr_why_set(why, HR_INVALID, "%s", reason.text)
                     : hr_why_set(why, HR_INVALID, "line %u: %.400s", line, reason.text);
}

hr_err config_check_files(const config *c, hr_why *why)
{
    const char *const files[][2] = {
        {"ca_file", c->ca_file}, {"cert_file", c->cert_file}, {"key_file", c->key_file}};
    for (size_t i = 0; i < 3; i++) {
        if (files[i][1][0] != '\0' && access(files[i][1], R_OK) != 0) {
            return hr_why_set(why, HR_INVALID, "%s: %s cannot be read (%s); %s", files[i][0],
                              files[i][1], strerror(errno),
                              i == 0 ? "copy the service's DATA/broker/ca.pem there"
                                     : "name a file that is there and may be read");
        }
    }
    if (access(c->data, W_OK) != 0 && errno != ENOENT) {
        return hr_why_set(why, HR_INVALID, "data: %s cannot be written (%s); give it to this user",
                          c->data, strerror(errno));
    }
    return HR_OK;
}

/* ---- and back ---- */

static void put_text(hr_buf *out, const char *name, const char *value)
{
    if (value[0] != '\0') {
        hr_buf_printf(out, "%s = %s\n", name, value);
    }
}

static void put_number(hr_buf *out, const char *name, uint32_t value, uint32_t usual)
{
    if (value != usual && value != 0) {
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
    unsigned line;
    if (size == FILE_BYTES_MAX) {
        return hr_why_set(why, HR_TOO_BIG, "%s is longer than %d bytes", path, FILE_BYTES_MAX);
    }
    if (parse(text, (size_t)size, out, &line, &reason) == HR_OK) {
        return HR_OK;
    }
    return line == 0 ? hr_why_set(why, HR_INVALID, "%.100s: %.400s", path, reason.text)
                     : hr_why_set(why, HR_INVALID, "%.100s:%u: %.400s", path, line, reason.text);
}
