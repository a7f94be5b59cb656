/* api/live.h - the WebSocket /v1/live, subprotocol hedgerow.v1, as LIVE.md describes it. */
#ifndef API_LIVE_H
#define API_LIVE_H

#include <libwebsockets.h>

#include "server.h"

#define LIVE_SUBPROTOCOL "hedgerow.v1"
#define LIVE_CLIENTS_MAX 1500               /* further ones are refused with 503 */
#define LIVE_MESSAGE_BYTES_MAX (256u << 10) /* from a client; the connection ends above */
#define LIVE_PENDING_BYTES_MAX (1u << 20)   /* answers waiting; then we stop reading from it */
#define LIVE_LAGGARD_S 20                   /* nothing could be written for so long: it is ended */
#define LIVE_RING_MAX 4096                  /* newest events kept as text for all clients */
#define LIVE_RING_BYTES_MAX (8u << 20)
#define LIVE_HZ_MIN 0.01
#define LIVE_HZ_MAX 10
#define LIVE_POSITIONS_MAX 12000 /* in one frame, 144 kB; more devices in view: counts */
#define LIVE_UNSEEN_MAX 4        /* position frames ahead of a client's "seen" */

/* All clients. Threads: the service thread only. */
typedef struct live_hub live_hub;

HR_MUST_USE hr_err live_hub_new(api_server *server, live_hub **out);

/* Every connection is gone already. NULL is fine. */
void live_hub_free(live_hub *hub);

/* Something was committed: look for new events. */
void live_hub_poll(live_hub *hub);

/* Begin the timer; once the context exists. */
void live_hub_begin(live_hub *hub);

/* Before lws looks at a WebSocket upgrade: 0, or -1 when it was refused, with an answer that says
 * why. */
int live_confirm_upgrade(live_hub *hub, struct lws *wsi);

/* Answer an upgrade with 503: there are too many. Returns -1. */
int live_refuse_crowd(live_hub *hub, struct lws *wsi);

/* The subprotocol's callback, and what lws keeps for each connection. */
int live_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t size);
size_t live_session_bytes(void);

#endif
