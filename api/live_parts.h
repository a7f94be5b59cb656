/* api/live_parts.h - what the WebSocket's files share. Service thread only, unless it says more. */
#ifndef API_LIVE_PARTS_H
#define API_LIVE_PARTS_H

#include <cjson/cJSON.h>

#include "engine/live.h"
#include "live.h"
#include "live_handles.h"
#include "log/reader.h"
#include "server_parts.h"

/* What a client wants to see of where devices are. */
typedef struct live_view {
    bool is_wanted;
    bool is_binary;
    bool is_due;        /* a period is over */
    uint32_t box_count; /* 2 when the view crosses the antimeridian */
    geo_box boxes[2];
    engine_moved_mark marks[2];
    int64_t period_ns;
    int64_t next_ns;
    uint64_t tick; /* number of the last frame */
    uint64_t seen; /* what the client says it has shown */
    bool tells_seen;
    bool is_coarse;   /* too many devices: counts by cell */
    uint32_t skipped; /* periods in which nothing could be sent */
    live_told told;   /* handles whose names the client knows */
} live_view;

/* The standing queries whose answers a client wants. */
#define LIVE_WINDOWS_MAX 8
typedef struct live_window {
    char name[HR_FENCE_ID_MAX + 1];
    uint64_t revision; /* of the answer it has */
} live_window;

typedef struct live_windows {
    uint32_t count;
    uint32_t due; /* so many of the list are still to be looked at in this period */
    int64_t next_ns;
    live_window list[LIVE_WINDOWS_MAX];
} live_windows;

typedef struct live_client {
    api_server *server;
    struct lws *wsi; /* NULL once the connection is gone */
    struct live_client *next;
    struct live_client *previous;
    _Atomic bool is_gone; /* wsi is NULL; read by handlers' threads */
    unsigned job_count;   /* with the pool; the last one that returns frees a closed client */
    api_caller caller;
    char session[API_SECRET_TEXT_MAX];
    char bearer[API_SECRET_TEXT_MAX];
    char peer[48];
    bool is_greeted;
    bool is_paused;           /* we do not read from it until its answers are gone */
    int64_t waiting_since_ns; /* since when it should have become writable; 0: not waiting */
    hr_buf rx;                /* a message that came in pieces */
    hr_buf answers;           /* messages to send; see live_queue_put */
    size_t answers_at;
    bool wants_events;
    bool is_catching_up;   /* a job reads the log for it */
    uint32_t subscription; /* grows with each: what a job found for an older one is dropped */
    int64_t next_event;    /* offset */
    hr_buf missed;         /* what that job found; as answers */
    size_t missed_at;
    live_view view;
    live_windows windows;
} live_client;

struct live_hub {
    api_server *server;
    live_client *first;
    unsigned client_count;
    lws_sorted_usec_list_t timer;
    int64_t checked_ns; /* when clients were last looked over */
    log_reader *tail;   /* behind the newest event in the ring */
    int64_t ring_next;  /* offset that comes next */
    uint32_t ring_count;
    size_t ring_bytes;
    struct live_ring_entry {
        int64_t offset;
        char *text;
        size_t size;
    } ring[LIVE_RING_MAX]; /* entry of offset o at o % LIVE_RING_MAX */
    live_handles handles;
    uint32_t coarse_count;  /* clients that get counts */
    int64_t coarse_cost_ns; /* what the last counting took */
    engine_answer found;
    hr_buf frame; /* what is being put together */
    hr_buf names;
    api_request request;
    api_answer answer;
    char complaint[192]; /* the last one that has a name in it */
    hr_gauge *clients;
    hr_counter *sent;
    hr_counter *laggards;
};

/* ---- live.c ---- */

/* Ask lws to tell when the client can take more. */
void live_want_write(live_client *client);

/* Put a message into a queue, with room for what lws puts before it; whole or, on an error, not. */
void live_queue_put(hr_buf *queue, const void *bytes, size_t size);
/* Send the message; a client for whom it cannot be kept is ended. */
void live_answer(live_client *client, const hr_buf *message);
/* End the connection soon; the client resumes with another. */
void live_end(live_client *client);
/* Write one frame now; -1 ends the connection. */
int live_write(live_client *client, const void *bytes, size_t size, bool is_binary);

/* A job gives its client back. */
void live_client_release(live_client *client);

/* ---- live_events.c ---- */
hr_err live_events_init(live_hub *hub);
void live_events_fini(live_hub *hub);
/* Offset of the newest committed event; -1: none. */
int64_t live_events_newest(const live_hub *hub);
/* The client wants what comes after `after`, of that epoch. */
void live_events_subscribe(live_hub *hub, live_client *client, const char *epoch, int64_t after);

/* Write the next event. 1: done; 0: there is none now; -1 ends the connection. */
int live_events_write(live_hub *hub, live_client *client);

/* ---- live_positions.c ---- */
/* Mark whose period is over. */
void live_positions_tick(live_hub *hub, int64_t now_ns);

/* Write what has moved. As live_events_write. */
int live_positions_write(live_hub *hub, live_client *client);

/* ---- live_windows.c ---- */
/* What is wrong with a list of names, or NULL. */
const char *live_windows_complaint(const cJSON *windows);
/* As their twins above, of such a list, or of null; which name no query has yet, or NULL. */
const char *live_windows_subscribe(live_hub *hub, live_client *client, const cJSON *windows);
void live_windows_tick(live_hub *hub, int64_t now_ns);
int live_windows_write(live_hub *hub, live_client *client);

/* ---- live_request.c ---- */
/* Act on a message. False: it was none; end the connection. */
bool live_receive(live_hub *hub, live_client *client, const char *text, size_t size);

#endif
