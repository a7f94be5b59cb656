/* api/replay.c - a small table of answers by caller, path and key. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

typedef enum replay_state {
    REPLAY_EMPTY,
    REPLAY_RUNNING,
    REPLAY_DONE,
} replay_state;

typedef struct replay {
    replay_state state;
    uint64_t key;
    uint64_t body_hash;
    int64_t made_ms;
    int status;
    const char *content_type;
    char location[160];
    char etag[80];
    uint8_t *body;
    size_t body_size;
} replay;

struct api_replays {
    const hr_clock *clock;
    pthread_mutex_t lock;
    replay replays[API_REPLAYS_MAX]; /* protected by lock */
};

api_replays *api_replays_new(const hr_clock *clock)
{
    api_replays *replays = calloc(1, sizeof *replays);
    if (replays != NULL) {
        replays->clock = clock;
        pthread_mutex_init(&replays->lock, NULL);
    }
    return replays;
}

static void clear(replay *replay)
{
    free(replay->body);
    memset(replay, 0, sizeof *replay);
}

void api_replays_free(api_replays *replays)
{
    if (replays == NULL) {
        return;
    }
    for (int i = 0; i < API_REPLAYS_MAX; i++) {
        clear(&replays->replays[i]);
    }
    pthread_mutex_destroy(&replays->lock);
    free(replays);
}

static uint64_t key_of(const api_request *request)
{
    uint64_t key = hr_hash64(request->caller.user, strlen(request->caller.user));
    key = hr_hash64_seeded(request->path, strlen(request->path), key);
    return hr_hash64_seeded(request->idempotency_key, strlen(request->idempotency_key), key);
}

/* Of what is asked: what was asked with other parameters was something else. */
static uint64_t hash_of(const api_request *request)
{
    uint64_t hash = hr_hash64(request->body, request->body_size);
    for (uint32_t i = 0; i < request->param_count; i++) {
        const api_param *param = &request->params[i];
        hash = hr_hash64_seeded(param->name, strlen(param->name), hash);
        hash = hr_hash64_seeded(param->value, strlen(param->value), hash);
    }
    return hash;
}

static replay *find(api_replays *replays, uint64_t key, int64_t now_ms)
{
    for (int i = 0; i < API_REPLAYS_MAX; i++) {
        replay *each = &replays->replays[i];
        if (each->state == REPLAY_DONE && now_ms - each->made_ms > API_REPLAY_MS) {
            clear(each);
        }
        if (each->state != REPLAY_EMPTY && each->key == key) {
            return each;
        }
    }
    return NULL;
}

/* An empty place, or that of the oldest finished one; NULL when all are running. */
static replay *make_room(api_replays *replays)
{
    replay *oldest = NULL;
    for (int i = 0; i < API_REPLAYS_MAX; i++) {
        replay *each = &replays->replays[i];
        if (each->state == REPLAY_EMPTY) {
            return each;
        }
        if (each->state == REPLAY_DONE && (oldest == NULL || each->made_ms < oldest->made_ms)) {
            oldest = each;
        }
    }
    if (oldest != NULL) {
        clear(oldest);
    }
    return oldest;
}

static void give_again(const replay *kept, uint64_t body_hash, api_answer *answer)
{
    if (kept->body_hash != body_hash) {
        api_answer_error(answer, 422, "idempotency.reused", NULL,
                         "this Idempotency-Key was used for something else");
    } else if (kept->state == REPLAY_RUNNING) {
        api_answer_error(answer, 409, "idempotency.running", NULL,
                         "the first request with this Idempotency-Key is still being done");
        answer->retry_after_s = 1;
    } else {
        answer->status = kept->status;
        answer->content_type = kept->content_type;
        memcpy(answer->location, kept->location, sizeof answer->location);
        memcpy(answer->etag, kept->etag, sizeof answer->etag);
        hr_buf_clear(&answer->body);
        hr_buf_put(&answer->body, kept->body, kept->body_size);
    }
}

bool api_replays_begin(api_replays *replays, const api_request *request, api_answer *answer)
{
    uint64_t key = key_of(request);
    uint64_t body_hash = hash_of(request);
    int64_t now_ms = hr_clock_now_ms(replays->clock);
    bool do_it = true;
    pthread_mutex_lock(&replays->lock);
    const replay *kept = find(replays, key, now_ms);
    if (kept != NULL) {
        give_again(kept, body_hash, answer);
        do_it = false;
    } else {
        replay *made = make_room(replays);
        if (made != NULL) {
            *made = (replay){
                .state = REPLAY_RUNNING, .key = key, .body_hash = body_hash, .made_ms = now_ms};
        }
    }
    pthread_mutex_unlock(&replays->lock);
    return do_it;
}

void api_replays_end(api_replays *replays, const api_request *request, const api_answer *answer)
{
    uint64_t key = key_of(request);
    pthread_mutex_lock(&replays->lock);
    replay *kept = find(replays, key, hr_clock_now_ms(replays->clock));
    if (kept != NULL) {
        size_t size = answer->body.size;
        uint8_t *body = size <= API_REPLAY_BODY_BYTES_MAX ? malloc(size + 1) : NULL;
        if (body == NULL || answer->status >= 500 || answer->status == 429) {
            free(body);
            clear(kept);
        } else {
            memcpy(body, answer->body.data != NULL ? answer->body.data : (uint8_t *)"", size);
            kept->state = REPLAY_DONE;
            kept->status = answer->status;
            kept->content_type = answer->content_type;
            memcpy(kept->location, answer->location, sizeof kept->location);
            memcpy(kept->etag, answer->etag, sizeof kept->etag);
            kept->body = body;
            kept->body_size = size;
        }
    }
    pthread_mutex_unlock(&replays->lock);
}
