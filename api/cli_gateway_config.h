/* api/cli_gateway_config.h - what a new gateway needs to have: hedgerow-edge's configuration, or a
 * link that sets up a phone with OwnTracks. */
#ifndef API_CLI_GATEWAY_CONFIG_H
#define API_CLI_GATEWAY_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "ingest/broker.h"

typedef struct gateway_login {
    const char *name;
    const char *password;
    const broker_contact *contact;
} gateway_login;

/* hedgerow-edge's configuration. ca_file is where that gateway finds the authority's certificate;
 * NULL: where a person will put it, and the text says so. */
void gateway_config_put(hr_buf *out, const gateway_login *login, const char *ca_file);

/* "owntracks:///config?inline=..."; terminated. */
void gateway_phone_link_put(hr_buf *out, const gateway_login *login);

/* Make the file of that name, readable by its owner only; *fd is for close().
 * HR_EXISTS: there is one. */
HR_MUST_USE hr_err gateway_config_create(const char *path, int *fd, hr_why *why);

/* Write the configuration there, and with TLS the authority's certificate into PATH.ca.pem. */
HR_MUST_USE hr_err gateway_config_write(int fd, const char *path, const gateway_login *login,
                                        hr_why *why);

#endif
