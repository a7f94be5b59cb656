/* api/cli_rows.c - streaming rows in and text out. */
#include "cli_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define BUFFER_SIZE (1u << 20)
#define PROGRESS_ROWS 262144u
#define PROGRESS_GAP_S 0.5
#define FILE_BYTES_MAX (UINT64_C(1) << 31)
/* Skipped rows that are told one by one; how many there were is told in the end. */
#define SKIPPED_TOLD_MAX 20

struct cli_rows {
    const cli_rows_options *options;
    int fd;
    bool at_end; /* nothing more is to be read from fd */
    bool progress;
    bool progress_shown;
    uint64_t line;
    uint64_t skipped;
    uint64_t empty; /* lines without anything before the next row: no harm at the end */
    geo_csv csv;
    size_t start; /* what is not yet taken is buffer[start..end) */
    size_t end;
    double began_s;
    double told_s;
    char wrong[GEO_WHY_MAX + 64]; /* the reason of CLI_ROWS_FAILED */
    char buffer[BUFFER_SIZE];
};

static bool usage(const cli_rows_options *options, int *exit_code, const char *what,
                  const char *which)
{
    fprintf(stderr, "hedgerow %s: %s%s; see hedgerow %s --help\n", options->command, what, which,
            options->command);
    *exit_code = CLI_USAGE;
    return false;
}

bool cli_rows_parse(int argc, char **argv, const char *help, cli_rows_options *options,
                    int *exit_code)
{
    *options = (cli_rows_options){.command = argv[0]};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            *exit_code = CLI_OK;
            return false;
        }
        if (strcmp(argv[i], "--close-rings") == 0) {
            options->close_rings = true;
        } else if (strcmp(argv[i], "--fences") == 0 && value != NULL) {
            options->fences_path = value;
            i++;
        } else if (strcmp(argv[i], "--on-error") == 0 && value != NULL &&
                   (strcmp(value, "stop") == 0 || strcmp(value, "skip") == 0)) {
            options->skip_bad_rows = strcmp(value, "skip") == 0;
            i++;
        } else {
            return usage(options, exit_code, "what is meant by ", argv[i]);
        }
    }
    return options->fences_path != NULL ||
           usage(options, exit_code, "--fences FILE is missing", "");
}

