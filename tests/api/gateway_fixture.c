/* tests/api/gateway_fixture.c - makes an MQTT user beside a running service and prints its
 * password.
 *
 * usage: gateway_fixture DATA/broker NAME */
#include <stdio.h>

#include "ingest/broker.h"

int main(int argc, char **argv)
{
    char password[BROKER_PASSWORD_SIZE];
    hr_why why = {.text = ""};
    if (argc != 3) {
        return 2;
    }
    if (broker_user_add(argv[1], argv[2], BROKER_GATEWAY, password, &why) != HR_OK) {
        fprintf(stderr, "gateway_fixture: %s\n", why.text);
        return 1;
    }
    puts(password);
    return 0;
}
