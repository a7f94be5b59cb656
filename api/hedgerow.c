/* api/hedgerow.c - the program hedgerow: finds the subcommand and hands over. */
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/logline.h"
#include "cli_commands.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

static const cli_command subcommands[] = {
    {"status", "how the service is", cli_status, "--json"},
    {"fence", "list, show, add, import, export and remove fences", cli_fence,
     "list show add import export rm --json --replace --close-rings"},
    {"device", "list devices, show one", cli_device_ask, "list show --json"},
    {"events", "print events, and follow new ones", cli_events,
     "--fence --device --kind --from --to --after --follow --json"},
    {"query", "ask where devices are: within, nearby, inside", cli_query,
     "within nearby inside --json"},
    {"sql", "ask in SQL", cli_sql, "--json"},
    {"user", "add, list and remove people", cli_user, "list add rm --role --json"},
    {"gateway", "add, list and remove the gateways that may send fixes", cli_gateway,
     "add list rm --json --config --qr"},
    {"reader", "add, list and remove those who may listen to events", cli_reader,
     "add list rm --json"},
    {"log", "look into a data folder's journal: list, tail, dump, verify", cli_log,
     "list tail dump verify --data --json --from --count --follow"},
    {"broker", "the service's own broker: how it is, and who may reach it", cli_broker,
     "status open-lan close-lan --json --port"},
    {"doctor", "say what is wrong, and what to do", cli_doctor, "--json"},
    {"backup", "write a whole data folder into one file", cli_backup, ""},
    {"restore", "make a data folder from a backup", cli_restore, "--data"},
    {"install", "start the service at boot, by systemd", cli_install,
     "--backups --edge --print --prefix --unit"},
    {"join", "print which fences each fix of a CSV file lies in", cli_join,
     "--fences --on-error --close-rings"},
    {"replay", "print the events that the fixes of a CSV file make", cli_replay,
     "--fences --on-error --close-rings"},
    {"man", "print a page of the manual", cli_man, "hedgerow hedgerowd hedgerow-edge"},
    {"completion", "a script by which a shell completes all of this", cli_completion,
     "bash zsh fish"},
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

const cli_command *cli_commands(size_t *count)
{
    *count = SUBCOMMAND_COUNT;
    return subcommands;
}

const cli_option *cli_options(void)
{
    static const cli_option options[] = {
        {"--data", "DIR", "the service's data folder (else HEDGEROW_DATA, else ./data)"},
        {"--url", "URL", "where the service is (else HEDGEROW_URL, else the data folder says)"},
        {"--token", "TOKEN", "an API token (else HEDGEROW_TOKEN, else the data folder's own)"},
        {NULL, NULL, NULL}};
    return options;
}

static void print_help(FILE *to)
{
    fputs("hedgerow - asks the service hedgerowd, and looks after it\n"
          "\n"
          "usage: hedgerow [OPTIONS] COMMAND ...\n"
          "\n"
          "commands:\n",
          to);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fputs("\noptions:\n", to);
    for (const cli_option *option = cli_options(); option->name != NULL; option++) {
        char flag[32];
        snprintf(flag, sizeof flag, "%s %s", option->name, option->value);
        fprintf(to, "  %-14s %s\n", flag, option->summary);
    }
    fputs("  --version      show the version\n"
          "\n"
          "Exit codes: 0 it is done, 1 it could not be done, 2 the command line is wrong.\n"
          "hedgerow COMMAND --help tells more about a command.\n",
          to);
}

/* Take the options before the command. The command's place in argv, or 0 when the line is wrong. */
static int parse_globals(int argc, char **argv, cli_globals *globals)
{
    const char *data = getenv("HEDGEROW_DATA");
    *globals = (cli_globals){.data = data != NULL ? data : "data",
                             .url = getenv("HEDGEROW_URL"),
                             .token = getenv("HEDGEROW_TOKEN")};
    int at = 1;
    while (at < argc && argv[at][0] == '-' && strcmp(argv[at], "--help") != 0 &&
           strcmp(argv[at], "--version") != 0) {
        const char **place = strcmp(argv[at], "--data") == 0    ? &globals->data
                             : strcmp(argv[at], "--url") == 0   ? &globals->url
                             : strcmp(argv[at], "--token") == 0 ? &globals->token
                                                                : NULL;
        if (place == NULL || at + 1 == argc) {
            fprintf(stderr, "hedgerow: \"%s\" needs a value, or is no option; see --help\n",
                    argv[at]);
            return 0;
        }
        *place = argv[at + 1];
        globals->has_data = globals->has_data || place == &globals->data;
        at += 2;
    }
    if (at >= argc) {
        print_help(stderr);
        return 0;
    }
    return at;
}

static int run(int argc, char **argv)
{
    cli_globals globals;
    int at = parse_globals(argc, argv, &globals);
    if (at == 0) {
        return CLI_USAGE;
    }
    if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[at], "--version") == 0) {
        puts("hedgerow " HR_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(argv[at], subcommands[i].name) == 0) {
            return subcommands[i].run(&globals, argc - at, argv + at);
        }
    }
    fprintf(stderr, "hedgerow: there is no command \"%s\"; hedgerow --help lists them\n", argv[at]);
    return CLI_USAGE;
}

/* An answer that did not arrive, as an export on a disk that is full, is none. */
static bool is_answer_written(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return true;
    }
    fprintf(stderr, "hedgerow: the answer could not be written: %s\n",
            errno != 0 ? strerror(errno) : "some of it was lost");
    return false;
}

int main(int argc, char **argv)
{
    hr_logline_hold_files();
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) { /* names are that, whatever the terminal is */
        (void)setlocale(LC_CTYPE, "");
    }
    int code = run(argc, argv);
    return is_answer_written() || code != CLI_OK ? code : CLI_FAILED;
}
