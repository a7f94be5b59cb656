/* tests/ingest/support.h - what tests with a real broker share: a folder, a port, other people's
 * programs, and waiting with an end. */
#ifndef INGEST_SUPPORT_H
#define INGEST_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Nothing here may take longer; a test that waits longer has failed. */
#define SUPPORT_TIMEOUT_MS 60000

/* A new folder below the system's temporary one; the text is static, overwritten by the next. */
const char *support_folder(void);

/* Remove a folder and all in it. */
void support_folder_remove(const char *folder);

/* A port of 127.0.0.1 for a server that is started later, with SO_REUSEADDR. It stays bound, and
 * without a listener, until the test program ends, so that the system gives it to nobody else. */
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

/* Make a durable session of that client with mosquitto_sub, subscribed with QoS 1; the exit code.
 */
int support_session(uint16_t port, const char *user, const char *password, const char *client,
                    const char *topic);

/* Take that session up again; each message becomes a line of the file. The process goes on. */
pid_t support_hear(uint16_t port, const char *user, const char *password, const char *client,
                   const char *topic, const char *output);

/* Is the text at least that many times in the file? */
bool support_file_has(const char *path, const char *text, size_t times);

#endif
