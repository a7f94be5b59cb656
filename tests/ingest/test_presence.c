/* tests/ingest/test_presence.c - who is online, since when not, and what stays known. */
#include "ingest/presence.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

#define NOW_MS 1795161600000

typedef struct company {
    hr_clock *clock;
    presence *p;
} company;

static int gather(void **state)
{
    static company c;
    c.clock = hr_clock_fake_new(NOW_MS);
    c.p = presence_new(c.clock);
    assert_non_null(c.p);
    *state = &c;
    return 0;
}

static int part(void **state)
{
    company *c = *state;
    presence_free(c->p);
    hr_clock_fake_free(c->clock);
    return 0;
}

static status_json told(status_state state, int64_t time_ms)
{
    return (status_json){.state = state,
                         .time_ms = time_ms,
                         .waiting = 12,
                         .oldest_ms = STATUS_NO_TIME,
                         .dropped = 3};
}

static presence_view view(company *c, const char *user)
{
    presence_view v;
    assert_true(presence_get(c->p, user, &v));
    return v;
}

static void nobody_is_known_before_being_heard(void **state)
{
    company *c = *state;
    presence_view v;
    assert_false(presence_get(c->p, "barn", &v));
    presence_heard(c->p, "barn");
    assert_false(presence_get(c->p, "bar", &v));
    v = view(c, "barn");
    assert_string_equal(v.user, "barn");
    assert_int_equal(v.last_seen_ms, NOW_MS);
    assert_false(v.has_status);
    assert_false(v.is_online);
}

static void a_gateway_is_online_until_it_is_silent_for_too_long(void **state)
{
    company *c = *state;
    status_json online = told(STATUS_ONLINE, NOW_MS);
    presence_told(c->p, "barn", &online, false);
    assert_true(view(c, "barn").is_online);
    hr_clock_fake_advance(c->clock, PRESENCE_SILENT_MS);
    assert_true(view(c, "barn").is_online);
    hr_clock_fake_advance(c->clock, 1);
    assert_false(view(c, "barn").is_online);
    presence_heard(c->p, "barn");
    assert_true(view(c, "barn").is_online);
}

typedef struct sentences {
    char text[2000];
    unsigned count;
} sentences;

static void gather_sentence(void *context, const hr_why *why)
{
    assert_string_not_equal(hr_why_reason_of(why), "");
    sentences *all = context;
    size_t size = strlen(all->text);
    snprintf(all->text + size, sizeof all->text - size, "%s\n", why->text);
    all->count++;
}

static sentences clocks_of(company *c)
{
    sentences all = {.count = 0};
    presence_clocks(c->p, gather_sentence, &all);
    return all;
}

static void a_wrong_clock_is_told_with_its_owner_while_ours_is_right(void **state)
{
    company *c = *state;
    status_json ahead = told(STATUS_ONLINE, NOW_MS + 3 * 3600000);
    status_json behind = told(STATUS_ONLINE, NOW_MS - 40 * 86400000LL);
    status_json right = told(STATUS_ONLINE, NOW_MS - PRESENCE_BEHIND_MAX_MS);
    hr_clock_fake_set_synchronised(c->clock, false);
    presence_told(c->p, "barn", &ahead, false);
    presence_told(c->p, "mill", &behind, false);
    presence_told(c->p, "stable", &right, false);
    presence_future(c->p, "phones", "phones.anna", 11, 7200000);
    assert_int_equal(clocks_of(c).count, 0);
    hr_clock_fake_set_synchronised(c->clock, true);
    assert_string_equal(
        clocks_of(c).text,
        "the clock of gateway barn is 3 h ahead: let it ask a time server\n"
        "the clock of gateway mill is 40 days behind: let it ask a time server\n"
        "the clock of device phones.anna (phones) is 2 h ahead: its fixes are refused, see the "
        "topic dead\n");
    /* Set right, it is well at its next word; what was refused is over after a while. */
    right.time_ms = NOW_MS;
    presence_told(c->p, "barn", &right, false);
    assert_int_equal(clocks_of(c).count, 2);
    hr_clock_fake_advance(c->clock, PRESENCE_FUTURE_MS + 1);
    assert_int_equal(clocks_of(c).count, 0);
}

static void of_many_wrong_clocks_some_are_told(void **state)
{
    company *c = *state;
    hr_clock_fake_set_synchronised(c->clock, true);
    for (int i = 0; i < 100; i++) {
        char user[16];
        snprintf(user, sizeof user, "g%d", i);
        presence_future(c->p, user, "cow-1", 5, 7200000);
    }
    sentences all = clocks_of(c);
    assert_int_equal(all.count, PRESENCE_TOLD_MAX + 1);
    assert_non_null(strstr(all.text, "92 more clocks are wrong"));
}

