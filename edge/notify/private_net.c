/* notify/private_net.c - a table of networks. A webhook must not become a way into the farm's own.
 */
#include "notify/private_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

typedef struct network {
    uint32_t base;
    unsigned bits;
} network;

static bool is_private4(uint32_t host)
{
    static const network networks[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* behind a carrier's translation */
        {0x7f000000, 8},  /* this machine */
        {0xa9fe0000, 16}, /* link-local, also the clouds' keys */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* measuring */
        {0xe0000000, 3},  /* multicast and reserved */
    };
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        uint32_t mask = 0xffffffffu << (32 - networks[i].bits);
        if ((host & mask) == networks[i].base) {
            return true;
        }
    }
    return false;
}

static uint32_t host_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Only 2000::/3 is given out; within it two ways of wrapping an IPv4 address. */
static bool is_private6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0) {
        return is_private4(host_at(a + 12));
    }
    if (a[0] == 0x20 && a[1] == 0x02) {
        return is_private4(host_at(a + 2));
    }
    return (a[0] & 0xe0) != 0x20;
}

bool private_net_holds(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_private4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return is_private6(in.sin6_addr.s6_addr);
    }
    return true;
}
