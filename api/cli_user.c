/* api/cli_user.c - hedgerow user: who may log in to the page and the API. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "cli_client.h"
#include "cli_table.h"

#define PASSWORD_BYTES_MAX 1024 /* far above what the service takes: a longer one is refused */

static const char help[] =
    "usage: hedgerow user list [--json]\n"
    "       hedgerow user add NAME [--role viewer|editor|owner]   asks for the password, or\n"
    "                                                             reads it from standard input\n"
    "       hedgerow user rm NAME\n";

static void end_typing(int signal_number)
{
    (void)signal_number;
}

/* A Ctrl-C ends the typing only: the terminal must be made to show again what is typed. */
static void heed_signals(void)
{
    const struct sigaction action = {.sa_handler = end_typing};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

/* One line, not shown while it is typed. False at the end of input. */
static bool read_password(char password[PASSWORD_BYTES_MAX])
{
    struct termios before;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        heed_signals();
        fputs("Password: ", stderr);
        tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    }
    bool got = fgets(password, PASSWORD_BYTES_MAX, stdin) != NULL;
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        fputc('\n', stderr);
    }
    if (got) {
        password[strcspn(password, "\r\n")] = '\0';
    }
    return got;
}

static int add(cli_client *client, const char *name, const char *role)
{
    char password[PASSWORD_BYTES_MAX];
    if (!read_password(password)) {
        fputs("hedgerow user: no password was given\n", stderr);
        return CLI_FAILED;
    }
    if (!cli_is_utf8("user", "the password", password)) {
        explicit_bzero(password, sizeof password);
        return CLI_FAILED;
    }
    hr_buf body;
    hr_buf_init(&body, 4096);
    hr_json json = hr_json_into(&body);
    hr_json_open_object(&json);
    hr_json_key_text(&json, "user", name);
    hr_json_key_text(&json, "password", password);
    hr_json_key_text(&json, "role", role);
    hr_json_close_object(&json);
    int code = cli_client_print(client, "POST", "/v1/users", (const char *)body.data, body.size);
    explicit_bzero(password, sizeof password);
    hr_buf_fini(&body);
    return code;
}

static int list(cli_client *client, bool is_json)
{
    static const char *const columns[] = {"user", "role", "created", NULL};
    hr_buf out;
    if (is_json) {
        return cli_client_print(client, "GET", "/v1/users", NULL, 0);
    }
    hr_buf_init(&out, CLI_ANSWER_BYTES_MAX);
    int code = cli_client_ask(client, "GET", "/v1/users", NULL, 0, &out);
    if (code == CLI_OK) {
        cli_table_print_text((const char *)out.data, "users", columns);
    }
    hr_buf_fini(&out);
    return code;
}

static int run(cli_client *client, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    bool is_json = argc > 2 && strcmp(argv[argc - 1], "--json") == 0;
    argc -= is_json; /* the other answers are JSON anyway */
    if (strcmp(verb, "list") == 0 && argc == 2) {
        return list(client, is_json);
    }
    if (strcmp(verb, "add") == 0 && argc == 3) {
        return add(client, argv[2], "viewer");
    }
    if (strcmp(verb, "add") == 0 && argc == 5 && strcmp(argv[3], "--role") == 0) {
        return add(client, argv[2], argv[4]);
    }
    if (strcmp(verb, "rm") == 0 && argc == 3) {
        return cli_client_print_one(client, "DELETE", "/v1/users", argv[2]);
    }
    fputs(help, stderr);
    return CLI_USAGE;
}

int cli_user(const cli_globals *globals, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    cli_client *client = cli_client_new(globals, "user");
    if (client == NULL) {
        return CLI_FAILED;
    }
    int code = run(client, argc, argv);
    cli_client_free(client);
    return code;
}
