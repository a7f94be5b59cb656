/* api/cli_probe.h - looks at processes and ports of this machine, changing nothing. */
#ifndef API_CLI_PROBE_H
#define API_CLI_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The process whose number the file folder/name begins with, if it lives and is called program;
 * else 0. */
pid_t probe_process(const char *folder, const char *name, const char *program);

/* True if something accepts a connection there, within two seconds. host is a numeric address. */
bool probe_connects(const char *host, uint16_t port);

/* True if a program of that name can be started, here or from the places for services. */
bool probe_program(const char *name);

/* True if nothing is wrong, as far as can be told in a moment, with an SQLite file that nobody has
 * open; else why says it. Changes nothing. */
bool probe_database(const char *path, char *why, size_t why_size);

#endif
