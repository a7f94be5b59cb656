/* api/cli_log.c - hedgerow log: looks into the journal of a data folder, also while the service
 * runs; it only ever reads. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cli_follow.h"
#include "log/group.h"
#include "log/log.h"
#include "log/reader.h"
#include "log/verify.h"
#include "record_text.h"

static const char help[] =
    "usage: hedgerow log list   [--data DIR] [--json]\n"
    "       hedgerow log tail   [--data DIR] [TOPIC[/PARTITION]] [--count N] [--follow]\n"
    "       hedgerow log dump   [--data DIR] [TOPIC[/PARTITION]] [--from OFFSET] [--count N]\n"
    "       hedgerow log verify [--data DIR] [--json]\n"
    "\n"
    "Reads the journal in DIR/journal (--data may also stand before log), also while the service "
    "runs.\n"
    "list shows where each partition begins and ends and how far the groups of consumers are;\n"
    "tail prints the last records (10) as JSON lines, and with --follow those that come;\n"
    "dump prints all of them; verify reads everything, checks every checksum, and tells what is\n"
    "damaged (exit code 1).\n";

#define RECORD_TEXT_MAX (64u << 20)
#define TAIL_COUNT 10
#define FOLLOW_WAIT_MS 500

typedef struct options {
    const char *what;
    const char *data;
    const char *target; /* TOPIC or TOPIC/PARTITION; NULL: all */
    int64_t from;       /* -1: not given */
    int64_t count;      /* -1: not given */
    bool is_following;
    bool is_json;
} options;

static bool parse_number(const char *text, int64_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *number = strtoll(text, &end, 10);
    return *end == '\0';
}

static bool parse(const char *data, int argc, char **argv, options *o)
{
    *o = (options){.data = data, .from = -1, .count = -1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool is_good = true;
        if (strcmp(argv[i], "--follow") == 0) {
            o->is_following = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            o->is_json = true; /* which tail and dump are anyway */
        } else if (strcmp(argv[i], "--data") == 0 && value != NULL) {
            o->data = argv[++i];
        } else if (strcmp(argv[i], "--from") == 0 && value != NULL) {
            is_good = parse_number(argv[++i], &o->from);
        } else if (strcmp(argv[i], "--count") == 0 && value != NULL) {
            is_good = parse_number(argv[++i], &o->count);
        } else if (argv[i][0] != '-' && o->what == NULL) {
            o->what = argv[i];
        } else if (argv[i][0] != '-' && o->target == NULL) {
            o->target = argv[i];
        } else {
            is_good = false;
        }
        if (!is_good) {
            fprintf(stderr, "hedgerow log: \"%s\" is not understood\n", argv[i]);
            return false;
        }
    }
    return o->what != NULL;
}

/* Where list and verify write for programs. */
typedef struct json_log {
    log_store *log;
    hr_json json;
} json_log;

static log_store *open_log(const options *o)
{
    char folder[1024];
    hr_why why = {""};
    log_store *log = NULL;
    snprintf(folder, sizeof folder, "%s/journal", o->data);
    log_options open = {.folder = folder, .clock = hr_clock_real(), .read_only = true};
    hr_err err = log_open(&open, &log, &why);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow log: %s\n", why.text[0] != '\0' ? why.text : hr_err_text(err));
        return NULL;
    }
    return log;
}

static void print_group(const char *group, uint8_t topic, uint16_t partition, int64_t offset,
                        void *context)
{
    log_store *log = context;
    int64_t end = log_end(log, topic, partition, LOG_COMMITTED);
    printf("%-20s %-12s %9u %12lld %12lld\n", group, log_topic_get(log, topic)->name,
           (unsigned)partition, (long long)offset, (long long)(end - offset));
}

static int run_list(log_store *log)
{
    printf("%-12s %9s %12s %12s\n", "topic", "partition", "start", "end");
    for (uint32_t t = 0; t < log_topic_count(log); t++) {
        const log_topic *topic = log_topic_get(log, (uint8_t)t);
        for (uint32_t p = 0; p < topic->partition_count; p++) {
            printf("%-12s %9u %12lld %12lld\n", topic->name, p,
                   (long long)log_start(log, (uint8_t)t, (uint16_t)p),
                   (long long)log_end(log, (uint8_t)t, (uint16_t)p, LOG_COMMITTED));
        }
    }
    printf("\n%-20s %-12s %9s %12s %12s\n", "group", "topic", "partition", "offset", "behind");
    log_group_each(log, print_group, log);
    return CLI_OK;
}

/* ---- list and verify for programs ---- */

static void put_group(const char *group, uint8_t topic, uint16_t partition, int64_t offset,
                      void *context)
{
    json_log *to = context;
    hr_json_open_object(&to->json);
    hr_json_key_text(&to->json, "group", group);
    hr_json_key_text(&to->json, "topic", log_topic_get(to->log, topic)->name);
    hr_json_key_i64(&to->json, "partition", partition);
    hr_json_key_i64(&to->json, "offset", offset);
    hr_json_key_i64(&to->json, "behind",
                    log_end(to->log, topic, partition, LOG_COMMITTED) - offset);
    hr_json_close_object(&to->json);
}

