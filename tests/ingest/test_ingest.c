/* tests/ingest/test_ingest.c - from publishers that are not ours, through a real broker, into the
 * log; what is acknowledged, what is refused, and what a broker's death does to it. */
#include "ingest/ingest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/id.h"
#include "base/record.h"
#include "ingest/ingest_private.h"
#include "ingest/site.h"
#include "ingest/support.h"
#include "log/group.h"
#include "log/reader.h"
#include "test.h"
#include "wire/hrf1.h"

static int start_site(void **state)
{
    *state = site_new(NULL);
    return 0;
}

static int end_site(void **state)
{
    site_free(*state);
    return 0;
}

/* A log that is full, and who waits for it. */
typedef struct pressure {
    site *s;
    site_ear l;
    const char *wanted;
} pressure;

/* Every sequence 0..count-1 is in the log exactly once. */
static void assert_sequences(site *s, size_t count)
{
    size_t found;
    site_fix *fixes = site_fixes(s, &found);
    uint8_t *seen = calloc(count + 1, 1);
    assert_non_null(seen);
    assert_int_equal(found, count);
    for (size_t i = 0; i < found; i++) {
        assert_in_range(fixes[i].fix.lat_e7, 0, count - 1);
        assert_int_equal(seen[fixes[i].fix.lat_e7], 0);
        seen[fixes[i].fix.lat_e7] = 1;
    }
    free(seen);
    free(fixes);
}

static void a_batch_is_appended_and_acknowledged(void **state)
{
    site *s = *state;
    site_ear l;
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 100);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":99}", 1);
    /* Acknowledged means that a reader of committed records sees it. */
    assert_sequences(s, 100);
    assert_int_equal(site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_NAME), 7);
    support_kill(l.pid);
}

/* A log that waits so long between commits, and somebody who hears the acknowledgements. */
static void commit_seldom(site *s, uint32_t gap_ms, site_ear *ear)
{
    ingest_stop(s->ingest);
    log_close(s->log);
    s->commit_min_gap_ms = gap_ms;
    site_open_log(s);
    site_start_ingest(s);
    site_wait_connected(s);
    site_hear_acks(s, ear);
}

static void no_acknowledgement_comes_before_the_fsync(void **state)
{
    site *s = *state;
    site_ear l;
    commit_seldom(s, 500, &l);
    for (uint32_t i = 0; i < 3; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "{\"epoch\":\"7\",\"seq\":%u}", i * 10 + 9);
        site_publish_batch(s, 7, i * 10, 0, 10);
        site_wait_acks(&l, wanted, 1);
        assert_int_equal(site_fix_count(s), i * 10 + 10);
    }
    support_kill(l.pid);
}

/* Memory runs out, or too many streams wait for the disk. */
static _Atomic unsigned notes_to_refuse;
HR_MUST_USE hr_err __real_acks_appended(acks *table, const char *user, uint64_t epoch,
                                        uint64_t durable_next, uint64_t next, uint64_t position);
hr_err __wrap_acks_appended(acks *table, const char *user, uint64_t epoch, uint64_t durable_next,
                            uint64_t next, uint64_t position);
hr_err __wrap_acks_appended(acks *table, const char *user, uint64_t epoch, uint64_t durable_next,
                            uint64_t next, uint64_t position)
{
    if (atomic_load(&notes_to_refuse) > 0) {
        atomic_fetch_sub(&notes_to_refuse, 1);
        return HR_NO_MEMORY;
    }
    return __real_acks_appended(table, user, epoch, durable_next, next, position);
}

static void nor_does_one_that_could_not_be_noted(void **state)
{
    site *s = *state;
    site_ear l;
    commit_seldom(s, 1000, &l);
    site_publish_batch(s, 7, 0, 0, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":9}", 1);
    atomic_store(&notes_to_refuse, 1);
    site_publish_batch(s, 8, 0, 0, 10);
    site_wait_acks(&l, "{\"epoch\":\"8\",\"seq\":9}", 1);
    assert_int_equal(site_fix_count(s), 20);
    assert_int_equal(atomic_load(&notes_to_refuse), 0);
    support_kill(l.pid);
}

