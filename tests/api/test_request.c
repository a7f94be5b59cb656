/* tests/api/test_request.c - targets, routes and bodies' heads, without a network. */
#include "test.h"

#include <string.h>

#include "api/dispatch.h"

static api_request request;

static hr_err set_target(const char *target)
{
    api_request_reset(&request);
    return api_request_set_target(&request, target, strlen(target));
}

static void a_target_is_split_before_it_is_decoded(void **state)
{
    (void)state;
    assert_int_equal(set_target("/v1/fences/a%2Fb?x=1%262&y=a+b%2B&flag&%3D=%3d"), HR_OK);
    assert_string_equal(request.path, "/v1/fences/a/b");
    assert_string_equal(api_request_param(&request, "x"), "1&2");
    assert_string_equal(api_request_param(&request, "y"), "a b+");
    assert_string_equal(api_request_param(&request, "flag"), "");
    assert_string_equal(api_request_param(&request, "="), "=");
    assert_null(api_request_param(&request, "z"));
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "?a=b", "/%", "/%4", "/%zz", "/a?b=%00", "/%00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(set_target(bad[i]), HR_INVALID);
    }
    char many[512] = "/p?";
    for (int i = 0; i < API_PARAMS_MAX + 1; i++) {
        many[3 + 2 * i] = 'a';
        many[4 + 2 * i] = '&';
    }
    assert_int_equal(set_target(many), HR_TOO_BIG);
    static char longest[API_TARGET_BYTES_MAX + 2];
    memset(longest, '/', sizeof longest - 1);
    assert_int_equal(set_target(longest), HR_TOO_BIG);
    longest[API_TARGET_BYTES_MAX] = 0;
    assert_int_equal(set_target(longest), HR_OK);
}

static const api_route *find(api_method method, const char *target, uint32_t *allowed)
{
    assert_int_equal(set_target(target), HR_OK);
    request.method = method;
    return api_route_find(&request, allowed);
}

static void routes_are_found_by_method_and_path(void **state)
{
    (void)state;
    uint32_t allowed = 0;
    const api_route *route = find(API_GET, "/v1/health", &allowed);
    assert_non_null(route);
    assert_ptr_equal(find(API_HEAD, "/v1/health?x=1", &allowed), route);
    assert_null(find(API_POST, "/v1/health", &allowed));
    char text[64];
    api_allow_text(allowed, text, sizeof text);
    assert_string_equal(text, "GET, HEAD, OPTIONS");
    assert_null(find(API_GET, "/v1/healthy", &allowed));
    assert_int_equal(allowed, 0);
    assert_null(find(API_GET, "/v1/", &allowed));
    assert_int_equal(allowed, 0);
}

static void every_row_is_well_formed(void **state)
{
    (void)state;
    size_t count = 0;
    const api_route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(routes[i].path[0] == '/');
        assert_non_null(routes[i].handle);
        assert_true(strlen(routes[i].summary) > 5);
        assert_true(routes[i].method != API_HEAD && routes[i].method != API_OPTIONS);
        for (size_t j = 0; j < i; j++) {
            assert_false(routes[i].method == routes[j].method &&
                         strcmp(routes[i].path, routes[j].path) == 0);
        }
        bool takes_body = routes[i].method == API_POST || routes[i].method == API_PUT ||
                          routes[i].method == API_PATCH;
        assert_true(takes_body || routes[i].body_bytes_max == 0);
        assert_true(routes[i].method == API_GET || routes[i].rate != API_RATE_FREE);
    }
}

static void bodies_need_a_length_a_size_and_a_type(void **state)
{
    (void)state;
    static const api_route route = {.body_bytes_max = 100, .request_schema = "Login"};
    api_answer answer;
    api_answer_init(&answer);
    api_request_reset(&request);
    request.method = API_POST;
    assert_false(api_admit_body(&route, &request, -1, false, &answer));
    assert_int_equal(answer.status, 411);
    assert_true(answer.close);
    assert_false(api_admit_body(&route, &request, 10, true, &answer));
    assert_int_equal(answer.status, 411);
    assert_false(api_admit_body(&route, &request, 101, false, &answer));
    assert_int_equal(answer.status, 413);
    assert_true(api_admit_body(&route, &request, 100, false, &answer));
    memcpy(request.content_type, "text/xml", 9);
    assert_false(api_admit_body(&route, &request, 100, false, &answer));
    assert_int_equal(answer.status, 415);
    memcpy(request.content_type, "application/geo+json; charset=utf-8", 36);
    assert_true(api_admit_body(&route, &request, 100, false, &answer));
    api_answer_fini(&answer);
}

static void only_our_names_and_origins_count(void **state)
{
    (void)state;
    api_context context = {.origins = "https://farm.example", .hosts = "gate.example"};
    context.clock = hr_clock_real();
    static const struct {
        const char *host;
        bool is_ours;
    } hosts[] = {{"127.0.0.1:8080", true}, {"[::1]:8080", true},
                 {"localhost", true},      {"gateway:8080", true},
                 {"gate.example:1", true}, {"pi.local", true},
                 {"evil.example", false},  {"", false},
                 {".local", false},        {"127.0.0.1.evil.example", false}};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        api_answer answer;
        api_answer_init(&answer);
        assert_int_equal(set_target("/v1/health"), HR_OK);
        memcpy(request.host, hosts[i].host, strlen(hosts[i].host) + 1);
        assert_int_equal(api_admit(&context, &request, &answer) != NULL, hosts[i].is_ours);
        api_answer_fini(&answer);
    }
    assert_true(api_origin_is_allowed(&context, "http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(api_origin_is_allowed(&context, "https://farm.example", "127.0.0.1:8080"));
    assert_false(api_origin_is_allowed(&context, "http://127.0.0.1:8081", "127.0.0.1:8080"));
    assert_false(api_origin_is_allowed(&context, "null", "127.0.0.1:8080"));
    assert_false(api_origin_is_allowed(&context, "http://127.0.0.1:8080.evil", "127.0.0.1:8080"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_split_before_it_is_decoded),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(routes_are_found_by_method_and_path),
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(bodies_need_a_length_a_size_and_a_type),
        cmocka_unit_test(only_our_names_and_origins_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