static void put_partitions(hr_json *json, log_store *log)
{
    hr_json_key(json, "partitions");
    hr_json_open_array(json);
    for (uint32_t t = 0; t < log_topic_count(log); t++) {
        const log_topic *topic = log_topic_get(log, (uint8_t)t);
        for (uint32_t p = 0; p < topic->partition_count; p++) {
            hr_json_open_object(json);
            hr_json_key_text(json, "topic", topic->name);
            hr_json_key_i64(json, "partition", p);
            hr_json_key_i64(json, "start", log_start(log, (uint8_t)t, (uint16_t)p));
            hr_json_key_i64(json, "end", log_end(log, (uint8_t)t, (uint16_t)p, LOG_COMMITTED));
            hr_json_close_object(json);
        }
    }
    hr_json_close_array(json);
}

static void put_damage(const log_damage *damage, void *context)
{
    json_log *to = context;
    hr_json_open_object(&to->json);
    hr_json_key_u64(&to->json, "from", damage->from);
    hr_json_key_u64(&to->json, "to", damage->to);
    if (damage->has_records) {
        hr_json_key_text(&to->json, "topic", log_topic_get(to->log, damage->topic)->name);
        hr_json_key_i64(&to->json, "partition", damage->partition);
        hr_json_key_i64(&to->json, "first_offset", damage->first_offset);
        hr_json_key_i64(&to->json, "end_offset", damage->end_offset);
    }
    hr_json_close_object(&to->json);
}

static int put_verified(json_log *to)
{
    log_verified verified;
    hr_why why = {""};
    hr_json_key(&to->json, "damages");
    hr_json_open_array(&to->json);
    hr_err err = log_verify(to->log, put_damage, to, &verified, &why);
    hr_json_close_array(&to->json);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow log: %s\n", why.text);
        return CLI_FAILED;
    }
    hr_json_key_u64(&to->json, "frames", verified.frames);
    hr_json_key_u64(&to->json, "records", verified.records);
    hr_json_key_u64(&to->json, "bytes", verified.bytes);
    hr_json_key_bool(&to->json, "whole", verified.damages == 0);
    return verified.damages == 0 ? CLI_OK : CLI_FAILED;
}

static int run_json(log_store *log, bool is_list)
{
    hr_buf text;
    hr_buf_init(&text, RECORD_TEXT_MAX);
    json_log to = {.log = log, .json = hr_json_into(&text)};
    int result = CLI_OK;
    hr_json_open_object(&to.json);
    if (is_list) {
        put_partitions(&to.json, log);
        hr_json_key(&to.json, "groups");
        hr_json_open_array(&to.json);
        log_group_each(log, put_group, &to);
        hr_json_close_array(&to.json);
    } else {
        result = put_verified(&to);
    }
    hr_json_close_object(&to.json);
    hr_buf_put_u8(&text, '\n');
    if (hr_buf_err(&text) != HR_OK || fwrite(text.data, 1, text.size, stdout) != text.size) {
        fputs("hedgerow log: cannot write the answer\n", stderr);
        result = CLI_FAILED;
    }
    hr_buf_fini(&text);
    return result;
}

/* ---- the same for people ---- */

static void print_damage(const log_damage *damage, void *context)
{
    log_store *log = context;
    if (damage->has_records) {
        printf("lost: %s/%u offsets %lld to %lld (journal %llu to %llu)\n",
               log_topic_get(log, damage->topic)->name, (unsigned)damage->partition,
               (long long)damage->first_offset, (long long)damage->end_offset - 1,
               (unsigned long long)damage->from, (unsigned long long)damage->to);
    } else {
        printf("damaged: journal %llu to %llu\n", (unsigned long long)damage->from,
               (unsigned long long)damage->to);
    }
}

static int run_verify(log_store *log)
{
    log_verified verified;
    hr_why why = {""};
    hr_err err = log_verify(log, print_damage, log, &verified, &why);
    if (err != HR_OK) {
        fprintf(stderr, "hedgerow log: %s\n", why.text);
        return CLI_FAILED;
    }
    printf("%llu frames, %llu records, %llu bytes: %s\n", (unsigned long long)verified.frames,
           (unsigned long long)verified.records, (unsigned long long)verified.bytes,
           verified.damages == 0 ? "whole" : "damaged");
    return verified.damages == 0 ? CLI_OK : CLI_FAILED;
}

/* Print a view's records from an offset on, at most *left (-1: all). */
static int print_view(const log_view *view, const char *topic, uint16_t partition, int64_t from,
                      int64_t *left)
{
    size_t at = 0;
    size_t size = 0;
    const uint8_t *bytes = NULL;
    hr_buf text;
    hr_buf_init(&text, RECORD_TEXT_MAX);
    int64_t offset = view->first_offset;
    for (; *left != 0 && log_record_next(view, &at, &bytes, &size); offset++) {
        if (offset < from) {
            continue;
        }
        hr_json json = hr_json_into(&text);
        record_text_write(&json, topic, partition, view, bytes, size, offset);
        hr_buf_put(&text, "\n", 1);
        if (hr_buf_err(&text) != HR_OK || fwrite(text.data, 1, text.size, stdout) != text.size) {
            hr_buf_fini(&text);
            fprintf(stderr, "hedgerow log: cannot write offset %lld\n", (long long)offset);
            return CLI_FAILED;
        }
        hr_buf_clear(&text);
        *left -= *left > 0;
    }
    hr_buf_fini(&text);
    return CLI_OK;
}

