/* api/cli_commands.h - the one table of hedgerow's subcommands: help, pages of the manual and the
 * words that shells complete all come from it. */
#ifndef API_CLI_COMMANDS_H
#define API_CLI_COMMANDS_H

#include <stddef.h>

#include "cli.h"

typedef struct cli_command {
    const char *name;
    const char *summary;
    int (*run)(const cli_globals *globals, int argc, char **argv);
    const char *words; /* what may follow, for shells that complete it */
} cli_command;

/* Static. */
const cli_command *cli_commands(size_t *count);

/* What stands before the command; each takes a value. Ends with a NULL name. */
typedef struct cli_option {
    const char *name;
    const char *value;
    const char *summary;
} cli_option;

const cli_option *cli_options(void);

/* Subcommands that are about the table itself. */
int cli_completion(const cli_globals *globals, int argc, char **argv);
int cli_man(const cli_globals *globals, int argc, char **argv);

/* Write a program's page below the folder `share`, which is made. False: it could not be done. */
bool cli_man_install(const char *program, const char *share);

#endif