/* Memory runs out while a message is taken. */
static _Atomic unsigned frames_to_refuse;
static _Atomic bool is_disk_full;
HR_MUST_USE hr_err __real_frame_append(frame *f, log_store *log, const log_producer *producer,
                                       log_position *end);
hr_err __wrap_frame_append(frame *f, log_store *log, const log_producer *producer,
                           log_position *end);
hr_err __wrap_frame_append(frame *f, log_store *log, const log_producer *producer,
                           log_position *end)
{
    if (atomic_load(&frames_to_refuse) > 0) {
        atomic_fetch_sub(&frames_to_refuse, 1);
        return HR_NO_MEMORY;
    }
    if (atomic_load(&is_disk_full)) {
        return HR_NO_SPACE;
    }
    return __real_frame_append(f, log, producer, end);
}

static void without_memory_a_json_fix_waits_for_it(void **state)
{
    site *s = *state;
    atomic_store(&frames_to_refuse, 2);
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":7}");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":8}");
    site_wait_fixes(s, 2);
    size_t count;
    site_fix *fixes = site_fixes(s, &count);
    assert_int_equal(fixes[0].fix.time_ms, 7);
    assert_int_equal(fixes[1].fix.time_ms, 8);
    free(fixes);
    /* Its name was not known before the record of it was there. */
    assert_int_equal(site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_NAME), 1);
    assert_int_equal(ingest_health(s->ingest, NULL), HR_OK);
}

static void repeats_are_dropped_and_answered(void **state)
{
    site *s = *state;
    site_ear l;
    site_publish_batch(s, 7, 0, 0, 100);
    site_wait_fixes(s, 100);
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 100);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":99}", 1);
    site_publish_batch(s, 7, 50, 50, 100);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":149}", 1);
    assert_sequences(s, 150);
    ingest_counts counts;
    ingest_count(s->ingest, &counts);
    assert_int_equal(counts.repeated, 1);
    assert_int_equal(counts.fixes, 150);
    support_kill(l.pid);
}

static void a_batch_that_comes_too_early_is_refused_until_the_gateway_rewinds(void **state)
{
    site *s = *state;
    site_ear l;
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":9}", 1);
    /* The broker lost 10-19; the gateway still holds them. */
    site_publish_batch(s, 7, 20, 10, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":9}", 2);
    site_publish_batch(s, 7, 10, 10, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":19}", 1);
    site_publish_batch(s, 7, 20, 20, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":29}", 1);
    assert_sequences(s, 30);
    ingest_counts counts;
    ingest_count(s->ingest, &counts);
    assert_int_equal(counts.refused, 1);
    support_kill(l.pid);
}

static void a_gap_that_nobody_holds_any_more_is_passed(void **state)
{
    site *s = *state;
    site_ear l;
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":9}", 1);
    site_publish_batch(s, 7, 50, 50, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":59}", 1);
    assert_int_equal(site_fix_count(s), 20);
    support_kill(l.pid);
}

static void an_empty_batch_asks_how_far_it_is(void **state)
{
    site *s = *state;
    site_ear l;
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 0);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":-1}", 1);
    assert_int_equal(site_fix_count(s), 0);
    support_kill(l.pid);
}

static void a_restarted_service_remembers_how_far_it_was(void **state)
{
    site *s = *state;
    site_ear l;
    site_publish_batch(s, 7, 0, 0, 100);
    site_wait_fixes(s, 100);
    ingest_stop(s->ingest);
    log_close(s->log);
    site_publish_batch(s, 7, 0, 0, 100);
    site_publish_batch(s, 7, 100, 0, 50);
    site_open_log(s);
    site_start_ingest(s);
    site_hear_acks(s, &l);
    site_wait_fixes(s, 150);
    site_publish_batch(s, 7, 0, 0, 1);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":149}", 1);
    assert_sequences(s, 150);
    support_kill(l.pid);
}

