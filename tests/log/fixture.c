/* tests/log/fixture.c - see log_fixture.h. */
#include "log_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/logline.h"
#include "log/journal.h"
#include "log/parts.h"
#include "test.h"

static const log_topic topics[] = {{"positions", FIXTURE_PARTITIONS}, {"events", 1}};

void fixture_init(fixture *f)
{
    /* Thousands of syncs: in memory they cost nothing, and what is tested is not the disk. */
    const char *base = getenv("TMPDIR");
    base = base != NULL ? base : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(f->folder, sizeof f->folder, "%s/hedgerow-log-XXXXXX", base);
    assert_non_null(mkdtemp(f->folder));
    f->clock = hr_clock_fake_new(FIXTURE_NOW_MS);
    assert_non_null(f->clock);
    hr_clock_fake_set_synchronised(f->clock, true);
    f->options = (log_options){.folder = f->folder,
                               .topics = topics,
                               .topic_count = 2,
                               .clock = f->clock,
                               .file_bytes = 64 << 10,
                               .reserve_bytes = 16 << 10,
                               .headroom_bytes = 4096,
                               .patience_ms = 1};
    f->log = NULL;
}

void fixture_fini(fixture *f)
{
    log_close(f->log);
    f->log = NULL;
    fixture_remove(f->folder);
    hr_clock_fake_free(f->clock);
}

void fixture_open(fixture *f)
{
    hr_why why = {""};
    hr_err err = log_open(&f->options, &f->log, &why);
    if (err != HR_OK) {
        fail_msg("log_open: %s: %s", hr_err_name(err), why.text);
    }
}

void fixture_close(fixture *f)
{
    log_close(f->log);
    f->log = NULL;
}

void fixture_reopen(fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

void fixture_crash(fixture *f)
{
    if (f->log != NULL) {
        journal_abandon(f->log);
        f->log = NULL;
    }
}

hr_err fixture_append(fixture *f, uint8_t topic, uint16_t partition, uint64_t value, uint32_t count,
                      log_position *end)
{
    uint8_t *bytes = malloc((size_t)count * 8);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < count; i++) {
        hr_store_u64(bytes + (size_t)i * 8, value + i);
    }
    log_batch batch = {.topic = topic,
                       .type = 1,
                       .partition = partition,
                       .count = count,
                       .record_bytes = 8,
                       .bytes = bytes,
                       .size = (size_t)count * 8};
    hr_err err = log_append(f->log, &batch, 1, NULL, NULL, end);
    free(bytes);
    return err;
}

void fixture_commit(fixture *f, log_position end)
{
    log_position durable = log_durable(f->log);
    while (durable < end) {
        hr_why why = {""};
        hr_err err = log_health(f->log, &why);
        if (err != HR_OK) {
            fail_msg("the log is not well: %s", why.text);
        }
        durable = log_wait(f->log, LOG_COMMITTED, durable, 1000);
    }
}

void fixture_expect(fixture *f, uint8_t topic, uint16_t partition, int64_t offset, uint64_t value,
                    uint32_t count, log_visibility visibility)
{
    log_reader *reader = NULL;
    log_view view;
    hr_why why = {""};
    uint32_t seen = 0;
    assert_int_equal(log_reader_open(f->log, topic, partition, offset, visibility, &reader), HR_OK);
    while (seen < count) {
        hr_err err = log_reader_next(reader, &view, &why);
        if (err != HR_OK) {
            fail_msg("reading offset %lld: %s: %s", (long long)offset + seen, hr_err_name(err),
                     why.text);
        }
        size_t at = 0;
        const uint8_t *bytes = NULL;
        size_t size = 0;
        for (int64_t i = view.first_offset; log_record_next(&view, &at, &bytes, &size); i++) {
            if (i >= offset && seen < count) {
                assert_int_equal(size, 8);
                assert_int_equal(i, offset + seen);
                assert_int_equal(hr_load_u64(bytes), value + seen);
                seen++;
            }
        }
    }
    log_reader_close(reader);
}

void fixture_beside(const fixture *f, const char *suffix, fixture *beside)
{
    *beside = *f;
    beside->log = NULL;
    beside->options.folder = beside->folder;
    size_t used = strlen(f->folder);
    snprintf(beside->folder + used, sizeof beside->folder - used, "-%s", suffix);
}

void fixture_remove(const char *folder)
{
    DIR *list = opendir(folder);
    if (list != NULL) {
        for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
            char path[1024];
            if (entry->d_name[0] != '.') {
                snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
                unlink(path);
            }
        }
        closedir(list);
    }
    rmdir(folder);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, in)) > 0;) {
        assert_int_equal(fwrite(bytes, 1, got, out), got);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

void fixture_copy(const char *from, const char *to)
{
    fixture_remove(to);
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *list = opendir(from);
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char source[1024];
        char target[1024];
        if (entry->d_name[0] != '.') {
            snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
            snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
            copy_file(source, target);
        }
    }
    closedir(list);
}

bool fixture_is_long(void)
{
    const char *value = getenv("HR_LONG");
    return value != NULL && value[0] == '1';
}

static void count_one(const log_damage *damage, void *context)
{
    (void)damage;
    ++*(uint32_t *)context;
}

uint32_t fixture_damages(fixture *f)
{
    uint32_t count = 0;
    log_damage_each(f->log, count_one, &count);
    return count;
}

static void drop_line(const char *line, void *context)
{
    (void)line;
    (void)context;
}

void fixture_hush(void)
{
    hr_logline_redirect(drop_line, NULL, hr_clock_real());
}