static void a_will_takes_it_offline_and_leaves_its_numbers(void **state)
{
    company *c = *state;
    status_json online = told(STATUS_ONLINE, NOW_MS);
    status_json will = {
        .state = STATUS_OFFLINE, .time_ms = STATUS_NO_TIME, .oldest_ms = STATUS_NO_TIME};
    presence_told(c->p, "barn", &online, false);
    hr_clock_fake_advance(c->clock, 1000);
    presence_told(c->p, "barn", &will, false);
    presence_view v = view(c, "barn");
    assert_false(v.is_online);
    assert_int_equal(v.status.state, STATUS_OFFLINE);
    assert_int_equal(v.status.waiting, 12);
    assert_int_equal(v.status.time_ms, NOW_MS);
    assert_int_equal(v.last_seen_ms, NOW_MS);
}

/* A broker that was killed may give out what was true long ago. */
static void a_retained_status_is_as_old_as_it_says(void **state)
{
    company *c = *state;
    status_json fresh = told(STATUS_ONLINE, NOW_MS - 1000);
    status_json old = told(STATUS_ONLINE, NOW_MS - PRESENCE_SILENT_MS - 1000);
    status_json ahead = told(STATUS_ONLINE, NOW_MS + 3600000);
    presence_told(c->p, "fresh", &fresh, true);
    presence_told(c->p, "old", &old, true);
    presence_told(c->p, "ahead", &ahead, true);
    assert_true(view(c, "fresh").is_online);
    assert_int_equal(view(c, "fresh").last_seen_ms, NOW_MS - 1000);
    assert_false(view(c, "old").is_online);
    assert_int_equal(view(c, "old").last_seen_ms, old.time_ms);
    assert_int_equal(view(c, "ahead").last_seen_ms, NOW_MS);
    /* It does not make younger or older what was heard live. */
    presence_heard(c->p, "old");
    presence_told(c->p, "old", &old, true);
    assert_int_equal(view(c, "old").last_seen_ms, NOW_MS);
}

static void a_step_of_the_clock_takes_nobody_offline(void **state)
{
    company *c = *state;
    status_json online = told(STATUS_ONLINE, NOW_MS);
    presence_told(c->p, "barn", &online, false);
    hr_clock_fake_step(c->clock, NOW_MS + INT64_C(86400000) * 365);
    assert_true(view(c, "barn").is_online);
}

static void who_never_told_anything_but_died_was_never_seen(void **state)
{
    company *c = *state;
    status_json will = {
        .state = STATUS_OFFLINE, .time_ms = STATUS_NO_TIME, .oldest_ms = STATUS_NO_TIME};
    presence_told(c->p, "barn", &will, true);
    assert_int_equal(view(c, "barn").last_seen_ms, STATUS_NO_TIME);
    assert_false(view(c, "barn").is_online);
    presence_lost(c->p, "barn", 7);
    presence_lost(c->p, "barn", 3);
    assert_int_equal(view(c, "barn").lost, 10);
}

static void count_one(void *context, const presence_view *v)
{
    uint32_t *count = context;
    char wanted[16];
    snprintf(wanted, sizeof wanted, "u%u", *count);
    assert_string_equal(v->user, wanted);
    (*count)++;
}

static void beyond_the_limit_nobody_else_is_followed(void **state)
{
    company *c = *state;
    char user[16];
    presence_view v;
    uint32_t count = 0;
    for (uint32_t i = 0; i <= PRESENCE_USERS_MAX; i++) {
        snprintf(user, sizeof user, "u%u", i);
        presence_heard(c->p, user);
    }
    assert_false(presence_get(c->p, user, &v));
    presence_each(c->p, count_one, &count);
    assert_int_equal(count, PRESENCE_USERS_MAX);
}

#define IN_COMPANY(test) cmocka_unit_test_setup_teardown(test, gather, part)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_COMPANY(nobody_is_known_before_being_heard),
        IN_COMPANY(a_gateway_is_online_until_it_is_silent_for_too_long),
        IN_COMPANY(a_wrong_clock_is_told_with_its_owner_while_ours_is_right),
        IN_COMPANY(of_many_wrong_clocks_some_are_told),
        IN_COMPANY(a_will_takes_it_offline_and_leaves_its_numbers),
        IN_COMPANY(a_retained_status_is_as_old_as_it_says),
        IN_COMPANY(a_step_of_the_clock_takes_nobody_offline),
        IN_COMPANY(who_never_told_anything_but_died_was_never_seen),
        IN_COMPANY(beyond_the_limit_nobody_else_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
