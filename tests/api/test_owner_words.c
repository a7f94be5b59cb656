/* tests/api/test_owner_words.c - what an owner writes to name a broker, or places on the web. */
#include <stdio.h>
#include <string.h>

#include "api/broker_url.h"
#include "api/webhooks.h"
#include "test.h"

static void a_broker_is_named_by_scheme_login_and_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *addresses, *user, *password;
    } good[] = {
        {"mqtt://one:1883", "tcp://one:1883", "", ""},
        {"tcp://one:1883/", "tcp://one:1883", "", ""},
        {"mqtts://farm:p@ss:w,rd@one:8883,[::1]:8884", "ssl://one:8883,ssl://[::1]:8884", "farm",
         "p@ss:w,rd"},
        {"ssl://farm@one", "ssl://one", "farm", ""},
        {"mqtt://farm:@one", "tcp://one", "farm", ""},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        broker_url url;
        hr_why why = {{0}};
        if (broker_url_parse(good[i].text, &url, &why) != HR_OK) {
            fail_msg("%s: %s", good[i].text, why.text);
        }
        assert_string_equal(url.addresses, good[i].addresses);
        assert_string_equal(url.user, good[i].user);
        assert_string_equal(url.password, good[i].password);
    }
}

static void a_badly_named_broker_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "one",
                                      "http://one",
                                      "mqtt:/one",
                                      "mqtt://",
                                      "mqtt://user@",
                                      "mqtt://one,,two",
                                      "mqtt://,one",
                                      "mqtt://one/path",
                                      "mqtt://one/,two/x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        broker_url url = {.user = "untouched"};
        if (broker_url_parse(bad[i], &url, NULL) != HR_INVALID) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_string_equal(url.user, "untouched");
    }
    char text[3000];
    broker_url url;
    memset(text, 'a', sizeof text);
    memcpy(text, "mqtt://", 7);
    text[sizeof text - 1] = '\0';
    assert_int_equal(broker_url_parse(text, &url, NULL), HR_INVALID);
    memcpy(text + 2000, ":b@c", 4);
    assert_int_equal(broker_url_parse(text, &url, NULL), HR_INVALID);
    memcpy(text + 7, "u:", 2);
    assert_int_equal(broker_url_parse(text, &url, NULL), HR_INVALID);
}

static hr_err parse(const char *lines, webhooks *hooks, hr_why *why)
{
    static char text[8192];
    snprintf(text, sizeof text, "%s", lines);
    *hooks = (webhooks){.count = 0};
    return webhooks_parse(text, "hooks", hooks, why);
}

static void a_line_names_a_place_on_the_web(void **state)
{
    (void)state;
    webhooks hooks;
    assert_int_equal(
        parse("# two places\r\n\n  village\thttps://example.org/told secret=hush # ours\n"
              "shed http://10.0.0.7/ private secret=a=b#c",
              &hooks, NULL),
        HR_OK);
    assert_int_equal(hooks.count, 2);
    assert_string_equal(hooks.list[0].name, "village");
    assert_string_equal(hooks.list[0].url, "https://example.org/told");
    assert_string_equal(hooks.list[0].secret, "hush");
    assert_false(hooks.list[0].allow_private);
    assert_string_equal(hooks.list[1].secret, "a=b#c");
    assert_true(hooks.list[1].allow_private);
}

static void a_bad_line_is_told_by_its_number(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"one http://x/\n\ntwo\n", "hooks, line 3: a URL is wanted behind the name"},
        {"one http://x/ publc", "hooks, line 1: \"publc\" is neither private nor secret=TEXT"},
        {"one http://x/ secret=", "hooks, line 1: \"secret=\" is neither private nor secret=TEXT"},
        {"one http://x/\none http://y/", "hooks, line 2: there is a webhook one already"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        webhooks hooks;
        hr_why why = {{0}};
        assert_int_equal(parse(bad[i][0], &hooks, &why), HR_INVALID);
        assert_string_equal(why.text, bad[i][1]);
    }
    char many[4096] = "";
    size_t size = 0;
    for (int i = 0; i <= NOTIFY_WEBHOOKS_MAX; i++) {
        size += (size_t)snprintf(many + size, sizeof many - size, "h%d http://x/\n", i);
    }
    webhooks hooks;
    assert_int_equal(parse(many, &hooks, NULL), HR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_is_named_by_scheme_login_and_hosts),
        cmocka_unit_test(a_badly_named_broker_is_refused),
        cmocka_unit_test(a_line_names_a_place_on_the_web),
        cmocka_unit_test(a_bad_line_is_told_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
