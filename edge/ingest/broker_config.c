/* ingest/broker_config.c - mosquitto's configuration, and whether the local network is let in. */
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/broker.h"
#include "ingest/broker_files.h"
#include "ingest/broker_tls.h"

/* Holds the port of the TLS listener; "0" or no file: there is none. */
#define LAN_NAME "lan"

/* The name of the folder's owner; root where it has none. */
static void find_owner(const char *folder, char *name, size_t capacity)
{
    struct stat st;
    struct passwd entry, *found = NULL;
    char texts[1024];
    if (stat(folder, &st) != 0 || getpwuid_r(st.st_uid, &entry, texts, sizeof texts, &found) != 0) {
        found = NULL;
    }
    bool fits = found != NULL && strlen(found->pw_name) < capacity;
    snprintf(name, capacity, "%s", fits ? found->pw_name : "root");
}

/* The first listener is what broker_address() looks for. */
static void put_config(hr_buf *out, const char *folder, const char *address, uint16_t port,
                       uint16_t lan_port)
{
    hr_buf_put_text(out, "# Made by hedgerowd at every start; changes here are lost.\n");
    hr_buf_printf(out, "listener %u %s\n", port, address);
    if (lan_port != 0) {
        hr_buf_printf(out, "listener %u\n", lan_port);
        hr_buf_printf(out, "certfile %s/%s\n", folder, BROKER_CERT_NAME);
        hr_buf_printf(out, "keyfile %s/%s\n", folder, BROKER_CERT_NAME);
        hr_buf_put_text(out, "tls_version tlsv1.2\n");
    }
    hr_buf_put_text(out, "allow_anonymous false\n");
    hr_buf_printf(out, "password_file %s/passwords\n", folder);
    hr_buf_printf(out, "acl_file %s/acl\n", folder);
    hr_buf_printf(out, "pid_file %s/%s\n", folder, BROKER_PID_NAME);
    /* Sessions and retained states outlive a planned stop; safety never rests on this file. */
    hr_buf_printf(out, "persistence true\npersistence_location %s/\n", folder);
    hr_buf_put_text(out, "persistent_client_expiration 14d\n");
    hr_buf_printf(out, "autosave_interval %d\n", BROKER_SAVE_S);
    hr_buf_printf(out, "max_packet_size %u\n", BROKER_PACKET_BYTES_MAX);
    /* Bytes are what is limited. 0 says so too, but makes mosquitto 2.0.11 end the connection of
     * whoever writes what he may not, such as a phone that tells of its own regions. */
    hr_buf_put_text(out, "max_queued_messages 1000000000\n");
    hr_buf_printf(out, "max_queued_bytes %u\n", BROKER_QUEUED_BYTES_MAX);
    hr_buf_printf(out, "max_inflight_messages %d\n", BROKER_INFLIGHT_MAX);
    hr_buf_printf(out, "max_connections %d\n", BROKER_CONNECTIONS_MAX);
    hr_buf_put_text(out, "set_tcp_nodelay true\n");
    hr_buf_put_text(out, "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n");
    /* Whom it refuses it tells at this level only; see broker_says.h. */
    hr_buf_put_text(out, "log_type information\nlog_type debug\n");
    /* Started by root, it would give up root for a user that cannot read this folder. */
    char owner[64];
    find_owner(folder, owner, sizeof owner);
    hr_buf_printf(out, "user %s\n", owner);
}

