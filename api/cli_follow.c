/* api/cli_follow.c - see cli_follow.h. */
#include "cli_follow.h"

#include <poll.h>
#include <unistd.h>

bool cli_wait_for_news(int wait_ms)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    poll(&out, 1, wait_ms);
    return (out.revents & (POLLERR | POLLHUP)) == 0;
}