static char *read_all(int fd, size_t size_hint, size_t *size)
{
    size_t capacity = size_hint + 1;
    char *text = malloc(capacity);
    *size = 0;
    while (text != NULL) {
        ssize_t got = read(fd, text + *size, capacity - *size);
        if (got == 0) {
            text[*size] = '\0';
            return text;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        *size += got < 0 ? 0 : (size_t)got;
        if (got < 0 || capacity > FILE_BYTES_MAX) {
            errno = got < 0 ? errno : EFBIG;
            break;
        }
        if (*size == capacity) {
            capacity *= 2;
            char *grown = realloc(text, capacity);
            if (grown == NULL) {
                break;
            }
            text = grown;
        }
    }
    free(text);
    return NULL;
}

char *cli_read_file(const char *command, const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &status) == 0) {
        text = read_all(fd, S_ISREG(status.st_mode) ? (size_t)status.st_size : 65536, size);
    }
    if (text == NULL) {
        fprintf(stderr, "hedgerow %s: %s: %s\n", command, path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Read more behind what is left, which moves to the front. False when nothing came. */
static bool fill(cli_rows *rows)
{
    memmove(rows->buffer, rows->buffer + rows->start, rows->end - rows->start);
    rows->end -= rows->start;
    rows->start = 0;
    while (!rows->at_end && rows->end < BUFFER_SIZE) {
        ssize_t got = read(rows->fd, rows->buffer + rows->end, BUFFER_SIZE - rows->end);
        if (got > 0) {
            rows->end += (size_t)got;
            return true;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        rows->at_end = true;
        if (got < 0) {
            snprintf(rows->wrong, sizeof rows->wrong, "reading failed: %s", strerror(errno));
        }
    }
    return false;
}

/* The next line, without its end; false at the end of the input. A line that is too long comes
 * first as its beginning of GEO_CSV_LINE_MAX + 1 bytes, so that it is refused. */
static bool next_line(cli_rows *rows, const char **line, size_t *size)
{
    for (;;) {
        char *start = rows->buffer + rows->start;
        size_t left = rows->end - rows->start;
        char *newline = memchr(start, '\n', left);
        if (newline != NULL) {
            *line = start;
            *size = (size_t)(newline - start);
            rows->start += *size + 1;
            return true;
        }
        if (left == BUFFER_SIZE) {
            rows->end = GEO_CSV_LINE_MAX + 1; /* the line's beginning, and what is still to come */
        }
        if (!fill(rows)) {
            *line = rows->buffer + rows->start;
            *size = rows->end - rows->start;
            rows->start = rows->end;
            return *size > 0;
        }
    }
}

cli_rows *cli_rows_open(int fd, const cli_rows_options *options)
{
    cli_rows *rows = malloc(sizeof *rows);
    const char *line;
    size_t size = 0;
    geo_why why = {"there is no header line"};
    if (rows == NULL) {
        fprintf(stderr, "hedgerow %s: out of memory\n", options->command);
        return NULL;
    }
    memset(rows, 0, offsetof(cli_rows, buffer));
    rows->options = options;
    rows->fd = fd;
    rows->progress = isatty(STDERR_FILENO) != 0;
    rows->began_s = now_s();
    rows->told_s = rows->began_s;
    if (!next_line(rows, &line, &size) || geo_csv_header(&rows->csv, line, size, &why) != GEO_OK) {
        fprintf(stderr, "hedgerow %s: %s\n", options->command,
                rows->wrong[0] != '\0' ? rows->wrong : why.text);
        free(rows);
        return NULL;
    }
    return rows;
}

void cli_rows_close(cli_rows *rows)
{
    free(rows);
}

static void show_progress(cli_rows *rows)
{
    double now = now_s();
    if (now - rows->told_s >= PROGRESS_GAP_S) {
        double seconds = now - rows->began_s;
        fprintf(stderr, "\r%llu rows, %.1f M rows/s ", (unsigned long long)rows->line,
                (double)rows->line / seconds / 1e6);
        rows->told_s = now;
        rows->progress_shown = true;
    }
}

static void hide_progress(cli_rows *rows)
{
    if (rows->progress_shown) {
        fputs("\r\033[K", stderr);
        rows->progress_shown = false;
    }
}

/* A bad row: false when it is the end. */
static bool refuse(cli_rows *rows, uint64_t line, const char *why)
{
    if (!rows->options->skip_bad_rows) {
        snprintf(rows->wrong, sizeof rows->wrong, "line %llu: %s", (unsigned long long)line, why);
        return false;
    }
    if (rows->skipped++ < SKIPPED_TOLD_MAX) {
        hide_progress(rows);
        fprintf(stderr, "hedgerow %s: skipped line %llu: %s\n", rows->options->command,
                (unsigned long long)line, why);
    }
    return true;
}

/* A row has come: the empty lines before it were no end. */
static bool refuse_empty(cli_rows *rows)
{
    for (; rows->empty > 0; rows->empty--) {
        if (!refuse(rows, rows->line - rows->empty, "the line is empty")) {
            return false;
        }
    }
    return true;
}

cli_rows_result cli_rows_next(cli_rows *rows, geo_csv_fix *fix, uint64_t *line)
{
    const char *text;
    size_t size;
    geo_why why;
    while (next_line(rows, &text, &size)) {
        rows->line++;
        if (rows->progress && rows->line % PROGRESS_ROWS == 0) {
            show_progress(rows);
        }
        if (size == 0 || (size == 1 && text[0] == '\r')) {
            rows->empty++;
            continue;
        }
        if (rows->empty > 0 && !refuse_empty(rows)) {
            return CLI_ROWS_FAILED;
        }
        geo_err err = size > GEO_CSV_LINE_MAX
                          ? geo_why_set(&why, GEO_TOO_BIG, "longer than %d bytes", GEO_CSV_LINE_MAX)
                          : geo_csv_row(&rows->csv, text, size, fix, &why);
        if (err == GEO_OK) {
            *line = rows->line;
            return CLI_ROW;
        }
        if (!refuse(rows, rows->line, why.text)) {
            return CLI_ROWS_FAILED;
        }
    }
    return rows->wrong[0] == '\0' ? CLI_ROWS_END : CLI_ROWS_FAILED;
}

int cli_rows_tell(cli_rows *rows)
{
    hide_progress(rows);
    if (rows->skipped > 0) {
        fprintf(stderr, "hedgerow %s: %llu of %llu lines skipped%s\n", rows->options->command,
                (unsigned long long)rows->skipped, (unsigned long long)(rows->line - rows->empty),
                rows->skipped > SKIPPED_TOLD_MAX ? ", the first of them told above" : "");
    }
    if (rows->wrong[0] != '\0') {
        fprintf(stderr, "hedgerow %s: %s\n", rows->options->command, rows->wrong);
        return CLI_FAILED;
    }
    return CLI_OK;
}

void cli_output_flush(cli_output *output)
{
    size_t done = 0;
    while (done < output->used && !output->failed) {
        ssize_t put = write(output->fd, output->bytes + done, output->used - done);
        if (put >= 0) {
            done += (size_t)put;
        } else if (errno != EINTR) {
            fprintf(stderr, "hedgerow: writing failed: %s\n", strerror(errno));
            output->failed = true;
        }
    }
    output->used = 0;
}

char *cli_output_reserve(cli_output *output, size_t size)
{
    if (output->used + size > CLI_OUTPUT_SIZE) {
        cli_output_flush(output);
    }
    return output->bytes + output->used;
}
