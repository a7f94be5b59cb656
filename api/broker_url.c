/* api/broker_url.c - from "mqtts://user:password@one:8883,two:8883" to what Paho is told. */
#include "broker_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static hr_err refuse(const char *what, hr_why *why)
{
    return hr_why_set(why, HR_INVALID,
                      "broker must look like mqtt://user:password@host:1883 (mqtts:// for TLS, "
                      "further hosts after commas): %s",
                      what);
}

/* The scheme's own word for Paho; NULL if it is not one of ours. */
static const char *scheme_of(const char *text, size_t size)
{
    static const char *const names[][2] = {
        {"mqtt", "tcp"}, {"tcp", "tcp"}, {"mqtts", "ssl"}, {"ssl", "ssl"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i][0]) == size && memcmp(text, names[i][0], size) == 0) {
            return names[i][1];
        }
    }
    return NULL;
}

/* A password may hold what it likes, an @ too: the last one counts. */
static hr_err take_login(const char **rest, broker_url *url, hr_why *why)
{
    const char *at = strrchr(*rest, '@');
    if (at == NULL) {
        return HR_OK;
    }
    size_t user_size = strcspn(*rest, ":@");
    const char *password = *rest + user_size + 1;
    size_t password_size = password <= at ? (size_t)(at - password) : 0;
    if (user_size > HR_USER_ID_MAX || password_size >= sizeof url->password) {
        return refuse("the user or the password is too long", why);
    }
    memcpy(url->user, *rest, user_size);
    memcpy(url->password, password, password_size);
    *rest = at + 1;
    return HR_OK;
}

hr_err broker_url_parse(const char *text, broker_url *url, hr_why *why)
{
    broker_url made = {.addresses = ""};
    const char *rest = strstr(text, "://");
    const char *scheme = rest != NULL ? scheme_of(text, (size_t)(rest - text)) : NULL;
    if (scheme == NULL) {
        return refuse("it begins otherwise", why);
    }
    rest += 3;
    hr_err err = take_login(&rest, &made, why);
    size_t size = 0;
    while (err == HR_OK && *rest != '\0') {
        size_t host_size = strcspn(rest, ",/");
        if (host_size == 0) {
            return refuse("a host is missing", why);
        }
        int put = snprintf(made.addresses + size, sizeof made.addresses - size, "%s%s://%.*s",
                           size > 0 ? "," : "", scheme, (int)host_size, rest);
        size += (size_t)put;
        if (size >= sizeof made.addresses) {
            return refuse("it is too long", why);
        }
        rest += host_size;
        rest += *rest == '/';
        if (*rest != '\0' && *rest++ != ',') {
            return refuse("there is more behind the host", why);
        }
    }
    if (err == HR_OK && size == 0) {
        err = refuse("a host is missing", why);
    }
    if (err == HR_OK) {
        *url = made;
    }
    return err;
}
