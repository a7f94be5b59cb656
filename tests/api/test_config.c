/* tests/api/test_config.c - where a setting may stand, and which one wins. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/config.h"

static char *no_environment[] = {NULL};

static hr_err load(api_config *config, char *const *environment, hr_why *why, int argc,
                   const char *const *flags)
{
    char *argv[16] = {(char *)"hedgerowd"};
    for (int i = 0; i < argc; i++) {
        argv[i + 1] = (char *)flags[i];
    }
    why->text[0] = 0;
    return api_config_load(config, argc + 1, argv, environment, why);
}

static void defaults_are_loopback_and_the_usual_ports(void **state)
{
    (void)state;
    api_config config;
    hr_why why;
    assert_int_equal(load(&config, no_environment, &why, 0, NULL), HR_OK);
    assert_string_equal(config.http.host, "127.0.0.1");
    assert_int_equal(config.http.port, 8080);
    assert_string_equal(config.mqtt.host, "127.0.0.1");
    assert_int_equal(config.mqtt.port, 1883);
    assert_true(config.data[0] != 0);
}

static void flags_win_over_the_environment_and_that_over_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/hr-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "# a comment\n\nhttp = 127.0.0.1:1\nmqtt=127.0.0.1:2\n"
                               "tiles =  /a b.mbtiles \nno-demo = true\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    char file_variable[64];
    snprintf(file_variable, sizeof file_variable, "HEDGEROW_CONFIG=%s", path);
    char mqtt_variable[] = "HEDGEROW_MQTT=127.0.0.1:3";
    char http_variable[] = "HEDGEROW_HTTP=127.0.0.1:4";
    char other_variable[] = "PATH=/bin";
    char *environment[] = {file_variable, mqtt_variable, other_variable, http_variable, NULL};
    const char *flags[] = {"--http", "[::1]:5", "--no-open"};
    api_config config;
    hr_why why;
    assert_int_equal(load(&config, environment, &why, 3, flags), HR_OK);
    assert_string_equal(config.http.host, "::1");
    assert_int_equal(config.http.port, 5);
    assert_int_equal(config.mqtt.port, 3);
    assert_string_equal(config.tiles, "/a b.mbtiles");
    assert_true(config.no_demo);
    assert_true(config.no_open);
    unlink(path);
}

static void an_unknown_key_names_the_nearest_one(void **state)
{
    (void)state;
    api_config config;
    hr_why why;
    const char *flags[] = {"--mqqt", "x"};
    assert_int_equal(load(&config, no_environment, &why, 2, flags), HR_INVALID);
    assert_non_null(strstr(why.text, "--mqtt"));
    char variable[] = "HEDGEROW_TILE=x";
    char *environment[] = {variable, NULL};
    assert_int_equal(load(&config, environment, &why, 0, NULL), HR_INVALID);
    assert_non_null(strstr(why.text, "\"tiles\""));
    static const char text[] = "data = x\nbroke = y\n";
    assert_int_equal(api_config_parse_file(&config, text, sizeof text - 1, "h.conf", &why),
                     HR_INVALID);
    assert_non_null(strstr(why.text, "h.conf line 2"));
    assert_non_null(strstr(why.text, "\"broker\""));
}

static void a_bad_value_says_what_was_expected(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"--http", "8080"},
        {"--http", "127.0.0.1:"},
        {"--http", "127.0.0.1:70000"},
        {"--http", "example.com:1"},
        {"--partitions", "0"},
        {"--partitions", "8x"},
        {"--no-demo=perhaps", ""},
        {"--mqtt", "127.0.0.1:-1"},
        {"--mqtt", "127.0.0.1:0"},
        {"--tls-cert", "only-one"},
        {"--config", "/nonexistent/file"},
        {"--retain-days", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        api_config config;
        hr_why why;
        int count = bad[i][1][0] == 0 && strchr(bad[i][0], '=') != NULL ? 1 : 2;
        assert_int_equal(load(&config, no_environment, &why, count, bad[i]), HR_INVALID);
        assert_true(strlen(why.text) > 10);
    }
    api_config config;
    hr_why why;
    const char *missing[] = {"--data"};
    assert_int_equal(load(&config, no_environment, &why, 1, missing), HR_INVALID);
    const char *stray[] = {"data"};
    assert_int_equal(load(&config, no_environment, &why, 1, stray), HR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_loopback_and_the_usual_ports),
        cmocka_unit_test(flags_win_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(an_unknown_key_names_the_nearest_one),
        cmocka_unit_test(a_bad_value_says_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
