/* api/cli.h - the subcommands of the program hedgerow: one file each, one table in hedgerow.c. */
#ifndef API_CLI_H
#define API_CLI_H

#include <stdbool.h>

/* Exit codes of every subcommand. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* what was asked for could not be done */
    CLI_USAGE = 2,  /* the command line is wrong */
};

/* What stands before the subcommand. */
typedef struct cli_globals {
    const char *data;  /* the service's data folder */
    const char *url;   /* where the API is; NULL: what the data folder says */
    const char *token; /* NULL: the data folder's own */
    bool has_data;     /* data was given with --data, not assumed */
} cli_globals;

/* Each takes its own arguments, argv[0] being its name, and returns an exit code. */
int cli_backup(const cli_globals *globals, int argc, char **argv);
int cli_broker(const cli_globals *globals, int argc, char **argv);
int cli_device_ask(const cli_globals *globals, int argc, char **argv);
int cli_doctor(const cli_globals *globals, int argc, char **argv);
int cli_events(const cli_globals *globals, int argc, char **argv);
int cli_fence(const cli_globals *globals, int argc, char **argv);
int cli_gateway(const cli_globals *globals, int argc, char **argv);
int cli_install(const cli_globals *globals, int argc, char **argv);
int cli_join(const cli_globals *globals, int argc, char **argv);
int cli_log(const cli_globals *globals, int argc, char **argv);
int cli_query(const cli_globals *globals, int argc, char **argv);
int cli_reader(const cli_globals *globals, int argc, char **argv);
int cli_replay(const cli_globals *globals, int argc, char **argv);
int cli_restore(const cli_globals *globals, int argc, char **argv);
int cli_sql(const cli_globals *globals, int argc, char **argv);
int cli_status(const cli_globals *globals, int argc, char **argv);
int cli_user(const cli_globals *globals, int argc, char **argv);

#endif
