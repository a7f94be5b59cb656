/* api/cli_backup.c - hedgerow backup and hedgerow restore. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "cli.h"

#define PATH_SIZE 1400
#define SLOTS 7 /* backups that a folder keeps */

static const char backup_help[] =
    "usage: hedgerow [--data DIR] backup FILE\n"
    "       hedgerow [--data DIR] backup FOLDER/\n"
    "\n"
    "Writes the whole data folder (fences, users, gateways, checkpoint, journal, history) into "
    "one\n"
    "file, also while the service runs. The file is a plain tar with a checksum for every part, "
    "and\n"
    "holds what lets people in: keep it as safe as the folder, and on another disk (not in the "
    "data\n"
    "folder, which is refused).\n"
    "A FOLDER keeps the newest seven, hedgerow-1.tar to hedgerow-7.tar: the oldest is replaced. "
    "What\n"
    "the disk cannot read is left out, told, and replaces none: FILE.damaged holds the rest.\n"
    "For a daily one that nobody has to think of, see hedgerow install.\n"
    "Get it back with: hedgerow restore FILE --data NEWDIR\n";

static const char restore_help[] =
    "usage: hedgerow restore FILE --data NEWDIR\n"
    "\n"
    "Makes the data folder NEWDIR, which must not exist or be empty, from a backup. The folder\n"
    "appears only if the backup is whole. Then start the service: hedgerowd --data NEWDIR\n"
    "Users, tokens and gateways come back as they were then, also those taken away since; nobody\n"
    "stays logged in.\n";

static int tell(const char *command, hr_err err, const hr_why *why)
{
    fprintf(stderr, "hedgerow %s: %s\n", command, why->text[0] != 0 ? why->text : hr_err_text(err));
    return CLI_FAILED;
}

/* A copy holds every file of the journal open, and a long one has more than the usual 1,024. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A folder's file that is not there yet, or the oldest. */
static void choose_slot(const char *folder, char path[PATH_SIZE])
{
    struct timespec oldest = {0};
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    for (int slot = 1; slot <= SLOTS; slot++) {
        char candidate[PATH_SIZE];
        struct stat info;
        snprintf(candidate, sizeof candidate, "%.1300s%shedgerow-%d.tar", folder, slash, slot);
        bool is_there = stat(candidate, &info) == 0;
        bool is_taken =
            !is_there || slot == 1 || info.st_mtim.tv_sec < oldest.tv_sec ||
            (info.st_mtim.tv_sec == oldest.tv_sec && info.st_mtim.tv_nsec < oldest.tv_nsec);
        if (is_taken) {
            memcpy(path, candidate, sizeof candidate);
        }
        if (!is_there) {
            return;
        }
        oldest = is_taken ? info.st_mtim : oldest;
    }
}

/* With a slash at its end it must be one: a disk that is not there would else become a file. */
static bool is_folder(const char *path)
{
    struct stat info;
    size_t size = strlen(path);
    return (size > 0 && path[size - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

int cli_backup(const cli_globals *globals, int argc, char **argv)
{
    backup_counts counts;
    hr_why why = {""};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(backup_help, stdout);
        return CLI_OK;
    }
    if (argc != 2 || argv[1][0] == '-') {
        fputs(backup_help, stderr);
        return CLI_USAGE;
    }
    if (access(globals->data, F_OK) != 0) {
        fprintf(stderr,
                "hedgerow backup: there is no data folder %s; say where it is with --data DIR "
                "before the command\n",
                globals->data);
        return CLI_FAILED;
    }
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s", argv[1]);
    if (is_folder(argv[1])) {
        choose_slot(argv[1], path);
    }
    raise_file_limit();
    hr_err err = backup_write(globals->data, path, &counts, &why);
    if (err != HR_OK) {
        return tell("backup", err, &why);
    }
    backup_note(globals->data);
    printf("%s: %llu files, %.1f MB\n", path, (unsigned long long)counts.files,
           (double)counts.bytes / 1e6);
    return CLI_OK;
}

int cli_restore(const cli_globals *globals, int argc, char **argv)
{
    const char *file = NULL;
    const char *data = globals->has_data ? globals->data : NULL;
    backup_counts counts;
    hr_why why = {""};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(restore_help, stdout);
            return CLI_OK;
        }
        if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            data = argv[++i];
        } else if (argv[i][0] != '-' && file == NULL) {
            file = argv[i];
        } else {
            fputs(restore_help, stderr);
            return CLI_USAGE;
        }
    }
    if (file == NULL || data == NULL) {
        fputs(restore_help, stderr);
        return CLI_USAGE;
    }
    hr_err err = backup_restore(file, data, &counts, &why);
    if (err != HR_OK) {
        return tell("restore", err, &why);
    }
    printf("%s: %llu files, %.1f MB; start the service with: hedgerowd --data %s\n"
           "Users, tokens and gateways are as they were at the time of the backup: take away again "
           "what\nyou have taken away since. Everyone has to log in anew.\n",
           data, (unsigned long long)counts.files, (double)counts.bytes / 1e6, data);
    return CLI_OK;
}