static void json_comes_in_by_three_ways(void **state)
{
    site *s = *state;
    site_publish_text(
        s, "hedgerow/v1/fix/barn",
        "{\"device\":\"cow-17\",\"time\":\"2025-01-01T08:00:00.123Z\",\"lon\":16.3725,"
        "\"lat\":59.8512}");
    site_publish_text(s, "hedgerow/v1/fix/barn",
                      "[{\"lon\":1,\"lat\":2,\"time\":1735689600000},"
                      "{\"device\":\"cow-18\",\"lon\":1,\"lat\":2,\"time\":1735689600000}]");
    site_publish_text(
        s, "owntracks/barn/phone",
        "{\"_type\":\"location\",\"lat\":59.8512,\"lon\":16.3725,\"tst\":1735689600}");
    site_publish_text(s, "owntracks/barn/phone", "{\"_type\":\"lwt\",\"tst\":1735689600}");
    site_wait_fixes(s, 4);
    static const char *const ids[] = {"cow-17", "barn", "cow-18", "barn.phone"};
    size_t count;
    site_fix *fixes = site_fixes(s, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) {
        uint64_t key = hr_device_key(ids[i], strlen(ids[i]));
        bool found = false;
        for (size_t k = 0; k < count; k++) {
            found = found || fixes[k].fix.device == key;
        }
        assert_true(found);
    }
    free(fixes);
    assert_int_equal(site_record_count(s, HR_TOPIC_DEAD, HR_RECORD_DEAD), 0);
    assert_int_equal(site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_NAME), 4);
}

static void a_fix_without_time_gets_ours_and_a_flag(void **state)
{
    site *s = *state;
    int64_t before_ms = hr_clock_now_ms(hr_clock_real());
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2}");
    site_wait_fixes(s, 1);
    size_t count;
    site_fix *fixes = site_fixes(s, &count);
    assert_int_equal(fixes[0].fix.flags, HR_FIX_TIME_ASSIGNED);
    assert_in_range(fixes[0].fix.time_ms, before_ms, fixes[0].append_ms);
    free(fixes);
}

static void poison_goes_to_the_dead_topic_and_harms_nobody(void **state)
{
    site *s = *state;
    site_publish_text(s, "hedgerow/v1/fixes/barn", "HRF1 this is not");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1");
    site_publish_text(s, "hedgerow/v1/fix/barn", "[{\"lon\":1,\"lat\":99},{\"lon\":1,\"lat\":2}]");
    site_publish_text(s, "owntracks/barn/a b", "{\"_type\":\"location\",\"lat\":1,\"lon\":2}");
    site_wait_fixes(s, 1);
    site_dead letter;
    site_read_dead(s, 0, &letter);
    assert_string_equal(letter.topic, "hedgerow/v1/fixes/barn");
    assert_string_equal(letter.reason, "16 bytes, a message has 48 to 4194304");
    assert_string_equal(letter.payload, "HRF1 this is not");
    site_read_dead(s, 1, &letter);
    assert_non_null(strstr(letter.reason, "not JSON"));
    site_read_dead(s, 2, &letter);
    assert_string_equal(letter.reason, "element 0: lat 99 is not within +-90 degrees");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":7}");
    site_wait_fixes(s, 2);
    site_read_dead(s, 3, &letter);
    assert_string_equal(letter.topic, "owntracks/barn/a b");
    static const char phone[] = "{\"_type\":\"location\",\"lat\":91,\"lon\":2,\"tst\":7}";
    site_publish_text(s, "owntracks/barn/phone", phone);
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":8}");
    site_wait_fixes(s, 3);
    site_read_dead(s, 4, &letter);
    assert_string_equal(letter.topic, "owntracks/barn/phone");
    assert_string_equal(letter.reason, "lat 91 is not within +-90 degrees");
    assert_int_equal(letter.payload_size, strlen(phone));
    assert_memory_equal(letter.payload, phone, strlen(phone));
    ingest_counts counts;
    ingest_count(s->ingest, &counts);
    assert_int_equal(counts.dead, 5);
    assert_int_equal(site_record_count(s, HR_TOPIC_DEAD, HR_RECORD_DEAD), 5);
    assert_int_equal(ingest_health(s->ingest, NULL), HR_OK);
}

