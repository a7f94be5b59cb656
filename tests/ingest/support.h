/* tests/ingest/support.h - what tests with a real broker share: a folder, a port, other people's
 * programs, and waiting with an end. */
#ifndef INGEST_SUPPORT_H
#define INGEST_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nothing here may take longer; a test that waits longer has failed. */
#define SUPPORT_TIMEOUT_MS 20000

/* A new folder below the system's temporary one; the text is static, overwritten by the next. */
const char *support_folder(void);

/* Remove a folder and all in it. */
void support_folder_remove(const char *folder);

/* A port of 127.0.0.1 that was free a moment ago. */
uint16_t support_port(void);

/* Run a program to its end and return its exit code; its output goes nowhere. */
int support_run(const char *const argv[]);

/* Start a program; its output goes to the file (NULL: nowhere). */
pid_t support_spawn(const char *const argv[], const char *output);

/* SIGKILL, and wait for its end. */
void support_kill(pid_t pid);

/* True once check(context) is; asks again every few ms until SUPPORT_TIMEOUT_MS are over. */
bool support_until(bool (*check)(void *context), void *context);

/* mosquitto_pub with a user's password; the exit code. */
int support_publish(uint16_t port, const char *user, const char *password, const char *topic,
                    const char *payload);

#endif
