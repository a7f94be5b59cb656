/* notify/private_net.h - which addresses are not the open internet. */
#ifndef NOTIFY_PRIVATE_NET_H
#define NOTIFY_PRIVATE_NET_H

#include <stdbool.h>

struct sockaddr;

/* True for this machine, private and link-local networks, multicast, everything reserved, and
 * whatever is not IPv4 or IPv6; also when wrapped into an IPv6 address. */
bool private_net_holds(const struct sockaddr *address);

#endif
