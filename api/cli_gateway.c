/* api/cli_gateway.c - hedgerow gateway and hedgerow reader: who may log in at the managed broker.
 *
 * Works on the data folder itself, with the service running or not. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli.h"
#include "data_folder.h"
#include "ingest/broker.h"

#define JSON_BYTES_MAX (1u << 20)

/* What the command line asks for. */
typedef struct task {
    const char *command; /* "gateway" or "reader" */
    broker_role role;
    char folder[API_DATA_PATH_MAX]; /* of the broker */
    const char *verb;
    const char *name; /* NULL: none was given */
    bool json;
} task;

static const char help_text[] =
    "usage: hedgerow [--data DIR] %s add NAME [--json]\n"
    "       hedgerow [--data DIR] %s list [--json]\n"
    "       hedgerow [--data DIR] %s rm NAME\n"
    "\n"
    "add prints the password once; it is kept only as a hash. rm ends the session at once.\n";

static int fail(const task *task, const hr_why *why)
{
    fprintf(stderr, "hedgerow %s %s: %s\n", task->command, task->verb, why->text);
    return CLI_FAILED;
}

static int put_json(hr_buf *out)
{
    hr_buf_put_u8(out, '\n');
    hr_err err = hr_buf_err(out);
    if (err == HR_OK) {
        fwrite(out->data, 1, out->size, stdout);
    } else {
        fprintf(stderr, "hedgerow: %s\n", hr_err_text(err));
    }
    hr_buf_fini(out);
    return err == HR_OK ? CLI_OK : CLI_FAILED;
}

/* Where to connect; before the first start of the service, where it listens unless told. */
static void find_address(const task *task, char *host, size_t capacity, uint16_t *port)
{
    if (broker_address(task->folder, host, capacity, port, NULL) != HR_OK) {
        snprintf(host, capacity, "127.0.0.1");
        *port = 1883;
    }
}

static int add(const task *task)
{
    char password[BROKER_PASSWORD_SIZE];
    char host[64];
    uint16_t port;
    hr_why why = {""};
    hr_err err = broker_user_add(task->folder, task->name, task->role, password, &why);
    if (err != HR_OK) {
        return fail(task, &why);
    }
    find_address(task, host, sizeof host, &port);
    if (!task->json) {
        printf("user      %s\npassword  %s\nhost      %s\nport      %u\ntls       no\n", task->name,
               password, host, port);
        return CLI_OK;
    }
    hr_buf out;
    hr_buf_init(&out, JSON_BYTES_MAX);
    hr_json json = hr_json_into(&out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "user", task->name);
    hr_json_key_text(&json, "password", password);
    hr_json_key_text(&json, "host", host);
    hr_json_key_u64(&json, "port", port);
    hr_json_key_bool(&json, "tls", false);
    hr_json_close_object(&json);
    return put_json(&out);
}

typedef struct listing {
    const task *task;
    hr_json json;
} listing;

static void show(const char *name, broker_role role, void *context)
{
    listing *list = context;
    if (role != list->task->role) {
        return;
    }
    if (list->task->json) {
        hr_json_text(&list->json, name);
    } else {
        printf("%s\n", name);
    }
}

static int list(const task *task)
{
    hr_buf out;
    hr_why why = {""};
    hr_buf_init(&out, JSON_BYTES_MAX);
    listing listing = {.task = task, .json = hr_json_into(&out)};
    hr_json_open_array(&listing.json);
    hr_err err = broker_user_each(task->folder, show, &listing, &why);
    hr_json_close_array(&listing.json);
    if (err != HR_OK) {
        hr_buf_fini(&out);
        return fail(task, &why);
    }
    if (task->json) {
        return put_json(&out);
    }
    hr_buf_fini(&out);
    return CLI_OK;
}

static int remove_user(const task *task)
{
    hr_why why = {""};
    hr_err err = broker_user_remove(task->folder, task->name, &why);
    return err == HR_OK ? CLI_OK : fail(task, &why);
}

static int usage(const task *task, FILE *to, int exit_code)
{
    fprintf(to, help_text, task->command, task->command, task->command);
    return exit_code;
}

static int run(task *task, const cli_globals *globals, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return usage(task, stdout, CLI_OK);
        }
        if (strcmp(argv[i], "--json") == 0) {
            task->json = true;
        } else if (argv[i][0] == '-' || task->name != NULL) {
            return usage(task, stderr, CLI_USAGE);
        } else if (task->verb == NULL) {
            task->verb = argv[i];
        } else {
            task->name = argv[i];
        }
    }
    bool wants_list = task->verb != NULL && strcmp(task->verb, "list") == 0;
    if (task->verb == NULL || wants_list != (task->name == NULL)) {
        return usage(task, stderr, CLI_USAGE);
    }
    if (access(globals->data, F_OK) != 0) {
        fprintf(stderr,
                "hedgerow %s: there is no data folder %s: start the service once, or say where it "
                "is with --data DIR before the command\n",
                task->command, globals->data);
        return CLI_FAILED;
    }
    int size = snprintf(task->folder, sizeof task->folder, "%s/broker", globals->data);
    if (size < 0 || (size_t)size >= sizeof task->folder) {
        fprintf(stderr, "hedgerow %s: the data folder's path is too long\n", task->command);
        return CLI_USAGE;
    }
    if (wants_list) {
        return list(task);
    }
    if (strcmp(task->verb, "add") == 0) {
        return add(task);
    }
    if (strcmp(task->verb, "rm") == 0) {
        return remove_user(task);
    }
    return usage(task, stderr, CLI_USAGE);
}

int cli_gateway(const cli_globals *globals, int argc, char **argv)
{
    task task = {.command = "gateway", .role = BROKER_GATEWAY};
    return run(&task, globals, argc, argv);
}

int cli_reader(const cli_globals *globals, int argc, char **argv)
{
    task task = {.command = "reader", .role = BROKER_READER};
    return run(&task, globals, argc, argv);
}
