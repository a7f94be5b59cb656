/* ingest/broker.h - the managed broker: our own mosquitto, its users, its life.
 *
 * Everything it needs lies in one folder (DATA/broker): the configuration, the passwords and rules
 * made from the list of users, the pid file. The command line changes users beside a running
 * service: files are replaced whole and the broker is told to read them again. */
#ifndef INGEST_BROKER_H
#define INGEST_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/metrics.h"

#define BROKER_PACKET_BYTES_MAX ((4u << 20) + 4096) /* the broker cuts who sends more */
#define BROKER_QUEUED_BYTES_MAX (64u << 20)         /* per client; newest dropped, see $SYS */
#define BROKER_INFLIGHT_MAX 100                     /* QoS 1 messages unanswered by a client */
#define BROKER_CONNECTIONS_MAX 2000                 /* further clients are refused */
/* What waits for clients that are away is on the disk only so often, whole each time: what came for
 * them since is lost with a broker that is killed. The log has it, and gateways' batches come
 * again. */
#define BROKER_SAVE_S 300

#define BROKER_USERS_MAX 4096   /* HR_TOO_BIG above */
#define BROKER_PASSWORD_SIZE 33 /* 32 characters and a terminator */

/* The service's own user; nobody may add it. */
#define BROKER_SERVICE_USER "hedgerow"

/* The name of its durable session, by which the broker keeps what comes while it is away. Behind it
 * goes what only the password gives, or anybody could take the session. Versions in which nothing
 * did made passwords that do not begin with this letter. */
#define BROKER_SERVICE_CLIENT "hedgerow-ingest"
#define BROKER_KEYED_LETTER 'K'

typedef enum broker_role {
    BROKER_SERVICE, /* everything under hedgerow/v1 and owntracks; one, made by broker_start */
    BROKER_GATEWAY, /* writes fixes, fix, status and owntracks of its own; reads its ack */
    BROKER_READER,  /* reads hedgerow/v1/event/# */
} broker_role;

const char *broker_role_name(broker_role role);

/* ---- users: from any process, also while no broker runs ---- */

/* Add a user and make its password, told only here. A running broker is told before this returns,
 * or some seconds later if it has just been started.
 * HR_EXISTS: there is one of that name. HR_INVALID: not a user id. */
HR_MUST_USE hr_err broker_user_add(const char *folder, const char *name, broker_role role,
                                   char password[BROKER_PASSWORD_SIZE], hr_why *why);

/* The user's session ends at once. HR_NOT_FOUND: no such user. */
HR_MUST_USE hr_err broker_user_remove(const char *folder, const char *name, hr_why *why);

/* In the order in which they were added, without the service's own. */
typedef void broker_user_visitor(const char *name, broker_role role, void *context);
HR_MUST_USE hr_err broker_user_each(const char *folder, broker_user_visitor *visit, void *context,
                                    hr_why *why);

/* Where the broker of this folder listens, as last started. HR_NOT_FOUND: never was. */
HR_MUST_USE hr_err broker_address(const char *folder, char *address, size_t capacity,
                                  uint16_t *port, hr_why *why);

#define BROKER_PORT 1883 /* on the loopback, unless the service is told otherwise */
#define BROKER_LAN_PORT 8883
#define BROKER_FINGERPRINT_TEXT_SIZE 96

/* What a gateway on the local network needs to know. */
typedef struct broker_lan {
    uint16_t port;
    char ca_file[1024]; /* the authority's certificate, for the gateway to have */
    char fingerprint[BROKER_FINGERPRINT_TEXT_SIZE];
} broker_lan;

/* Listen on every address with TLS as well, with a certificate of an authority made here, from now
 * on and after every start; a running broker is restarted for it. The certificate follows the
 * machine's names and addresses, so that gateways which know the authority stay let in.
 * HR_NOT_FOUND: there never was a broker in this folder. */
HR_MUST_USE hr_err broker_lan_open(const char *folder, uint16_t port, hr_why *why);

/* Listen on the loopback only again. */
HR_MUST_USE hr_err broker_lan_close(const char *folder, hr_why *why);

/* HR_NOT_FOUND: the local network is not let in. */
HR_MUST_USE hr_err broker_lan_get(const char *folder, broker_lan *lan, hr_why *why);

#define BROKER_HOST_SIZE 64

/* How a gateway reaches the broker of this folder. */
typedef struct broker_contact {
    char host[BROKER_HOST_SIZE];
    char name[BROKER_HOST_SIZE]; /* only with is_tls: by multicast DNS; outlives an address */
    uint16_t port;
    bool is_tls;    /* from the local network; else only where the service was told to listen */
    broker_lan lan; /* only with is_tls */
} broker_contact;

/* Before the service's first start, where it listens unless told otherwise. */
HR_MUST_USE hr_err broker_contact_get(const char *folder, broker_contact *contact, hr_why *why);

/* ---- its life: the service only ---- */

/* A broker that is kept running. Threads: any. */
typedef struct broker broker;

typedef struct broker_options {
    const char *folder;  /* made if absent, for its owner only */
    const char *address; /* NULL: 127.0.0.1 */
    uint16_t port;
    const hr_clock *clock;
    hr_metrics *metrics;     /* may be NULL */
    int32_t network_look_ms; /* between two looks at this machine's addresses; 0: a minute */
} broker_options;

/* Write its files and start it, or take over the one that a crash left running if it has the same
 * configuration (another one of this folder is ended). Returns when it accepts connections.
 * HR_NOT_FOUND: mosquitto is not installed. HR_EXISTS: something else has the port. HR_IO: it does
 * not start for another reason; why has its last words. */
HR_MUST_USE hr_err broker_start(const broker_options *options, broker **out, hr_why *why);

/* End the process and stop watching it. NULL is fine. */
void broker_stop(broker *b);

/* The service's own login, made by the first start; valid until broker_stop. */
const char *broker_password(const broker *b);

/* HR_OK while it runs, with a certificate that fits this machine if the local network is let in;
 * else why says since when not, and what it said. HR_CONFLICT: two programs use one client's name.
 */
hr_err broker_health(broker *b, hr_why *why);

/* 0 while it does not run. */
pid_t broker_pid(broker *b);

#endif
