/* test_mqtt_link.c - the connection to a broker, for what no other test of its users shows. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/broker.h"
#include "mqtt/link_private.h"
#include "support.h"
#include "test.h"

#define FILES_MAX 256

static bool is_up(void *context)
{
    return mqtt_link_health(context, NULL) == HR_OK;
}

/* How many sockets are connected to the port, and how many of them send at once. */
static void count_sockets(unsigned port, unsigned *connected, unsigned *at_once)
{
    *connected = *at_once = 0;
    for (int file = 3; file < FILES_MAX; file++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int value = 0;
        socklen_t value_size = sizeof value;
        if (getpeername(file, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != port) {
            continue;
        }
        assert_int_equal(getsockopt(file, IPPROTO_TCP, TCP_NODELAY, &value, &value_size), 0);
        ++*connected;
        *at_once += value != 0;
    }
}

typedef struct one_broker {
    char root[64];
    char address[64];
    uint16_t port;
    broker *b;
} one_broker;

static int start_broker(void **state)
{
    one_broker *o = calloc(1, sizeof *o);
    char folder[96];
    assert_non_null(o);
    snprintf(o->root, sizeof o->root, "%s", support_folder());
    snprintf(folder, sizeof folder, "%s/broker", o->root);
    o->port = support_port();
    broker_options options = {.folder = folder, .port = o->port, .clock = hr_clock_real()};
    assert_int_equal(broker_start(&options, &o->b, NULL), HR_OK);
    snprintf(o->address, sizeof o->address, "tcp://127.0.0.1:%u", o->port);
    *state = o;
    return 0;
}

static int end_broker(void **state)
{
    one_broker *o = *state;
    broker_stop(o->b);
    support_folder_remove(o->root);
    free(o);
    return 0;
}

static mqtt_link *connect_as(const one_broker *o, const char *client_id)
{
    mqtt_link *link = NULL;
    mqtt_options options = {.addresses = o->address,
                            .client_id = client_id,
                            .user = BROKER_SERVICE_USER,
                            .password = broker_password(o->b)};
    assert_int_equal(mqtt_link_start(&options, &link, NULL), HR_OK);
    return link;
}

static void what_is_published_does_not_wait_for_company(void **state)
{
    const one_broker *o = *state;
    unsigned connected, at_once;
    mqtt_link *link = connect_as(o, "test");
    assert_true(support_until(is_up, link));
    count_sockets(o->port, &connected, &at_once);
    assert_int_equal(connected, 1);
    assert_int_equal(at_once, 1);
    mqtt_link_stop(link);
}

typedef struct twins {
    mqtt_link *one;
    mqtt_link *other;
    mqtt_link *third; /* of another name */
} twins;

/* One was sent away three times in a row, each time for longer. What the third sends wakes Paho,
 * which waits up to a second for the sockets that it had when it began to wait. */
static bool waits_longer(void *context)
{
    const twins *t = context;
    hr_err err = mqtt_link_publish(t->third, "hedgerow/v1/fix/barn", "", 0, 1, false, NULL, NULL);
    pthread_mutex_lock(&t->one->lock);
    bool is_longer = t->one->attempts >= 3 && t->one->short_sessions >= 3;
    pthread_mutex_unlock(&t->one->lock);
    return is_longer && err == HR_OK;
}

static void two_of_one_name_leave_each_other_alone_more_and_more_and_say_so(void **state)
{
    const one_broker *o = *state;
    hr_why why = {{0}};
    twins t = {.third = connect_as(o, "mill"), .one = connect_as(o, "barn")};
    assert_true(support_until(is_up, t.third));
    assert_true(support_until(is_up, t.one));
    t.other = connect_as(o, "barn");
    assert_true(support_until(waits_longer, &t));
    assert_int_equal(mqtt_link_health(t.one, &why), HR_CONFLICT);
    assert_string_equal(hr_why_reason_of(&why), "broker.short_sessions");
    assert_non_null(strstr(why.text, "of barn soon"));
    mqtt_link_stop(t.other);
    mqtt_link_stop(t.one);
    mqtt_link_stop(t.third);
}

static void count_message(void *context, const mqtt_message *message)
{
    (void)message;
    atomic_fetch_add((atomic_int *)context, 1);
}

static bool is_connected(void *context)
{
    mqtt_link *link = context;
    pthread_mutex_lock(&link->lock);
    bool is_there = link->state == LINK_UP;
    pthread_mutex_unlock(&link->lock);
    return is_there;
}

static void note_done(void *context, hr_err err)
{
    atomic_store((atomic_int *)context, err == HR_OK ? 1 : -1);
}

static bool is_done(void *context)
{
    return atomic_load((atomic_int *)context) != 0;
}

/* Its connection is there at once: one that is made beside another takes Paho two seconds. */
static void a_held_link_connects_and_hears_nothing_before_it_is_released(void **state)
{
    static const mqtt_subscription all = {"hedgerow/v1/fix/#", 1};
    const one_broker *o = *state;
    atomic_int heard = 0, done = 0;
    mqtt_link *link = NULL;
    mqtt_options options = {.addresses = o->address,
                            .client_id = "test",
                            .user = BROKER_SERVICE_USER,
                            .password = broker_password(o->b),
                            .subscriptions = &all,
                            .subscription_count = 1,
                            .is_held = true,
                            .on_message = count_message,
                            .context = &heard};
    assert_int_equal(mqtt_link_start(&options, &link, NULL), HR_OK);
    assert_true(support_until(is_connected, link));
    assert_int_equal(
        mqtt_link_publish(link, "hedgerow/v1/fix/barn", "1", 1, 1, false, note_done, &done), HR_OK);
    assert_true(support_until(is_done, &done));
    assert_int_not_equal(mqtt_link_health(link, NULL), HR_OK);
    mqtt_link_release(link);
    assert_true(support_until(is_up, link));
    assert_int_equal(atomic_load(&heard), 0);
    assert_int_equal(mqtt_link_publish(link, "hedgerow/v1/fix/barn", "2", 1, 1, false, NULL, NULL),
                     HR_OK);
    assert_true(support_until(is_done, &heard));
    mqtt_link_stop(link);
}

/* Serve one connection until it ends, as a broker that answers all, or all but SUBSCRIBE. */
static void serve(int connection, bool answers_all)
{
    enum {
        CONNECT = 0x10,
        SUBSCRIBE = 0x82,
        PING = 0xc0
    };
    uint8_t head[2]; /* what the link says is shorter than a length of two bytes */
    uint8_t rest[128];
    while (recv(connection, head, 2, MSG_WAITALL) == 2 && head[1] < sizeof rest &&
           (head[1] == 0 || recv(connection, rest, head[1], MSG_WAITALL) == head[1])) {
        const uint8_t accepted[] = {0x20, 3, 0, 0, 0};
        const uint8_t subscribed[] = {0x90, 4, rest[0], rest[1], 0, 1};
        const uint8_t pong[] = {0xd0, 0};
        if (head[0] == CONNECT) {
            assert_int_equal(send(connection, accepted, sizeof accepted, MSG_NOSIGNAL), 5);
        } else if (head[0] == PING) {
            assert_int_equal(send(connection, pong, sizeof pong, MSG_NOSIGNAL), 2);
        } else if (head[0] == SUBSCRIBE && answers_all) {
            assert_int_equal(send(connection, subscribed, sizeof subscribed, MSG_NOSIGNAL), 6);
        }
    }
    close(connection);
}

/* The first connection is served worse than the second. */
static void *serve_twice(void *context)
{
    const int *listener = context;
    for (int i = 0; i < 2; i++) {
        int connection = accept(*listener, NULL, NULL);
        assert_true(connection >= 0);
        serve(connection, i > 0);
    }
    return NULL;
}

static void a_broker_that_never_answers_a_subscription_is_left_for_another_try(void **state)
{
    (void)state;
    static const mqtt_subscription all = {"hedgerow/v1/fix/#", 1};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    char address[64];
    pthread_t server;
    mqtt_link *link = NULL;
    assert_int_equal(bind(listener, (struct sockaddr *)&place, size), 0);
    assert_int_equal(listen(listener, 2), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&place, &size), 0);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", ntohs(place.sin_port));
    assert_int_equal(pthread_create(&server, NULL, serve_twice, &listener), 0);
    mqtt_options options = {.addresses = address,
                            .client_id = "test",
                            .keep_alive_s = 1,
                            .subscriptions = &all,
                            .subscription_count = 1};
    assert_int_equal(mqtt_link_start(&options, &link, NULL), HR_OK);
    assert_true(support_until(is_up, link));
    mqtt_link_stop(link);
    pthread_join(server, NULL);
    close(listener);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, start_broker, end_broker)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BROKER(what_is_published_does_not_wait_for_company),
        WITH_BROKER(a_held_link_connects_and_hears_nothing_before_it_is_released),
        cmocka_unit_test(a_broker_that_never_answers_a_subscription_is_left_for_another_try),
        WITH_BROKER(two_of_one_name_leave_each_other_alone_more_and_more_and_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
