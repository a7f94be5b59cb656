/* api/cli_gateway.c - hedgerow gateway and hedgerow reader: who may log in at the managed broker.
 *
 * Works on the data folder itself, with the service running or not. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli.h"
#include "cli_gateway_config.h"
#include "cli_qr.h"
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
    bool wants_code;
    const char *config_path; /* NULL: none was given */
} task;

static const char help_text[] =
    "usage: hedgerow [--data DIR] %s add NAME [--json]%s\n"
    "       hedgerow [--data DIR] %s list [--json]\n"
    "       hedgerow [--data DIR] %s rm NAME\n"
    "\n"
    "add prints the password once; it is kept only as a hash. rm ends the session at once.\n"
    "Once the local network is let in (hedgerow broker open-lan), add names this machine's\n"
    "address there, with TLS.\n";

static const char gateway_text[] =
    "\n"
    "add prints a ready configuration for hedgerow-edge, and in a terminal a QR code that sets up\n"
    "a phone with OwnTracks.\n"
    "  --json         only user, password, host, port and tls\n"
    "  --config FILE  write the configuration to FILE, for its owner only, and with TLS the\n"
    "                 authority's certificate to FILE.ca.pem\n"
    "  --qr           print the QR code also when this is no terminal\n";

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

/* What add tells, once. */
static int print_words(const gateway_login *login)
{
    const broker_contact *to = login->contact;
    printf("user      %s\npassword  %s\nhost      %s\nport      %u\ntls       %s\n", login->name,
           login->password, to->host, to->port, to->is_tls ? "yes" : "no");
    if (to->is_tls) {
        printf("authority %s\n          %s\n", to->lan.ca_file, to->lan.fingerprint);
    }
    return CLI_OK;
}

static int print_json(const gateway_login *login)
{
    hr_buf out;
    hr_buf_init(&out, JSON_BYTES_MAX);
    hr_json json = hr_json_into(&out);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "user", login->name);
    hr_json_key_text(&json, "password", login->password);
    hr_json_key_text(&json, "host", login->contact->host);
    hr_json_key_u64(&json, "port", login->contact->port);
    hr_json_key_bool(&json, "tls", login->contact->is_tls);
    hr_json_close_object(&json);
    return put_json(&out);
}

/* The configuration, and for a person in front of a screen the code for a phone. */
static int print_config(const task *task, const gateway_login *login)
{
    hr_buf text;
    hr_buf_init(&text, JSON_BYTES_MAX);
    gateway_config_put(&text, login, NULL);
    hr_err err = hr_buf_err(&text);
    if (err == HR_OK) {
        fwrite(text.data, 1, text.size, stdout);
    }
    if (err == HR_OK && (task->wants_code || isatty(STDOUT_FILENO))) {
        hr_buf_clear(&text);
        gateway_phone_link_put(&text, login);
        err = hr_buf_err(&text);
        if (err == HR_OK) {
            puts(
                "\n# Or a phone with the app OwnTracks as the gateway: scan this with its camera.");
            err = cli_qr_print(stdout, (const char *)text.data);
        }
    }
    hr_buf_fini(&text);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow gateway add: %s\n", hr_err_text(err));
    }
    return err == HR_OK ? CLI_OK : CLI_FAILED;
}

/* The user is there: tell its password, whatever else fails. */
static int tell(const task *task, const gateway_login *login, int config_fd)
{
    hr_why why = {""};
    if (config_fd >= 0) {
        if (gateway_config_write(config_fd, task->config_path, login, &why) == HR_OK) {
            return task->json ? print_json(login) : CLI_OK;
        }
        fprintf(stderr, "hedgerow gateway add: %s; %s was added even so:\n", why.text, login->name);
        print_json(login);
        return CLI_FAILED;
    }
    if (task->json) {
        return print_json(login);
    }
    return task->role == BROKER_GATEWAY ? print_config(task, login) : print_words(login);
}