static void what_a_gateway_could_not_read_is_a_dead_letter_with_its_bytes(void **state)
{
    site *s = *state;
    site_dead letter;
    ingest_counts counts;
    site_publish_text(s, "hedgerow/v1/dead/barn",
                      "{\"source\":\"nmea:/dev/ttyUSB0\",\"reason\":\"checksum\",\"why\":\"no\"}\n"
                      "$GPRMC,0*1F");
    site_publish_text(s, "hedgerow/v1/dead/barn", "no letter");
    /* Only its own, and the service's log has no more of it than of other poison. */
    (void)!support_publish(s->port, "barn", s->password, "hedgerow/v1/dead/stable", "{}\n");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":7}");
    site_wait_fixes(s, 1);
    site_wait_dead(s, 2);
    site_read_dead(s, 0, &letter);
    assert_string_equal(letter.topic, "hedgerow/v1/dead/barn");
    assert_string_equal(letter.reason, "nmea:/dev/ttyUSB0: checksum: no");
    assert_string_equal(letter.payload, "$GPRMC,0*1F");
    site_read_dead(s, 1, &letter);
    assert_string_equal(letter.reason, "a dead letter without a line feed");
    assert_string_equal(letter.payload, "no letter");
    ingest_count(s->ingest, &counts);
    assert_int_equal(counts.dead, 2);
}

/* A header that contradicts itself, under a checksum that is right: its sender cannot do better, so
 * it must not wait for ever. */
static void a_batch_that_cannot_be_read_uses_up_its_sequences(void **state)
{
    site *s = *state;
    site_ear l;
    uint8_t bytes[HRF1_HEADER_BYTES + 1 + 5 + 2 * HRF1_FIX_BYTES] = "HRF1";
    bytes[4] = 1;
    hr_store_u16(bytes + 6, 1);
    hr_store_u32(bytes + 8, 2);
    hr_store_u64(bytes + 12, 7);   /* epoch */
    hr_store_u64(bytes + 20, 100); /* base_seq */
    hr_store_u64(bytes + 28, 101); /* oldest_seq */
    hr_store_u64(bytes + 36, (uint64_t)1735689600000);
    hr_store_u32(bytes + 44, hr_crc32c(0, bytes, sizeof bytes));
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 0, 0, 100);
    site_publish_bytes(s, "hedgerow/v1/fixes/barn", bytes, sizeof bytes);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":101}", 1);
    /* Once more, as after a lost acknowledgement: no second letter. */
    site_publish_bytes(s, "hedgerow/v1/fixes/barn", bytes, sizeof bytes);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":101}", 2);
    assert_int_equal(site_record_count(s, HR_TOPIC_DEAD, HR_RECORD_DEAD), 1);
    site_dead letter;
    site_read_dead(s, 0, &letter);
    assert_string_equal(letter.topic, "hedgerow/v1/fixes/barn");
    assert_string_equal(letter.reason, "oldest_seq 101 is above base_seq 100");
    assert_int_equal(letter.payload_size, sizeof bytes);
    assert_memory_equal(letter.payload, bytes, sizeof bytes);
    assert_sequences(s, 100);
    support_kill(l.pid);
}

/* The broker says yes to batches 1 to 10, dies with 5 to 10 in its memory, and 11 arrives. */
static void what_a_broker_took_and_lost_is_asked_for_again(void **state)
{
    site *s = *state;
    site_ear l;
    for (uint64_t batch = 0; batch < 4; batch++) {
        site_publish_batch(s, 7, batch * 10, 0, 10);
    }
    site_wait_fixes(s, 40);
    ingest_stop(s->ingest);
    s->ingest = NULL;
    for (uint64_t batch = 4; batch < 10; batch++) {
        site_publish_batch(s, 7, batch * 10, 0, 10);
    }
    site_kill_broker(s);
    site_start_ingest(s);
    site_wait_connected(s);
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 100, 0, 10);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":39}", 1);
    assert_int_equal(site_fix_count(s), 40);
    for (uint64_t batch = 4; batch < 11; batch++) {
        site_publish_batch(s, 7, batch * 10, 0, 10);
    }
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":109}", 1);
    assert_sequences(s, 110);
    support_kill(l.pid);
}

static void add_sentence(void *context, const hr_why *why)
{
    char *all = context;
    size_t size = strlen(all);
    snprintf(all + size, 512 - size, "%s\n", why->text);
}