/* 0: the local network is not let in. */
static uint16_t read_lan_port(const char *folder)
{
    hr_buf text;
    hr_buf_init(&text, 64);
    unsigned long port = 0;
    if (broker_file_read(folder, LAN_NAME, &text, NULL) == HR_OK) {
        hr_buf_put_u8(&text, 0);
        port = hr_buf_err(&text) == HR_OK ? strtoul((const char *)text.data, NULL, 10) : 0;
    }
    hr_buf_fini(&text);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

hr_err broker_config_make(const char *folder, const char *address, uint16_t port, hr_buf *out,
                          hr_why *why)
{
    uint16_t lan_port = read_lan_port(folder);
    hr_err err = lan_port != 0 ? broker_tls_make(folder, NULL, why) : HR_OK;
    /* On a full disk the old certificate is better than no broker. */
    if (err != HR_OK && !broker_tls_is_usable(folder)) {
        return err;
    }
    put_config(out, folder, address, port, lan_port);
    return hr_buf_err(out);
}

hr_err broker_address(const char *folder, char *address, size_t capacity, uint16_t *port,
                      hr_why *why)
{
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_err err = broker_file_read(folder, BROKER_CONFIG_NAME, &text, why);
    if (err == HR_OK) {
        hr_buf_put_u8(&text, 0);
        const char *line = strstr((const char *)text.data, "\nlistener ");
        unsigned number;
        char found[64];
        if (line == NULL || sscanf(line, "\nlistener %u %63s", &number, found) != 2 ||
            number > UINT16_MAX || strlen(found) >= capacity) {
            err = hr_why_set(why, HR_CORRUPT, "%s/%s has no listener", folder, BROKER_CONFIG_NAME);
        } else {
            memcpy(address, found, strlen(found) + 1);
            *port = (uint16_t)number;
        }
    }
    hr_buf_fini(&text);
    return err;
}

/* Replace the configuration by one with that port for the local network. */
static hr_err rewrite(const char *folder, uint16_t lan_port, hr_why *why)
{
    char address[64];
    uint16_t port;
    hr_buf text;
    hr_buf_init(&text, BROKER_FILE_BYTES_MAX);
    hr_err err = broker_address(folder, address, sizeof address, &port, why);
    if (err == HR_OK) {
        hr_buf_printf(&text, "%u\n", lan_port);
        err = broker_file_write(folder, LAN_NAME, &text, why);
    }
    if (err == HR_OK) {
        hr_buf_clear(&text);
        err = broker_config_make(folder, address, port, &text, why);
    }
    if (err == HR_OK) {
        err = broker_file_write(folder, BROKER_CONFIG_NAME, &text, why);
    }
    hr_buf_fini(&text);
    return err;
}

/* A running broker opens and closes listeners only at its start: end it, and whoever watches it
 * starts it again. */
static hr_err change_lan(const char *folder, uint16_t lan_port, hr_why *why)
{
    broker_path real;
    int lock_fd;
    hr_err err = broker_folder_real(folder, &real, why);
    if (err == HR_OK) {
        err = broker_folder_lock(real.text, &lock_fd, why);
    }
    if (err != HR_OK) {
        return err;
    }
    err = rewrite(real.text, lan_port, why);
    close(lock_fd);
    pid_t pid = err == HR_OK ? broker_running_pid(real.text) : 0;
    if (pid != 0) {
        kill(pid, SIGTERM);
    }
    return err;
}

hr_err broker_lan_open(const char *folder, uint16_t port, hr_why *why)
{
    if (port == 0) {
        return hr_why_set(why, HR_INVALID, "a port is wanted");
    }
    return change_lan(folder, port, why);
}

hr_err broker_lan_close(const char *folder, hr_why *why)
{
    return change_lan(folder, 0, why);
}

hr_err broker_lan_renew(const char *folder, bool *is_new, hr_why *why)
{
    int lock_fd;
    *is_new = false;
    if (read_lan_port(folder) == 0) {
        return HR_OK;
    }
    hr_err err = broker_folder_lock(folder, &lock_fd, why);
    if (err == HR_OK) {
        err = broker_tls_make(folder, is_new, why);
        close(lock_fd);
    }
    return err;
}

hr_err broker_lan_get(const char *folder, broker_lan *lan, hr_why *why)
{
    broker_path real, ca;
    hr_err err = broker_folder_real(folder, &real, why);
    if (err == HR_OK) {
        err = broker_path_of(real.text, BROKER_CA_NAME, &ca, why);
    }
    if (err != HR_OK) {
        return err;
    }
    uint16_t port = read_lan_port(real.text);
    if (port == 0) {
        return hr_why_set(why, HR_NOT_FOUND, "the local network is not let in");
    }
    lan->port = port;
    memcpy(lan->ca_file, ca.text, sizeof lan->ca_file);
    return broker_tls_fingerprint(real.text, lan->fingerprint, why);
}

hr_err broker_contact_get(const char *folder, broker_contact *contact, hr_why *why)
{
    broker_contact c = {.port = BROKER_PORT, .host = "127.0.0.1"};
    hr_err err = broker_lan_get(folder, &c.lan, why);
    if (err == HR_OK) {
        c.is_tls = true;
        c.port = c.lan.port;
        broker_machine_address(c.host);
        broker_machine_name(c.name);
    } else if (err == HR_NOT_FOUND) {
        err = broker_address(folder, c.host, sizeof c.host, &c.port, why);
        if (err == HR_OK && strcmp(c.host, "0.0.0.0") == 0) {
            broker_machine_address(c.host);
        }
        err = err == HR_NOT_FOUND ? HR_OK : err;
    }
    if (err == HR_OK) {
        *contact = c;
    }
    return err;
}
