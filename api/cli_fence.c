/* api/cli_fence.c - hedgerow fence: list, show, add, import, export, rm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_client.h"

static const char help[] =
    "usage: hedgerow fence list [--json]\n"
    "       hedgerow fence show ID\n"
    "       hedgerow fence add FILE.geojson        a Feature; \"-\" is standard input\n"
    "       hedgerow fence import FILE.geojson [--replace] [--close-rings]\n"
    "       hedgerow fence export                  all fences, to standard output\n"
    "       hedgerow fence rm ID\n"
    "\n"
    "import takes all of a FeatureCollection or nothing. What show, add, import and export print "
    "is\n"
    "JSON; so is the list with --json.\n";

static int list(cli_client *client, bool as_json)
{
    static const char *const columns[] = {
        "id", "properties.name", "properties.intent", "properties.area_ha", "properties.updated",
        NULL};
    return cli_client_list(client, "/v1/fences", "features", columns, as_json);
}

static int send_file(cli_client *client, const char *path, const char *file)
{
    size_t size = 0;
    char *text = cli_slurp("fence", file, &size);
    if (text == NULL) {
        return CLI_FAILED;
    }
    int code = cli_client_print(client, "POST", path, text, size);
    free(text);
    return code;
}

static int import(cli_client *client, const char *file, int argc, char **argv)
{
    char path[96] = "/v1/fences/import?";
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--replace") == 0) {
            strncat(path, "replace=true&", sizeof path - strlen(path) - 1);
        } else if (strcmp(argv[i], "--close-rings") == 0) {
            strncat(path, "close_rings=true&", sizeof path - strlen(path) - 1);
        } else {
            fputs(help, stderr);
            return CLI_USAGE;
        }
    }
    path[strlen(path) - 1] = '\0';
    return send_file(client, path, file);
}

static int run(cli_client *client, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool as_json = argc > 2 && strcmp(argv[argc - 1], "--json") == 0;
    argc -= as_json; /* most of the answers are JSON anyway */
    if (strcmp(verb, "list") == 0 && argc == 2) {
        return list(client, as_json);
    }
    if (strcmp(verb, "export") == 0 && argc == 2) {
        return cli_client_print(client, "GET", "/v1/export/fences", NULL, 0);
    }
    if (strcmp(verb, "show") == 0 && argc == 3) {
        return cli_client_print_one(client, "GET", "/v1/fences", argv[2]);
    }
    if (strcmp(verb, "rm") == 0 && argc == 3) {
        return cli_client_print_one(client, "DELETE", "/v1/fences", argv[2]);
    }
    if (strcmp(verb, "add") == 0 && argc == 3) {
        return send_file(client, "/v1/fences", argv[2]);
    }
    if (strcmp(verb, "import") == 0 && argc >= 3) {
        return import(client, argv[2], argc - 3, argv + 3);
    }
    fputs(help, stderr);
    return CLI_USAGE;
}

int cli_fence(const cli_globals *globals, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    cli_client *client = cli_client_new(globals, "fence");
    if (client == NULL) {
        return CLI_FAILED;
    }
    int code = run(client, argc, argv);
    cli_client_free(client);
    return code;
}
