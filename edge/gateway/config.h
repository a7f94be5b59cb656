/* gateway/config.h - hedgerow-edge's configuration: a file of a few "name = value" lines.
 *
 *   broker = tcp://192.168.1.10:1883     several, separated by commas, are tried in turn
 *   user = barn                          as `hedgerow gateway add barn` made it
 *   password = ...
 *   ca_file = /etc/hedgerow/ca.pem       for ssl:// addresses
 *   data = /var/lib/hedgerow-edge        where fixes are kept until they are acknowledged
 *   disk_mb = 512                        above it the oldest go, sent or not
 *   keepalive_s = 30                     a broker that is silent for twice this is gone
 *   source = nmea:/dev/ttyUSB0@9600 tractor-1
 *   source = nmea:listen://0.0.0.0:10110  also tcp://host:port
 *   source = gpsd:localhost:2947 tractor-2
 *   source = json:-                      JSON lines on the standard input
 *   source = lorawan:tcp://192.168.1.11:1883
 *
 * A line that begins with # is a comment; behind a value it is a part of that. The word after a
 * source names the device where its fixes do not. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define CONFIG_TEXT_MAX 512 /* of one value; HR_TOO_BIG above */
#define CONFIG_SOURCES_MAX 8
#define CONFIG_DISK_MB_DEFAULT 512 /* 16 million fixes: eleven days of 1,000 animals */
#define CONFIG_DISK_MB_MIN 4
#define CONFIG_KEEPALIVE_S_DEFAULT 30
#define CONFIG_BATCH_MS_DEFAULT 3000 /* 1,000 animals, once a minute: 50 fixes for one fsync */
#define CONFIG_BATCH_FIXES_DEFAULT 1000

typedef enum config_kind {
    CONFIG_JSON,
    CONFIG_NMEA,
    CONFIG_GPSD,
    CONFIG_LORAWAN,
} config_kind;

typedef struct config_source {
    config_kind kind;
    char place[CONFIG_TEXT_MAX]; /* behind the kind: "-", a path, "tcp://host:port", ... */
    char device[HR_DEVICE_ID_MAX + 1];
} config_source;

typedef struct config {
    char broker[CONFIG_TEXT_MAX];
    char user[HR_USER_ID_MAX + 1];
    char password[CONFIG_TEXT_MAX];
    char ca_file[CONFIG_TEXT_MAX]; /* "": none, as the two below */
    char cert_file[CONFIG_TEXT_MAX];
    char key_file[CONFIG_TEXT_MAX];
    char data[CONFIG_TEXT_MAX];
    uint32_t disk_mb;
    uint32_t keepalive_s;
    uint32_t batch_ms;    /* fixes are written at least this often */
    uint32_t batch_fixes; /* or when there are so many; also in one message */
    config_source sources[CONFIG_SOURCES_MAX];
    size_t source_count;
} config;

/* What every number is that a file does not name; no broker and no source. */
void config_init(config *c);

/* HR_INVALID: why names the line, what is wrong with it and what would be right. */
HR_MUST_USE hr_err config_parse(const char *text, size_t size, config *out, hr_why *why);

/* The same for a file, which why begins with: "edge.conf:3: ...". */
HR_MUST_USE hr_err config_load(const char *path, config *out, hr_why *why);

/* What can be seen only on the machine where it is to run: can the files that it names be read?
 * HR_INVALID: why says which cannot, and what to do. */
HR_MUST_USE hr_err config_check_files(const config *c, hr_why *why);

/* The text that config_parse reads back, for handing out a ready file. Numbers that are 0 or usual
 * are left out. */
void config_format(const config *c, hr_buf *out);

#endif
