/* api/cli_follow.h - commands that go on until they are ended. */
#ifndef API_CLI_FOLLOW_H
#define API_CLI_FOLLOW_H

#include <stdbool.h>

/* Wait, or return false at once when nobody reads the output any more, as where it goes to
 * `head -1`. */
bool cli_wait_for_news(int wait_ms);

#endif
