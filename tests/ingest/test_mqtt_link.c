/* test_mqtt_link.c - the connection to a broker, for what no other test of its users shows. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/broker.h"
#include "mqtt/link.h"
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

static void what_is_published_does_not_wait_for_company(void **state)
{
    (void)state;
    char root[64], folder[96], address[64];
    broker *b = NULL;
    mqtt_link *link = NULL;
    unsigned connected, at_once;
    snprintf(root, sizeof root, "%s", support_folder());
    snprintf(folder, sizeof folder, "%s/broker", root);
    uint16_t port = support_port();
    broker_options broker_of = {.folder = folder, .port = port, .clock = hr_clock_real()};
    assert_int_equal(broker_start(&broker_of, &b, NULL), HR_OK);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    mqtt_options options = {.addresses = address,
                            .client_id = "test",
                            .user = BROKER_SERVICE_USER,
                            .password = broker_password(b)};
    assert_int_equal(mqtt_link_start(&options, &link, NULL), HR_OK);
    assert_true(support_until(is_up, link));
    count_sockets(port, &connected, &at_once);
    assert_int_equal(connected, 1);
    assert_int_equal(at_once, 1);
    mqtt_link_stop(link);
    broker_stop(b);
    support_folder_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_does_not_wait_for_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