static volatile sig_atomic_t is_over;

static void end_following(int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

/* Print what there is of a partition, from the reader's offset on. */
static int print_records(log_reader *reader, const char *topic, uint16_t partition, int64_t *left)
{
    int result = CLI_OK;
    while (result == CLI_OK && *left != 0 && !is_over) {
        log_view view;
        hr_why why = {""};
        int64_t from = log_reader_offset(reader);
        hr_err err = log_reader_next(reader, &view, &why);
        if (err == HR_TIMEOUT) {
            break;
        }
        if (err == HR_OK) {
            result = print_view(&view, topic, partition, from, left);
        } else {
            fprintf(stderr, "hedgerow log: %s\n",
                    why.text[0] != '\0' ? why.text : hr_err_text(err));
            result = err == HR_GONE || err == HR_CORRUPT ? CLI_OK : CLI_FAILED;
        }
    }
    return result;
}

typedef struct target {
    log_reader *reader;
    uint8_t topic;
    uint16_t partition;
    int64_t left;
} target;

static bool is_meant(const options *o, const char *topic, uint32_t partition)
{
    char full[64];
    snprintf(full, sizeof full, "%s/%u", topic, partition);
    return o->target == NULL || strcmp(o->target, topic) == 0 || strcmp(o->target, full) == 0;
}

static int64_t first_offset(log_store *log, const options *o, uint8_t topic, uint16_t partition)
{
    int64_t start = log_start(log, topic, partition);
    int64_t end = log_end(log, topic, partition, LOG_COMMITTED);
    int64_t count = o->count >= 0 ? o->count : TAIL_COUNT;
    if (o->from >= 0) {
        return o->from;
    }
    return strcmp(o->what, "tail") == 0 && end - count > start ? end - count : start;
}

static uint32_t open_targets(log_store *log, const options *o, target *targets)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < log_topic_count(log); t++) {
        const log_topic *topic = log_topic_get(log, (uint8_t)t);
        for (uint32_t p = 0; p < topic->partition_count; p++) {
            target *made = &targets[count];
            *made = (target){.topic = (uint8_t)t, .partition = (uint16_t)p, .left = -1};
            if (strcmp(o->what, "dump") == 0) {
                made->left = o->count;
            }
            if (is_meant(o, topic->name, p) &&
                log_reader_open(log, made->topic, made->partition,
                                first_offset(log, o, made->topic, made->partition), LOG_COMMITTED,
                                &made->reader) == HR_OK) {
                count++;
            }
        }
    }
    return count;
}

static int run_print(log_store *log, const options *o)
{
    static target targets[LOG_PARTITIONS_MAX];
    int result = CLI_OK;
    uint32_t count = open_targets(log, o, targets);
    if (count == 0) {
        fprintf(stderr, "hedgerow log: there is no \"%s\"; hedgerow log list shows them\n",
                o->target != NULL ? o->target : "partition");
        return CLI_FAILED;
    }
    if (o->is_following) {
        signal(SIGINT, end_following);
        signal(SIGTERM, end_following);
    }
    do {
        log_position seen = log_durable(log);
        for (uint32_t i = 0; i < count && result == CLI_OK; i++) {
            result = print_records(targets[i].reader, log_topic_get(log, targets[i].topic)->name,
                                   targets[i].partition, &targets[i].left);
        }
        fflush(stdout);
        if (o->is_following && result == CLI_OK) {
            log_wait(log, LOG_COMMITTED, seen, FOLLOW_WAIT_MS);
        }
    } while (o->is_following && result == CLI_OK && !is_over && cli_wait_for_news(0));
    for (uint32_t i = 0; i < count; i++) {
        log_reader_close(targets[i].reader);
    }
    return result;
}

int cli_log(const cli_globals *globals, int argc, char **argv)
{
    options o;
    int result = CLI_USAGE;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[argc - 1], "--help") == 0)) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (!parse(globals->data, argc, argv, &o)) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    bool is_list = strcmp(o.what, "list") == 0;
    bool is_verify = strcmp(o.what, "verify") == 0;
    bool is_print = strcmp(o.what, "tail") == 0 || strcmp(o.what, "dump") == 0;
    if (!is_print && ((!is_list && !is_verify) || o.target != NULL)) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    log_store *log = open_log(&o);
    if (log == NULL) {
        return CLI_FAILED;
    }
    if (o.is_json && (is_list || is_verify)) {
        result = run_json(log, is_list);
    } else {
        result = is_list ? run_list(log) : is_verify ? run_verify(log) : run_print(log, &o);
    }
    log_close(log);
    return result;
}