static void a_fix_from_the_future_is_refused_only_by_a_clock_that_is_right(void **state)
{
    (void)state;
    hr_clock *clock = hr_clock_fake_new(1795161600000);
    site *s = site_new(clock);
    presence *p = presence_new(clock);
    char sentences[512] = "";
    assert_non_null(p);
    ingest_stop(s->ingest);
    s->presence = p;
    site_start_ingest(s);
    site_wait_connected(s);
    /* 60 s ahead may be; a millisecond more may not. */
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":1795161660000}");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":1795161660001}");
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":1795161600000}");
    site_wait_fixes(s, 2);
    assert_int_equal(site_record_count(s, HR_TOPIC_DEAD, HR_RECORD_DEAD), 1);
    presence_clocks(p, add_sentence, sentences);
    assert_non_null(strstr(sentences, "the clock of device barn (barn) is 1 min ahead"));
    site_publish_text(s, "owntracks/barn/phone",
                      "{\"_type\":\"location\",\"lon\":1,\"lat\":2,\"tst\":1799161600}");
    site_wait_dead(s, 2);
    sentences[0] = '\0';
    presence_clocks(p, add_sentence, sentences);
    assert_non_null(strstr(sentences, "the clock of device barn.phone (barn) is 46 days ahead"));
    hr_clock_fake_set_synchronised(clock, false);
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2,\"time\":1895161660001}");
    site_wait_fixes(s, 3);
    assert_int_equal(site_record_count(s, HR_TOPIC_DEAD, HR_RECORD_DEAD), 2);
    site_free(s);
    presence_free(p);
    hr_clock_fake_free(clock);
}

static void a_broker_that_dies_costs_nothing_that_was_acknowledged(void **state)
{
    site *s = *state;
    site_ear l;
    site_publish_batch(s, 7, 0, 0, 100);
    site_wait_fixes(s, 100);
    site_kill_broker(s);
    site_wait_connected(s);
    site_hear_acks(s, &l);
    site_publish_batch(s, 7, 50, 0, 100);
    site_wait_acks(&l, "{\"epoch\":\"7\",\"seq\":149}", 1);
    assert_sequences(s, 150);
    support_kill(l.pid);
}

static bool has_no_room(void *context)
{
    site *s = context;
    return ingest_health(s->ingest, NULL) == HR_NO_SPACE;
}

static bool is_heard_while_room_is_made(void *context)
{
    pressure *p = context;
    assert_int_equal(log_retain(p->s->log, NULL), HR_OK);
    return site_has_acks(&p->l, p->wanted, 1);
}

static void a_log_without_room_stops_reading_and_goes_on_by_itself(void **state)
{
    site *s = *state;
    pressure p = {.s = s};
    const uint32_t batch = 1000, count = 60;
    ingest_stop(s->ingest);
    log_close(s->log);
    s->file_bytes = 256u << 10;
    s->retain_bytes = 512u << 10;
    s->hard_bytes = 1u << 20;
    site_open_log(s);
    site_start_ingest(s);
    site_wait_connected(s);
    site_hear_acks(s, &p.l);
    for (uint32_t i = 0; i < count; i++) {
        site_publish_batch(s, 7, (uint64_t)i * batch, 0, batch);
    }
    assert_true(support_until(has_no_room, s));
    p.wanted = "{\"epoch\":\"7\",\"seq\":59999}";
    assert_false(site_has_acks(&p.l, p.wanted, 1));
    assert_true(support_until(is_heard_while_room_is_made, &p));
    ingest_counts counts;
    ingest_count(s->ingest, &counts);
    assert_int_equal(counts.fixes, count * batch);
    assert_int_equal(counts.refused, 0);
    assert_int_equal(ingest_health(s->ingest, NULL), HR_OK);
    support_kill(p.l.pid);
}

static hr_err say_dropped(site *s, const char *count, hr_why *why)
{
    mqtt_message message = {.topic = "$SYS/broker/publish/messages/dropped",
                            .payload = (const uint8_t *)count,
                            .size = strlen(count)};
    ingest_take(s->ingest, &message);
    return ingest_drops(s->ingest, why);
}

