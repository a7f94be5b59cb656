/* api/cli_man.c - hedgerow man: pages of the manual, made of what --help says and nothing else. */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli_commands.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

#define PATH_BYTES_MAX 1024
#define HELP_BYTES_MAX (1u << 20)
#define SEPARATOR " - " /* between a program's name and what it is, in the first line of --help */

extern char **environ;

static const char help[] =
    "usage: hedgerow man [PROGRAM]\n"
    "\n"
    "Prints a page of the manual, made of what PROGRAM --help says: hedgerow (if none is named),\n"
    "or a program that lies beside it. To read it: hedgerow man | man -l -\n"
    "To install it: hedgerow man > /usr/local/share/man/man1/hedgerow.1\n"
    "               hedgerow man hedgerowd > /usr/local/share/man/man8/hedgerowd.8\n";

/* What a program prints, its errors aside. */
static bool read_output(const char *path, char *const arguments[], hr_buf *out)
{
    int ends[2];
    pid_t child = 0;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    bool is_started = posix_spawn(&child, path, &actions, NULL, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    uint8_t bytes[4096];
    ssize_t got = 0;
    while (is_started && (got = read(ends[0], bytes, sizeof bytes)) > 0) {
        hr_buf_put(out, bytes, (size_t)got);
    }
    close(ends[0]);
    int status = 0;
    bool is_well = is_started && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                   WEXITSTATUS(status) == 0;
    hr_buf_put_u8(out, 0);
    return is_well && hr_buf_err(out) == HR_OK;
}

/* The help of a program of that name beside this one, or of a command of it. */
static bool read_help(const char *program, const char *command, hr_buf *out)
{
    char path[PATH_BYTES_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 64);
    char *slash = size > 0 ? memrchr(path, '/', (size_t)size) : NULL;
    hr_buf_clear(out);
    if (slash == NULL || strchr(program, '/') != NULL || strlen(program) > 32) {
        return false;
    }
    snprintf(slash + 1, 48, "%s", program);
    char *const own[] = {(char *)program, (char *)"--help", NULL};
    char *const commands[] = {(char *)program, (char *)command, (char *)"--help", NULL};
    return read_output(path, command != NULL ? commands : own, out);
}

/* One line as roff shows it unchanged. */
static void put_line(const char *text, size_t size)
{
    if (size > 0 && (text[0] == '.' || text[0] == '\'')) {
        fputs("\\&", stdout);
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') {
            fputs("\\e", stdout);
        } else if (text[i] == '-') {
            fputs("\\-", stdout);
        } else {
            putchar(text[i]);
        }
    }
    putchar('\n');
}

static void put_lines(const char *text)
{
    fputs(".EX\n", stdout);
    while (*text != 0) {
        size_t size = strcspn(text, "\n");
        put_line(text, size);
        text += size + (text[size] == '\n');
    }
    fputs(".EE\n", stdout);
}

static void put_heading(const char *program, int section, const char *text)
{
    size_t size = strcspn(text, "\n");
    const char *summary = memmem(text, size, SEPARATOR, sizeof SEPARATOR - 1);
    printf(".TH %s %d \"\" \"Hedgerow %s\" \"Hedgerow\"\n.SH NAME\n", program, section, HR_VERSION);
    if (summary != NULL) {
        put_line(text, size);
    } else {
        printf("%s \\- a program of Hedgerow\n", program);
    }
    fputs(".SH DESCRIPTION\n", stdout);
    /* The first line has become the name. */
    put_lines(summary != NULL ? text + size + strspn(text + size, "\n") : text);
}

static int print_page(const char *program)
{
    bool is_own = strcmp(program, "hedgerow") == 0;
    int code = CLI_OK;
    hr_buf text;
    hr_buf_init(&text, HELP_BYTES_MAX);
    if (!read_help(program, NULL, &text)) {
        fprintf(stderr, "hedgerow man: %s is not beside this program, or tells nothing\n", program);
        hr_buf_fini(&text);
        return CLI_FAILED;
    }
    put_heading(program, is_own ? 1 : 8, (const char *)text.data);
    size_t count = 0;
    const cli_command *commands = cli_commands(&count);
    if (is_own) {
        fputs(".SH COMMANDS\n", stdout);
    }
    for (size_t i = 0; is_own && code == CLI_OK && i < count; i++) {
        if (read_help(program, commands[i].name, &text)) {
            printf(".SS %s\n", commands[i].name);
            put_lines((const char *)text.data);
        } else {
            code = CLI_FAILED;
        }
    }
    hr_buf_fini(&text);
    return code;
}

int cli_man(const cli_globals *globals, int argc, char **argv)
{
    (void)globals;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        bool wants_help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(help, wants_help ? stdout : stderr);
        return wants_help ? CLI_OK : CLI_USAGE;
    }
    return print_page(argc == 2 ? argv[1] : "hedgerow");
}
