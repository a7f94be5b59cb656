/* ingest/broker_tls.h - the broker's own certificate authority, and its certificate from it. */
#ifndef INGEST_BROKER_TLS_H
#define INGEST_BROKER_TLS_H

#include <stdbool.h>

#include "base/err.h"

#define BROKER_CA_NAME "ca.pem"
#define BROKER_CERT_NAME "server.pem" /* and its key: they are replaced together */
#define BROKER_FINGERPRINT_SIZE 96    /* 32 bytes in hex with colons, and a terminator */

/* Make the authority if there is none, and a certificate for every name and address that this
 * machine has now, unless the one that is there says the same already. *is_new (may be NULL) gets
 * whether one was made. After an error what was there is still there. */
HR_MUST_USE hr_err broker_tls_make(const char *folder, bool *is_new, hr_why *why);

/* True if a broker could begin with what is there, whomever it speaks of. */
bool broker_tls_is_usable(const char *folder);

/* SHA-256 of the authority's certificate: what a person compares. HR_NOT_FOUND: none was made. */
HR_MUST_USE hr_err broker_tls_fingerprint(const char *folder,
                                          char fingerprint[BROKER_FINGERPRINT_SIZE], hr_why *why);

#endif
