/* api/cli_man.c - hedgerow man: pages of the manual, made of what --help says and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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
    "hedgerow install puts the pages where man looks for them.\n";

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
static void put_line(FILE *to, const char *text, size_t size)
{
    if (size > 0 && (text[0] == '.' || text[0] == '\'')) {
        fputs("\\&", to);
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') {
            fputs("\\e", to);
        } else if (text[i] == '-') {
            fputs("\\-", to);
        } else {
            fputc(text[i], to);
        }
    }
    fputc('\n', to);
}

static void put_lines(FILE *to, const char *text)
{
    fputs(".EX\n", to);
    while (*text != 0) {
        size_t size = strcspn(text, "\n");
        put_line(to, text, size);
        text += size + (text[size] == '\n');
    }
    fputs(".EE\n", to);
}

static void put_heading(FILE *to, const char *program, int section, const char *text)
{
    size_t size = strcspn(text, "\n");
    const char *summary = memmem(text, size, SEPARATOR, sizeof SEPARATOR - 1);
    fprintf(to, ".TH %s %d \"\" \"Hedgerow %s\" \"Hedgerow\"\n.SH NAME\n", program, section,
            HR_VERSION);
    if (summary != NULL) {
        put_line(to, text, size);
    } else {
        fprintf(to, "%s \\- a program of Hedgerow\n", program);
    }
    fputs(".SH DESCRIPTION\n", to);
    /* The first line has become the name. */
    put_lines(to, summary != NULL ? text + size + strspn(text + size, "\n") : text);
}

static bool write_page(const char *program, FILE *to)
{
    bool is_own = strcmp(program, "hedgerow") == 0;
    hr_buf text;
    hr_buf_init(&text, HELP_BYTES_MAX);
    bool is_well = read_help(program, NULL, &text);
    if (is_well) {
        put_heading(to, program, is_own ? 1 : 8, (const char *)text.data);
    }
    size_t count = 0;
    const cli_command *commands = cli_commands(&count);
    if (is_own) {
        fputs(".SH COMMANDS\n", to);
    }
    for (size_t i = 0; is_own && is_well && i < count; i++) {
        is_well = read_help(program, commands[i].name, &text);
        if (is_well) {
            fprintf(to, ".SS %s\n", commands[i].name);
            put_lines(to, (const char *)text.data);
        }
    }
    hr_buf_fini(&text);
    return is_well;
}

/* A folder with its parents, as far as they are not there. */
static bool make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        bool is_there = mkdir(path, 0755) == 0 || errno == EEXIST;
        *at = '/';
        if (!is_there) {
            return false;
        }
    }
    return true;
}

bool cli_man_install(const char *program, const char *share)
{
    char path[PATH_BYTES_MAX];
    int section = strcmp(program, "hedgerow") == 0 ? 1 : 8;
    int size = snprintf(path, sizeof path, "%s/man/man%d/%s.%d", share, section, program, section);
    FILE *to =
        size > 0 && (size_t)size < sizeof path && make_folders(path) ? fopen(path, "we") : NULL;
    bool is_well = to != NULL && write_page(program, to) && ferror(to) == 0;
    if (to != NULL && (fclose(to) != 0 || !is_well)) {
        (void)unlink(path);
        is_well = false;
    }
    return is_well;
}

int cli_man(const cli_globals *globals, int argc, char **argv)
{
    (void)globals;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        bool wants_help = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(help, wants_help ? stdout : stderr);
        return wants_help ? CLI_OK : CLI_USAGE;
    }
    const char *program = argc == 2 ? argv[1] : "hedgerow";
    if (!write_page(program, stdout)) {
        fprintf(stderr, "hedgerow man: %s is not beside this program, or tells nothing\n", program);
        return CLI_FAILED;
    }
    return CLI_OK;
}
