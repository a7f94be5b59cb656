/* ingest/broker_files.h - the managed broker's folder: its files, replaced whole. */
#ifndef INGEST_BROKER_FILES_H
#define INGEST_BROKER_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "ingest/broker.h"

#define BROKER_PATH_MAX 1024
#define BROKER_FILE_BYTES_MAX (1u << 20)

#define BROKER_CONFIG_NAME "mosquitto.conf"
#define BROKER_PID_NAME "mosquitto.pid"
#define BROKER_PIPE_NAME "says" /* through which it tells its log lines */
#define BROKER_DB_NAME "mosquitto.db"
#define BROKER_SECRET_NAME "service-password"

typedef struct broker_path {
    char text[BROKER_PATH_MAX];
} broker_path;

/* HR_TOO_BIG: longer than BROKER_PATH_MAX. */
HR_MUST_USE hr_err broker_path_of(const char *folder, const char *name, broker_path *path,
                                  hr_why *why);

/* The folder's absolute path, by which the broker and every command line know its files. */
HR_MUST_USE hr_err broker_folder_real(const char *folder, broker_path *real, hr_why *why);

/* Make the folder, for its owner only, if there is none. */
HR_MUST_USE hr_err broker_folder_make(const char *folder, hr_why *why);

/* Append a file's bytes to out. HR_NOT_FOUND: there is none. */
HR_MUST_USE hr_err broker_file_read(const char *folder, const char *name, hr_buf *out, hr_why *why);

/* Replace a file so that a reader, or a power cut, meets the old bytes or the new. */
HR_MUST_USE hr_err broker_file_write(const char *folder, const char *name, const hr_buf *bytes,
                                     hr_why *why);

/* Remove a file, so that a power cut does not bring it back. None there is fine. */
HR_MUST_USE hr_err broker_file_remove(const char *folder, const char *name, hr_why *why);

/* Hold the folder's lock, against a command line at the same moment. *fd is for close(). */
HR_MUST_USE hr_err broker_folder_lock(const char *folder, int *fd, hr_why *why);

/* The process that the pid file names, if it lives and was started with this folder's
 * configuration; else 0. */
pid_t broker_running_pid(const char *folder);

/* The whole configuration for that listener, and for the local network if it is let in; makes what
 * TLS needs. folder is the real one. */
HR_MUST_USE hr_err broker_config_make(const char *folder, const char *address, uint16_t port,
                                      hr_buf *out, hr_why *why);

/* If the local network is let in: a certificate for what this machine is called now. *is_new gets
 * whether the one that was there did not fit. */
HR_MUST_USE hr_err broker_lan_renew(const char *folder, bool *is_new, hr_why *why);

/* Behind a machine's name, where there is no name server; and what such a name is made of. */
#define BROKER_LOCAL_SUFFIX ".local"
#define BROKER_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

/* "host.local", or "" where the machine has no plain name. */
void broker_machine_name(char text[BROKER_HOST_SIZE]);

/* The address by which the local network knows this machine; the loopback's if it has no other. */
void broker_machine_address(char text[BROKER_HOST_SIZE]);

/* Give the service's user this password; passwords and rules are made anew from all users. */
HR_MUST_USE hr_err broker_users_write_service(const char *folder, const char *password,
                                              hr_why *why);

/* Make passwords and rules anew if those that are there are damaged, or of an older version. */
HR_MUST_USE hr_err broker_users_renew(const char *folder, hr_why *why);

/* Whether the service has a user already. */
bool broker_users_know_service(const char *folder);

/* A random password. HR_IO: the kernel has no randomness to give. */
HR_MUST_USE hr_err broker_password_make(char password[BROKER_PASSWORD_SIZE], hr_why *why);

#endif