static void what_the_broker_drops_is_told_for_a_while(void **state)
{
    (void)state;
    hr_clock *clock = hr_clock_fake_new(1795161600000);
    site *s = site_new(clock);
    hr_why why = {{0}};
    /* Nobody else is to say anything meanwhile. */
    ingest_stop(s->ingest);
    s->ingest_port = support_port();
    site_start_ingest(s);
    /* What it dropped before we met it, or the one before it, is no news. */
    assert_int_equal(say_dropped(s, "500", &why), HR_OK);
    assert_int_equal(say_dropped(s, "500", &why), HR_OK);
    assert_int_equal(say_dropped(s, "0", &why), HR_OK);
    assert_int_equal(say_dropped(s, "7", &why), HR_NO_SPACE);
    assert_ptr_equal(strstr(why.text, "the broker dropped 7 messages 0 min ago"), why.text);
    hr_clock_fake_advance(clock, INGEST_DROPS_MS);
    assert_int_equal(say_dropped(s, "7", &why), HR_NO_SPACE);
    hr_clock_fake_advance(clock, 1);
    assert_int_equal(ingest_drops(s->ingest, &why), HR_OK);
    site_free(s);
    hr_clock_fake_free(clock);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

/* A tick alone causes no commit, so a fix follows it. */
static bool has_ticks(void *context)
{
    site *s = context;
    site_publish_text(s, "hedgerow/v1/fix/barn", "{\"lon\":1,\"lat\":2}");
    return site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_TICK) >= 2 * SITE_PARTITIONS;
}

static void a_service_that_stops_while_the_log_has_no_room_is_told_again(void **state)
{
    site *s = *state;
    atomic_store(&is_disk_full, true);
    for (int i = 1; i <= 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"lon\":1,\"lat\":2,\"time\":%d}", i);
        site_publish_text(s, "hedgerow/v1/fix/barn", text);
    }
    assert_true(support_until(has_no_room, s));
    ingest_stop(s->ingest);
    atomic_store(&is_disk_full, false);
    site_start_ingest(s);
    site_wait_fixes(s, 3);
}

static void ticks_come_to_every_partition_while_they_are_wanted(void **state)
{
    site *s = *state;
    assert_int_equal(site_record_count(s, HR_TOPIC_POSITIONS, HR_RECORD_TICK), 0);
    ingest_stop(s->ingest);
    s->ticks_wanted = always;
    site_start_ingest(s);
    site_wait_connected(s);
    assert_true(support_until(has_ticks, s));
}

#define WITH_SITE(test) cmocka_unit_test_setup_teardown(test, start_site, end_site)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SITE(a_batch_is_appended_and_acknowledged),
        WITH_SITE(no_acknowledgement_comes_before_the_fsync),
        WITH_SITE(nor_does_one_that_could_not_be_noted),
        WITH_SITE(without_memory_a_json_fix_waits_for_it),
        WITH_SITE(repeats_are_dropped_and_answered),
        WITH_SITE(a_batch_that_comes_too_early_is_refused_until_the_gateway_rewinds),
        WITH_SITE(a_gap_that_nobody_holds_any_more_is_passed),
        WITH_SITE(an_empty_batch_asks_how_far_it_is),
        WITH_SITE(a_restarted_service_remembers_how_far_it_was),
        WITH_SITE(json_comes_in_by_three_ways),
        WITH_SITE(a_fix_without_time_gets_ours_and_a_flag),
        cmocka_unit_test(what_the_broker_drops_is_told_for_a_while),
        WITH_SITE(poison_goes_to_the_dead_topic_and_harms_nobody),
        WITH_SITE(what_a_gateway_could_not_read_is_a_dead_letter_with_its_bytes),
        WITH_SITE(a_batch_that_cannot_be_read_uses_up_its_sequences),
        WITH_SITE(what_a_broker_took_and_lost_is_asked_for_again),
        cmocka_unit_test(a_fix_from_the_future_is_refused_only_by_a_clock_that_is_right),
        WITH_SITE(a_broker_that_dies_costs_nothing_that_was_acknowledged),
        WITH_SITE(a_log_without_room_stops_reading_and_goes_on_by_itself),
        WITH_SITE(a_service_that_stops_while_the_log_has_no_room_is_told_again),
        WITH_SITE(ticks_come_to_every_partition_while_they_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
