/* api/hedgerow.c - the program hedgerow: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

typedef struct subcommand {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} subcommand;

static const subcommand subcommands[] = {
    {"join", "print which fences each fix of a CSV file lies in", cli_join},
    {"replay", "print the events that the fixes of a CSV file make", cli_replay},
};

#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_help(FILE *to)
{
    fputs("usage: hedgerow COMMAND [OPTIONS]\n\ncommands:\n", to);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fputs("\nhedgerow COMMAND --help tells more about a command.\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "hedgerow: there is no command \"%s\"; hedgerow --help lists them\n", argv[1]);
    return CLI_USAGE;
}
