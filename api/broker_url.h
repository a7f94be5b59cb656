/* api/broker_url.h - the text by which an owner names a broker that is not ours. */
#ifndef API_BROKER_URL_H
#define API_BROKER_URL_H

#include "base/err.h"
#include "base/limits.h"
#include "config.h"

typedef struct broker_url {
    char addresses[API_CONFIG_TEXT_MAX]; /* as mqtt/link.h wants them */
    char user[HR_USER_ID_MAX + 1];       /* "": none */
    char password[API_CONFIG_TEXT_MAX];
} broker_url;

/* "mqtt://user:password@host:1883", or mqtts:// for TLS; further hosts, separated by commas, are
 * tried in turn and reached in the same way. Paho's tcp:// and ssl:// mean the same.
 * HR_INVALID: not like that. */
HR_MUST_USE hr_err broker_url_parse(const char *text, broker_url *url, hr_why *why);

#endif