static int add(const task *task)
{
    char password[BROKER_PASSWORD_SIZE];
    broker_contact contact;
    int config_fd = -1;
    hr_why why = {""};
    hr_err err = broker_contact_get(task->folder, &contact, &why);
    if (err == HR_OK && task->config_path != NULL) {
        err = gateway_config_create(task->config_path, &config_fd, &why);
    }
    if (err == HR_OK) {
        err = broker_user_add(task->folder, task->name, task->role, password, &why);
        if (err != HR_OK && config_fd >= 0) {
            unlink(task->config_path);
        }
    }
    int code = CLI_FAILED;
    if (err == HR_OK) {
        gateway_login login = {.name = task->name, .password = password, .contact = &contact};
        code = tell(task, &login, config_fd);
    } else {
        fail(task, &why);
    }
    if (config_fd >= 0) {
        close(config_fd);
    }
    return code;
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

typedef struct search {
    const task *task;
    bool is_other; /* one of that name is of the other kind */
} search;

static void compare(const char *name, broker_role role, void *context)
{
    search *search = context;
    search->is_other |= role != search->task->role && strcmp(name, search->task->name) == 0;
}

/* The wrong one of the two words must not lock somebody out. */
static int remove_user(const task *task)
{
    hr_why why = {""};
    search search = {.task = task};
    hr_err err = broker_user_each(task->folder, compare, &search, &why);
    if (err == HR_OK && search.is_other) {
        err = hr_why_set(&why, HR_NOT_FOUND, "%s is no %s", task->name, task->command);
    } else if (err == HR_OK) {
        err = broker_user_remove(task->folder, task->name, &why);
    }
    return err == HR_OK ? CLI_OK : fail(task, &why);
}

static int usage(const task *task, FILE *to, int exit_code)
{
    bool is_gateway = task->role == BROKER_GATEWAY;
    fprintf(to, help_text, task->command, is_gateway ? " [--config FILE] [--qr]" : "",
            task->command, task->command);
    fputs(is_gateway ? gateway_text : "", to);
    return exit_code;
}

/* False when an argument is not understood. */
static bool read_arguments(task *task, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool is_gateway = task->role == BROKER_GATEWAY;
        if (strcmp(argv[i], "--json") == 0) {
            task->json = true;
        } else if (is_gateway && strcmp(argv[i], "--qr") == 0) {
            task->wants_code = true;
        } else if (is_gateway && strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            task->config_path = argv[++i];
        } else if (argv[i][0] == '-' || task->name != NULL) {
            return false;
        } else if (task->verb == NULL) {
            task->verb = argv[i];
        } else {
            task->name = argv[i];
        }
    }
    return true;
}

/* A service that has run and made no broker uses one whose users are not ours to change. */
static bool is_foreign(const char *data, const char *folder)
{
    char journal[API_DATA_PATH_MAX];
    int size = snprintf(journal, sizeof journal, "%s/journal", data);
    return size > 0 && (size_t)size < sizeof journal && access(journal, F_OK) == 0 &&
           access(folder, F_OK) != 0;
}

static bool find_broker(task *task, const char *data)
{
    int size = snprintf(task->folder, sizeof task->folder, "%s/broker", data);
    if (access(data, F_OK) != 0) {
        fprintf(stderr,
                "hedgerow %s: there is no data folder %s: start the service once, or say where it "
                "is with --data DIR before the command\n",
                task->command, data);
        return false;
    }
    if (size < 0 || (size_t)size >= sizeof task->folder) {
        fprintf(stderr, "hedgerow %s: the data folder's path is too long\n", task->command);
        return false;
    }
    if (is_foreign(data, task->folder)) {
        fprintf(stderr,
                "hedgerow %s: this service uses a broker that is not its own (--broker), which "
                "has its own tools for users\n",
                task->command);
        return false;
    }
    return true;
}

static int run(task *task, const cli_globals *globals, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return usage(task, stdout, CLI_OK);
        }
    }
    if (!read_arguments(task, argc, argv)) {
        return usage(task, stderr, CLI_USAGE);
    }
    bool wants_list = task->verb != NULL && strcmp(task->verb, "list") == 0;
    if (task->verb == NULL || wants_list != (task->name == NULL)) {
        return usage(task, stderr, CLI_USAGE);
    }
    if (!find_broker(task, globals->data)) {
        return CLI_FAILED;
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
