/* api/cli_gateway_config.c - makes and writes what a new gateway needs to have. */
#include "cli_gateway_config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "gateway/config.h"

#define TEXT_BYTES_MAX 16384u
#define USUAL_CA_FILE "/etc/hedgerow/ca.pem"
#define USUAL_DATA "/var/lib/hedgerow-edge"
#define CA_SUFFIX ".ca.pem"

void gateway_config_put(hr_buf *out, const gateway_login *login, const char *ca_file)
{
    const broker_contact *to = login->contact;
    config c;
    config_init(&c);
    config_source *source = &c.sources[c.source_count++];
    snprintf(c.broker, sizeof c.broker, "%s://%s:%u", to->is_tls ? "ssl" : "tcp", to->host,
             to->port);
    if (to->name[0] != '\0') {
        /* Tried when the address is another machine's, or nobody's, one day. */
        size_t size = strlen(c.broker);
        snprintf(c.broker + size, sizeof c.broker - size, ",ssl://%s:%u", to->name, to->port);
    }
    snprintf(c.user, sizeof c.user, "%s", login->name);
    snprintf(c.password, sizeof c.password, "%s", login->password);
    if (to->is_tls) {
        snprintf(c.ca_file, sizeof c.ca_file, "%s", ca_file != NULL ? ca_file : USUAL_CA_FILE);
    }
    snprintf(c.data, sizeof c.data, "%s", USUAL_DATA);
    source->kind = CONFIG_GPSD;
    snprintf(source->place, sizeof source->place, "localhost:2947");
    snprintf(source->device, sizeof source->device, "%s", login->name);
    hr_buf_printf(out, "# For hedgerow-edge on the gateway %s: hedgerow-edge --config FILE\n",
                  login->name);
    if (strncmp(to->host, "127.", 4) == 0) {
        hr_buf_put_text(out, "# Only this machine itself is let in; for gateways elsewhere, first: "
                             "hedgerow broker open-lan\n");
    }
    if (to->is_tls && ca_file == NULL) {
        hr_buf_printf(out, "# Copy %s to the ca_file named below; its fingerprint is\n# %s\n",
                      to->lan.ca_file, to->lan.fingerprint);
    }
    config_format(&c, out);
    hr_buf_put_text(out, "# source = nmea:/dev/ttyUSB0@9600 tractor-1\n"
                         "# source = json:-\n"
                         "# source = lorawan:tcp://192.168.1.11:1883\n");
}

static void put_base64(hr_buf *out, const hr_buf *bytes)
{
    uint8_t *to = hr_buf_extend(out, (bytes->size + 2) / 3 * 4 + 1);
    if (to != NULL) {
        EVP_EncodeBlock(to, bytes->data, (int)bytes->size);
    }
}

void gateway_phone_link_put(hr_buf *out, const gateway_login *login)
{
    hr_buf text;
    hr_buf_init(&text, TEXT_BYTES_MAX);
    hr_json json = hr_json_into(&text);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "_type", "configuration");
    hr_json_key_u64(&json, "mode", 0);
    hr_json_key_text(&json, "host", login->contact->host);
    hr_json_key_u64(&json, "port", login->contact->port);
    hr_json_key_bool(&json, "tls", login->contact->is_tls);
    hr_json_key_bool(&json, "auth", true);
    hr_json_key_text(&json, "username", login->name);
    hr_json_key_text(&json, "password", login->password);
    hr_json_key_text(&json, "deviceId", "phone");
    hr_json_key_text(&json, "pubTopicBase", "owntracks/%u/%d");
    hr_json_close_object(&json);
    hr_buf_put_text(out, "owntracks:///config?inline=");
    put_base64(out, &text);
    hr_buf_fini(&text);
}

hr_err gateway_config_create(const char *path, int *fd, hr_why *why)
{
    int opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (opened < 0) {
        return hr_why_errno(why, errno, "cannot make %s", path);
    }
    *fd = opened;
    return HR_OK;
}

static hr_err write_all(int fd, const hr_buf *bytes, const char *path, hr_why *why)
{
    for (size_t at = 0; at < bytes->size;) {
        ssize_t put = write(fd, bytes->data + at, bytes->size - at);
        if (put < 0) {
            return hr_why_errno(why, errno, "cannot write %s", path);
        }
        at += (size_t)put;
    }
    return HR_OK;
}

/* The authority's certificate, into a file that everyone may read. */
static hr_err copy_authority(const char *from, const char *to, hr_why *why)
{
    uint8_t bytes[TEXT_BYTES_MAX];
    hr_buf text;
    hr_buf_init(&text, TEXT_BYTES_MAX);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    ssize_t size = in >= 0 ? read(in, bytes, sizeof bytes) : -1;
    hr_err err = size > 0 ? HR_OK : hr_why_errno(why, errno, "cannot read %s", from);
    if (in >= 0) {
        close(in);
    }
    int out = err == HR_OK ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (err == HR_OK && out < 0) {
        err = hr_why_errno(why, errno, "cannot make %s", to);
    }
    if (out >= 0) {
        hr_buf_put(&text, bytes, (size_t)size);
        err = write_all(out, &text, to, why);
        close(out);
    }
    hr_buf_fini(&text);
    return err;
}

hr_err gateway_config_write(int fd, const char *path, const gateway_login *login, hr_why *why)
{
    char *real = realpath(path, NULL);
    char ca_file[CONFIG_TEXT_MAX];
    int size = snprintf(ca_file, sizeof ca_file, "%s" CA_SUFFIX, real != NULL ? real : path);
    free(real);
    if (size < 0 || (size_t)size >= sizeof ca_file) {
        return hr_why_set(why, HR_TOO_BIG, "the path %.60s... is too long", path);
    }
    hr_err err = HR_OK;
    if (login->contact->is_tls) {
        err = copy_authority(login->contact->lan.ca_file, ca_file, why);
    }
    hr_buf text;
    hr_buf_init(&text, TEXT_BYTES_MAX);
    gateway_config_put(&text, login, ca_file);
    if (err == HR_OK && hr_buf_err(&text) != HR_OK) {
        err = hr_why_set(why, hr_buf_err(&text), "cannot write %s", path);
    }
    if (err == HR_OK) {
        err = write_all(fd, &text, path, why);
    }
    hr_buf_fini(&text);
    return err;
}
