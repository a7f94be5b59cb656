/* gateway/source_lines.c - lines from the standard input, a file, a serial port or a TCP server.
 * What can be opened again is, after growing pauses. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/logline.h"
#include "gateway/source_lines.h"
#include "gateway/source_private.h"
#include "gateway/source_tcp.h"
#include "gateway/source_text.h"

/* B0: there is no such speed. */
static speed_t speed_of(const char *text)
{
    static const struct {
        const char *text;
        speed_t speed;
    } speeds[] = {{"4800", B4800},   {"9600", B9600},     {"19200", B19200},  {"38400", B38400},
                  {"57600", B57600}, {"115200", B115200}, {"230400", B230400}};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (strcmp(speeds[i].text, text) == 0) {
            return speeds[i].speed;
        }
    }
    return B0;
}

bool source_lines_has_speed(const char *text)
{
    return speed_of(text) != B0;
}

/* A named pipe is opened for writing too: else it ends whenever its writer does. */
static int open_file(const char *path)
{
    struct stat st;
    bool is_pipe = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    return open(path, (is_pipe ? O_RDWR : O_RDONLY) | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

/* "/dev/ttyUSB0@9600", a plain file, or a named pipe. */
static int open_path(const char *place)
{
    char path[CONFIG_TEXT_MAX];
    struct termios settings;
    const char *mark = strrchr(place, '@');
    size_t size = mark != NULL ? (size_t)(mark - place) : strlen(place);
    snprintf(path, sizeof path, "%.*s", (int)size, place);
    int fd = open_file(path);
    if (fd >= 0 && tcgetattr(fd, &settings) == 0) {
        speed_t speed = speed_of(mark != NULL ? mark + 1 : "9600");
        cfmakeraw(&settings);
        /* A plugged-in receiver has no modem lines, and breaks are junk like any other. */
        settings.c_cflag |= CLOCAL | CREAD;
        cfsetispeed(&settings, speed);
        cfsetospeed(&settings, speed);
        if (tcsetattr(fd, TCSANOW, &settings) != 0) {
            hr_logline(HR_LEVEL_WARN, "source.speed", "source=%s", place);
        }
    }
    return fd;
}

static int open_place(source *s)
{
    const char *place = s->options.what->place;
    if (strcmp(place, "-") == 0) {
        return STDIN_FILENO;
    }
    const char *address = source_tcp_address(place, SOURCE_TCP_CONNECT);
    return address != NULL ? source_tcp_connect(s, address) : open_path(place);
}

/* Read until the end or an error. True if anything came. */
static bool follow(source *s, source_text *text, int fd)
{
    char bytes[SOURCE_READ_BYTES];
    bool has_bytes, is_any = false;
    while (source_wait(s, fd, -1, &has_bytes)) {
        if (!has_bytes) {
            continue;
        }
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got <= 0) {
            source_text_end_line(text);
            return is_any;
        }
        is_any = true;
        source_text_take(text, bytes, (size_t)got);
    }
    return is_any;
}

static bool ends_for_good(const char *place, int fd)
{
    struct stat st;
    return strcmp(place, "-") == 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
}

/* One opening of the place, to its end. True if anything came. */
static bool live_once(source *s, int fd)
{
    const char *place = s->options.what->place;
    bool is_over = ends_for_good(place, fd);
    source_text *text = source_text_new(s, !is_over);
    bool is_any = false;
    if (text == NULL) {
        hr_logline(HR_LEVEL_ERROR, "source.failed", "source=%s why=\"out of memory\"", place);
    } else {
        source_note_open(s);
        is_any = follow(s, text, fd);
        source_text_free(text);
    }
    if (is_over && text != NULL && !atomic_load(&s->is_stopping)) {
        atomic_store(&s->is_finished, true);
        s->options.finished(s->options.context);
    }
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return is_any;
}

void source_run_lines(source *s)
{
    int pause_ms = 0;
    bool is_any;
    do {
        int fd = open_place(s);
        is_any = fd >= 0 && live_once(s, fd);
    } while (!atomic_load(&s->is_finished) && source_pause(s, &pause_ms, is_any));
}
