/* api/hedgerow.c - the program hedgerow: finds the subcommand and hands over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct subcommand {
    const char *name;
    const char *summary;
    int (*run)(const cli_globals *globals, int argc, char **argv);
} subcommand;

static const subcommand subcommands[] = {
    {"gateway", "add, list and remove the gateways that may send fixes", cli_gateway},
    {"join", "print which fences each fix of a CSV file lies in", cli_join},
    {"reader", "add, list and remove those who may listen to events", cli_reader},
    {"replay", "print the events that the fixes of a CSV file make", cli_replay},
    {"log", "look into a data folder's journal: list, tail, dump, verify", cli_log},
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_help(FILE *to)
{
    fputs("usage: hedgerow [--data DIR] COMMAND [OPTIONS]\n\ncommands:\n", to);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fputs("\n--data DIR is the service's data folder (else HEDGEROW_DATA, else ./data).\n"
          "hedgerow COMMAND --help tells more about a command.\n",
          to);
}

/* Take the options before the command. The command's place in argv, or 0 when the line is wrong. */
static int parse_globals(int argc, char **argv, cli_globals *globals)
{
    const char *data = getenv("HEDGEROW_DATA");
    globals->data = data != NULL ? data : "data";
    int at = 1;
    while (at < argc && argv[at][0] == '-' && strcmp(argv[at], "--help") != 0) {
        if (strcmp(argv[at], "--data") != 0 || at + 1 == argc) {
            fprintf(stderr, "hedgerow: \"%s\" needs a value, or is no option; see --help\n",
                    argv[at]);
            return 0;
        }
        globals->data = argv[at + 1];
        at += 2;
    }
    if (at >= argc) {
        print_help(stderr);
        return 0;
    }
    return at;
}

int main(int argc, char **argv)
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
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(argv[at], subcommands[i].name) == 0) {
            return subcommands[i].run(&globals, argc - at, argv + at);
        }
    }
    fprintf(stderr, "hedgerow: there is no command \"%s\"; hedgerow --help lists them\n", argv[at]);
    return CLI_USAGE;
}
