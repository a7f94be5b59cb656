/* api/webhooks.c - reads the file of webhooks. */
#include "webhooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET "secret="

/* It begins a line or stands behind a blank: a # within a secret or an address is part of it. */
static void cut_comment(char *line)
{
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '#' && (at == line || at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            return;
        }
    }
}

/* One line without its comment; an empty one is none. */
static hr_err parse_line(char *line, notify_webhook *hook, hr_why *why)
{
    char *rest = NULL;
    hook->name = strtok_r(line, " \t\r", &rest);
    hook->url = strtok_r(NULL, " \t\r", &rest);
    if (hook->name != NULL && hook->url == NULL) {
        return hr_why_set(why, HR_INVALID, "a URL is wanted behind the name");
    }
    for (char *word = strtok_r(NULL, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (strcmp(word, "private") == 0) {
            hook->allow_private = true;
        } else if (strncmp(word, SECRET, strlen(SECRET)) == 0 && word[strlen(SECRET)] != '\0') {
            hook->secret = word + strlen(SECRET);
        } else {
            return hr_why_set(why, HR_INVALID, "\"%.40s\" is neither private nor secret=TEXT",
                              word);
        }
    }
    return HR_OK;
}

static bool has_name(const webhooks *hooks, const char *name)
{
    for (size_t i = 0; i < hooks->count; i++) {
        if (strcmp(hooks->list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

hr_err webhooks_parse(char *text, const char *path, webhooks *out, hr_why *why)
{
    unsigned number = 0;
    for (char *line = text, *next; line != NULL; line = next) {
        notify_webhook hook = {.name = NULL};
        hr_why reason;
        number++;
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        cut_comment(line);
        hr_err err = parse_line(line, &hook, &reason);
        if (err == HR_OK && hook.name != NULL && has_name(out, hook.name)) {
            err = hr_why_set(&reason, HR_INVALID, "there is a webhook %.60s already", hook.name);
        }
        if (err == HR_OK && hook.name != NULL && out->count == NOTIFY_WEBHOOKS_MAX) {
            err = hr_why_set(&reason, HR_INVALID, "more than %d webhooks", NOTIFY_WEBHOOKS_MAX);
        }
        if (err != HR_OK) {
            return hr_why_set(why, err, "%.200s, line %u: %.200s", path, number, reason.text);
        }
        if (hook.name != NULL) {
            out->list[out->count++] = hook;
        }
    }
    return HR_OK;
}

hr_err webhooks_load(const char *path, webhooks *out, hr_why *why)
{
    *out = (webhooks){.count = 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return hr_why_errno(why, errno, "cannot open %s", path);
    }
    out->text = calloc(1, WEBHOOKS_FILE_BYTES_MAX + 1);
    ssize_t size = out->text != NULL ? read(fd, out->text, WEBHOOKS_FILE_BYTES_MAX + 1) : 0;
    int failed = errno;
    close(fd);
    if (out->text == NULL) {
        return hr_why_set(why, HR_NO_MEMORY, "no memory for %s", path);
    }
    hr_err err = HR_OK;
    if (size < 0) {
        err = hr_why_errno(why, failed, "cannot read %s", path);
    } else if (size > (ssize_t)WEBHOOKS_FILE_BYTES_MAX) {
        err = hr_why_set(why, HR_TOO_BIG, "%s is longer than %u bytes", path,
                         WEBHOOKS_FILE_BYTES_MAX);
    } else {
        err = webhooks_parse(out->text, path, out, why);
    }
    if (err != HR_OK) {
        webhooks_fini(out);
    }
    return err;
}

void webhooks_fini(webhooks *hooks)
{
    free(hooks->text);
    *hooks = (webhooks){.count = 0};
}
