/* tests/gateway/field.c - starts, feeds, kills and hears a gateway. */
#include "gateway/field.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/support.h"
#include "test.h"

void field_write_config(field *f)
{
    snprintf(f->config, sizeof f->config, "%s/edge.conf", f->s->root);
    FILE *file = fopen(f->config, "w");
    assert_non_null(file);
    if (f->lan.port != 0) {
        fprintf(file, "broker = ssl://localhost:%u\nca_file = %s\n", f->lan.port, f->lan.ca_file);
    } else {
        fprintf(file, "broker = tcp://127.0.0.1:%u\n", f->port != 0 ? f->port : f->s->port);
    }
    fprintf(file, "user = barn\npassword = %s\n", f->s->password);
    fprintf(file, "data = %s/edge\nbatch_ms = 20\nbatch_fixes = %u\nsource = json:-\n", f->s->root,
            f->batch_fixes != 0 ? f->batch_fixes : 200);
    if (f->keepalive_s != 0) {
        fprintf(file, "keepalive_s = %u\n", f->keepalive_s);
    }
    if (f->disk_mb != 0) {
        fprintf(file, "disk_mb = %u\n", f->disk_mb);
    }
    assert_int_equal(fclose(file), 0);
}

const char *field_program(void)
{
    return HR_EDGE_PROGRAM;
}

static void start_gateway(field *f)
{
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->pid = fork();
    if (f->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        if (f->cut_step != 0) {
            char step[24];
            snprintf(step, sizeof step, "%lu", f->cut_step);
            execl("/proc/self/exe", "gateway", FIELD_OPTION, f->config, step, (char *)NULL);
            _exit(127);
        }
        execl(HR_EDGE_PROGRAM, "hedgerow-edge", "--config", f->config, "--confirm", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->in_fd = in[1];
    f->out_fd = out[0];
    f->heard_size = 0;
}

/* A whole line {"stored":N} of what was read. False: there is none. */
static bool take_line(field *f)
{
    char *end = memchr(f->heard, '\n', f->heard_size);
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    assert_int_equal(sscanf(f->heard, "{\"stored\":%lu}", &f->stored), 1);
    size_t used = (size_t)(end - f->heard) + 1;
    memmove(f->heard, end + 1, f->heard_size - used);
    f->heard_size -= used;
    return true;
}

/* False: it is dead. */
static bool read_some(field *f)
{
    ssize_t got = read(f->out_fd, f->heard + f->heard_size, sizeof f->heard - f->heard_size);
    f->heard_size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Wait for its next line. */
static void hear(field *f)
{
    while (!take_line(f)) {
        assert_true(read_some(f));
    }
}

bool field_hear(field *f, int timeout_ms)
{
    struct pollfd ready = {.fd = f->out_fd, .events = POLLIN};
    bool lives = true;
    while (lives && poll(&ready, 1, timeout_ms) > 0) {
        lives = read_some(f);
        while (take_line(f)) {
        }
        timeout_ms = 0;
    }
    return lives;
}

void field_end(field *f)
{
    if (f->pid > 0) {
        support_kill(f->pid);
        close(f->in_fd);
        close(f->out_fd);
        f->pid = 0;
    }
}

bool field_try_restart(field *f)
{
    field_end(f);
    start_gateway(f);
    while (!take_line(f)) {
        if (!read_some(f)) {
            return false;
        }
    }
    f->given = f->stored;
    return true;
}

void field_restart(field *f)
{
    assert_true(field_try_restart(f));
}

void field_give(field *f, uint32_t count)
{
    char text[160 * 64];
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "{\"device\":\"cow-%u\",\"time\":%lu,\"lon\":16.5,\"lat\":%.7f}\n",
                                 (unsigned)(f->given % 50), 1735689600000 + f->given * 1000,
                                 (double)f->given / 1e7);
        f->given++;
        if (size > sizeof text - 200 || i + 1 == count) {
            if (write(f->in_fd, text, size) != (ssize_t)size) {
                assert_true(f->cut_step != 0);
                return;
            }
            size = 0;
        }
    }
}

void field_wait_stored(field *f)
{
    while (f->stored < f->given) {
        hear(f);
    }
}

int field_finish(field *f)
{
    int status;
    close(f->in_fd);
    f->in_fd = -1;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    close(f->out_fd);
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void field_assert_each_once(field *f)
{
    size_t found;
    site_wait_fixes(f->s, f->given);
    site_fix *fixes = site_fixes(f->s, &found);
    uint8_t *seen = calloc(f->given + 1, 1);
    assert_non_null(seen);
    for (size_t i = 0; i < found; i++) {
        assert_in_range(fixes[i].fix.lat_e7, 0, f->given - 1);
        if (seen[fixes[i].fix.lat_e7]++ != 0) {
            fail_msg("fix %d was recorded twice", fixes[i].fix.lat_e7);
        }
    }
    assert_int_equal(found, f->given);
    free(seen);
    free(fixes);
}
